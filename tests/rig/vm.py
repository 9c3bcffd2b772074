# SPDX-License-Identifier: LGPL-2.1-or-later
"""A board in a virtual machine: Debian 13's kernel and RAUC, for what takes nbd and dm-verity.

All of it is in memory: two slots that are files, a boot loader that is a script. It runs under QEMU without
KVM, so it takes some seconds to come up. Its bus appears here as a Unix socket; a server on this machine's
loopback interface is at the same address for it.
"""

import lzma
import re
import shutil
import socket
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from rig import bundles
from rig.cache import once
from rig.debian import mirror
from rig.process import Process, need, run, wait_until
from rig.rauc import SCRIPTS
from rig.target import free_port

#: What the kernel loads, with all that these depend on.
MODULES = ("virtio_net", "nbd", "dm-verity", "squashfs")
HOST = "10.0.2.2"  # this machine, as QEMU's user network shows it

_INIT = """\
#!/usr/bin/busybox sh
export PATH=/usr/sbin:/usr/bin
for folder in proc sys dev run tmp; do busybox mkdir -p /$folder; done
busybox mount -t proc proc /proc
busybox mount -t sysfs sysfs /sys
busybox mount -t devtmpfs devtmpfs /dev
busybox mount -t tmpfs tmpfs /run
busybox mount -t tmpfs -o mode=1777 tmpfs /tmp
exec > /dev/console 2>&1
for module in /modules/*; do busybox insmod $module; done
busybox ip link set lo up
busybox ip addr add 10.0.2.15/24 dev eth0
busybox ip link set eth0 up
busybox ip route add default via {host}
busybox mkdir -p /run/dbus
dbus-daemon --config-file=/board/bus.conf --nofork --nopidfile &
until [ -S /run/dbus/system_bus_socket ]; do busybox usleep 50000; done
relay() {{ systemd-socket-activate -l $1 /usr/lib/systemd/systemd-socket-proxyd $2 & }}
relay 5555 /run/dbus/system_bus_socket
for word in $(busybox cat /proc/cmdline); do
    case $word in server=*) relay 127.0.0.1:${{word#server=}} {host}:${{word#server=}} ;; esac
done
for slot in rootfs.0 rootfs.1; do busybox truncate -s 16M /board/$slot.img; done
export RIG_BOARD=/board RIG_SCRIPTS=/board/scripts
busybox mkdir -p /board/mount /board/hold
echo A > /board/booted
rauc -c /board/system.conf --override-boot-slot=A service
echo "RAUC ended with $?"
"""

_SYSTEM = """\
[system]
compatible=rig-board
bootloader=custom
bundle-formats=plain verity
mountprefix=/board/mount
data-directory=/board

[keyring]
path=/board/ca.pem

[handlers]
bootloader-custom-backend=/board/scripts/bootloader.sh

[slot.rootfs.0]
device=/board/rootfs.0.img
type=raw
bootname=A

[slot.rootfs.1]
device=/board/rootfs.1.img
type=raw
bootname=B
"""

_BUS = """\
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"""
