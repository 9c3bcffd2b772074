# SPDX-License-Identifier: LGPL-2.1-or-later
"""A board in a virtual machine: Debian 13's kernel and RAUC, for what takes nbd and dm-verity.

All of it is in memory: two slots that are files, a boot loader that is a script. It runs under QEMU without
KVM, so it takes some seconds to come up. Its bus appears here as a Unix socket; a server on this machine's
loopback interface is at the same address for it.
"""

import lzma
import re
import shutil
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rig import bundles
from rig.bootloader import BootLoader
from rig.bus import CONFIGURATION, Bus
from rig.cache import once, remove
from rig.debian import mirror
from rig.process import Process, need, run
from rig.rauc import INSTALLER, SCRIPTS
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
for applet in $(busybox --list); do [ -e /usr/bin/$applet ] || busybox ln -s busybox /usr/bin/$applet; done
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

#: The bus of this rig's boards, at the guest's usual place.
_BUS = CONFIGURATION.format(address="unix:path=/run/dbus/system_bus_socket")


def _make(folder: Path) -> None:
    """Unpack Debian 13's kernel and programs, and pack what is needed of them as an initramfs."""
    need("mmdebstrap")
    folder.mkdir()
    root = folder / "root"
    wanted = "--include=rauc,dbus-daemon,busybox-static,systemd,linux-image-cloud-amd64"
    lean = "--aptopt=Apt::Install-Recommends false"
    run("mmdebstrap", "--quiet", "--variant=extract", wanted, lean, "trixie", root, mirror())
    (kernel,) = root.glob("boot/vmlinuz-*")
    kernel.rename(folder / "vmlinuz")
    (root / "modules").mkdir()
    for number, module in enumerate(modules(root, MODULES)):
        (root / "modules" / f"{number:02}").write_bytes(module)
    for unneeded in ("boot", "usr/lib/modules", "usr/share", "usr/lib/udev", "usr/lib/locale"):
        remove(root / unneeded)
    (root / "etc" / "passwd").write_text("root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    (root / "etc" / "group").write_text("root:x:0:\nnogroup:x:65534:\n")
    (root / "init").write_text(_INIT.format(host=HOST))
    (root / "init").chmod(0o755)
    pack(root, folder / "initramfs", root / "usr" / "bin" / "busybox")


def modules(root: Path, wanted: Iterable[str]) -> list[bytes]:
    """Return the kernel's modules that are wanted, each after those that it depends on."""
    files = {path.name.partition(".")[0].replace("-", "_"): path for path in root.rglob("*.ko.xz")}
    ordered: dict[str, bytes] = {}

    def add(name: str) -> None:
        name = name.replace("-", "_")
        if name not in files or name in ordered:
            return  # the kernel has it already
        content = lzma.decompress(files[name].read_bytes())
        needs = re.search(rb"\0depends=([^\0]*)", content)
        for needed in needs[1].decode().split(",") if needs else []:
            add(needed)
        ordered[name] = content

    for name in wanted:
        add(name)
    return list(ordered.values())


def pack(folder: Path, archive: Path, busybox: Path) -> None:
    """Pack a folder as the kernel wants an initramfs; several archives in a row are one."""
    names = "\n".join(str(path.relative_to(folder)) for path in sorted(folder.rglob("*")))
    (archive.parent / "names").write_text(names)
    run(
        "sh",
        "-c",
        'exec "$1" cpio -o -H newc < "$2" > "$3"',
        "sh",
        busybox,
        archive.parent / "names",
        archive,
        cwd=folder,
    )


class _GuestBus(Bus):
    """The bus in the machine: a Unix socket here that leads to QEMU's forwarded port."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder)
        self._port = port

    def start(self) -> None:
        relay = ["systemd-socket-activate", "-l", self.address.removeprefix("unix:path=")]
        relay += ["/lib/systemd/systemd-socket-proxyd", f"127.0.0.1:{self._port}"]
        self._daemon = Process(relay, self.folder / "relay.log")
        self._daemon.ready(self._listens, "the relay to the machine's bus")


class VerityBoard:
    """A virtual board, running from A, which is committed; `rig.run.daemon` runs the daemon beside it.

    Attributes:
        folder: everything that it keeps here.
        bus: the machine's bus.
        boot_id_file: what the daemon takes for the id of the machine's boot.
    """

    def __init__(self, folder: Path, server: str) -> None:
        """Prepare it; entering the context starts it.

        Args:
            folder: what it keeps.
            server: host:port on this machine's loopback interface that it reaches at the same address.
        """
        need("qemu-system-x86_64", "systemd-socket-activate")
        (folder / "files" / "board").mkdir(parents=True)
        self.folder = folder
        self.boot_id_file = folder / "boot_id"
        self.boot_id_file.write_text(f"{uuid.uuid4()}\n")
        self._server = server.rpartition(":")[2]
        self._port = free_port()
        self.bus = _GuestBus(folder / "bus", self._port)

    def __enter__(self) -> Self:
        made = once("vm", _make)
        initramfs = self.folder / "initramfs"
        self._pack_board(made / "root" / "usr" / "bin" / "busybox", self.folder / "board.cpio")
        with initramfs.open("wb") as file:
            for part in (made / "initramfs", self.folder / "board.cpio"):
                file.write(part.read_bytes())
        # fmt: off
        self._machine = Process(
            ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "768", "-nodefaults", "-display", "none",
             "-no-reboot", "-serial", "stdio", "-kernel", made / "vmlinuz", "-initrd", initramfs,
             "-append", f"console=ttyS0 quiet panic=-1 server={self._server}",
             "-netdev", f"user,id=n0,hostfwd=tcp:127.0.0.1:{self._port}-:5555",
             "-device", "virtio-net-pci,netdev=n0,romfile=", "-device", "virtio-rng-pci"],
            self.folder / "machine.log")
        # fmt: on
        self.bus.start()
        self._machine.ready(self._answers, "RAUC in the machine", timeout=180, interval=0.5)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bus.__exit__(kind, error, trace)
        self._machine.kill()

    def text(self) -> str:
        """What the machine has written to its console, RAUC's log included."""
        return self._machine.text()

    def slot(self, bootname: str) -> dict[str, Any]:
        """Return RAUC's status of the slot with a bootname."""
        (answer,) = self.bus.call(INSTALLER, "GetSlotStatus")
        slots = ({key: value for key, (_, value) in status.items()} for _, status in answer)
        return next(slot for slot in slots if slot.get("bootname") == bootname)

    def _answers(self) -> bool:
        with suppress(Exception):  # whatever comes while it starts: no connection, or one that ends
            return self.bus.has_owner("de.pengutronix.rauc")
        self.bus.forget()
        return False

    def _pack_board(self, busybox: Path, archive: Path) -> None:
        """Pack what makes it this board."""
        board = self.folder / "files" / "board"
        BootLoader("grub", ("A", "B"), board / "bootenv")
        shutil.copyfile(bundles.keys() / "ca.pem", board / "ca.pem")
        shutil.copytree(SCRIPTS, board / "scripts", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        (board / "system.conf").write_text(_SYSTEM)
        (board / "bus.conf").write_text(_BUS)
        pack(board.parent, archive, busybox)
