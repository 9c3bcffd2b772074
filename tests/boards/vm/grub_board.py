# SPDX-License-Identifier: LGPL-2.1-or-later
"""A whole board in a virtual machine: GRUB, two slots, systemd, RAUC 1.13, and our unit as it is shipped.

Its disk is a file: what GRUB keeps, slot A, slot B, data; a power cut is a kill of QEMU. A slot has a kernel and
what the kernel starts first, so that a bundle is small; the rest of Debian 13 is a second, read-only disk. The
machine's loopback interface is at 10.0.2.2 for it. Nothing is run inside by the test: what happens there is seen
on the console, on the disk and at the server.
"""

import hashlib
import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from rig import bundles
from rig.bundles import MIB
from rig.cache import REPOSITORY, once, remove
from rig.debian import mirror
from rig.process import Process, need, need_root, run, wait_until
from rig.vm import HOST, modules, pack

FILES = Path(__file__).parent / "board"
PACKAGES = (
    "systemd-sysv,dbus,polkitd,rauc,rauc-service,grub-common,grub-pc-bin,busybox-static,linux-image-cloud-amd64"
    ",python3-httpx,python3-attr,python3-jeepney,python3-tenacity"
)
MODULES = (
    "virtio_pci",
    "virtio_blk",
    "virtio_net",
    "virtio_rng",
    "ext4",
    "loop",
    "squashfs",
    "overlay",
    "dm-verity",
)
#: Where GRUB and its state, the slots and the data begin on the disk, and how large they are, MiB.
LAYOUT = {"boot": (1, 16), "A": (17, 48), "B": (65, 48), "data": (113, 160)}
#: Units that nobody needs here, and that would take their time.
UNWANTED = (
    *("systemd-udevd.service", "systemd-udev-trigger.service", "systemd-timesyncd.service", "getty.target"),
    *("systemd-udevd-control.socket", "systemd-udevd-kernel.socket", "systemd-hwdb-update.service"),
    *(
        "apt-daily.timer",
        "apt-daily-upgrade.timer",
        "dpkg-db-backup.timer",
        "fstrim.timer",
        "e2scrub_all.timer",
    ),
    *("systemd-networkd-wait-online.service", "systemd-pstore.service", "ldconfig.service"),
)


def _debian(folder: Path) -> None:
    """Debian 13 with what the board runs."""
    need("mmdebstrap")
    need_root()
    folder.mkdir()
    lean = ["--aptopt=Apt::Install-Recommends false"]
    lean += [f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "man", "locale", "info")]
    lean.append("--customize-hook=rm -rf $1/var/lib/apt/lists $1/var/cache/apt/*")
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", *lean]
    root = folder / "root"
    run(*command, "trixie", root, mirror(), timeout=1200)
    (kernel,) = root.glob("boot/vmlinuz-*")
    shutil.copyfile(kernel, folder / "vmlinuz")
    (folder / "modules").mkdir()
    for number, module in enumerate(modules(root, MODULES)):
        (folder / "modules" / f"{number:02}").write_bytes(module)
    (folder / "early.cfg").write_text("set root=(hd0,msdos1)\nconfigfile (hd0,msdos1)/grub.cfg\n")
    shutil.copyfile(folder / "early.cfg", root / "early.cfg")
    wanted = [
        "biosdisk",
        "part_msdos",
        "ext2",
        "configfile",
        "normal",
        "echo",
        "test",
        "loadenv",
        "linux",
        "serial",
        "terminal",
    ]
    core = ["-O", "i386-pc", "-o", "/core.img", "-p", "(hd0,msdos1)/", "-c", "/early.cfg", *wanted]
    run("chroot", root, "grub-mkimage", *core)
    (root / "core.img").rename(folder / "core.img")
    shutil.copyfile(root / "usr/lib/grub/i386-pc/boot.img", folder / "boot.img")
    shutil.copy2(root / "usr/bin/busybox", folder / "busybox")
    for unneeded in (
        "boot",
        "usr/lib/modules",
        "usr/lib/grub",
        "usr/lib/locale",
        "usr/lib/udev/hwdb.d",
        "early.cfg",
    ):
        remove(root / unneeded)


def debian() -> Path:
    """Return the folder with Debian's `root`, `vmlinuz`, `modules`, `busybox` and GRUB's `boot.img` and `core.img`."""
    return once("vm-debian-1", _debian)


def system(folder: Path, wheel: Path) -> Path:
    """Make the disk that both slots share: Debian, the wheel, the unit and the board's own files."""
    root = folder / "root"
    run("cp", "-a", debian() / "root", root)
    pip = [
        REPOSITORY / ".venv/bin/pip",
        "-q",
        "--disable-pip-version-check",
        "--python",
        REPOSITORY / ".venv/bin/python",
    ]
    run(*pip, "install", "--no-deps", "--target", root / "usr/lib/python3/dist-packages", wheel)
    script = root / "usr/bin/hawkbit-rauc"
    script.write_text(
        "#!/usr/bin/python3\nimport sys\nfrom hawkbit_rauc.app.cli import main\nsys.exit(main())\n"
    )
    script.chmod(0o755)
    run(REPOSITORY / "packaging/install", root)
    shutil.copytree(FILES / "etc", root / "etc", dirs_exist_ok=True)
    shutil.copyfile(bundles.keys() / "ca.pem", root / "etc/rauc/ca.pem")
    for name in ("boot-loader", "data", "var/lib/hawkbit-rauc", "etc/hawkbit-rauc"):
        (root / name).mkdir(parents=True)
    (root / "etc/hawkbit-rauc/config.conf").symlink_to("/data/config.conf")
    (root / "etc/machine-id").write_text(f"{hashlib.md5(b'rig').hexdigest()}\n")
    units = root / "etc/systemd/system"
    for name in UNWANTED:
        remove(units / name)
        (units / name).symlink_to("/dev/null")
    run("chroot", root, "systemd-sysusers")
    run("chroot", root, "systemctl", "enable", "rauc-mark-good.service", "hawkbit-rauc.service")
    run(
        "mksquashfs",
        root,
        folder / "system.squashfs",
        "-comp",
        "gzip",
        "-Xcompression-level",
        "1",
        "-quiet",
        "-no-progress",
    )
    remove(root)
    return folder / "system.squashfs"


def _file_system(content: Path, image: Path, size: int, *options: str) -> Path:
    """Make an ext4 image of `size` MiB with what is in a folder, without mounting it."""
    with image.open("wb") as file:
        file.truncate(size * MIB)
    run("mke2fs", "-q", "-t", "ext4", "-m", "0", *options, "-d", content, image)
    return image


def slot(folder: Path, version: str, *, broken: bool = False) -> Path:
    """Make a slot's image; a broken one panics as soon as it is booted."""
    start = folder / version / "start"
    content = folder / version / "slot"
    start.mkdir(parents=True)
    content.mkdir()
    shutil.copytree(debian() / "modules", start / "modules")
    shutil.copyfile(debian() / "busybox", start / "busybox")
    (start / "version").write_text(f"{version}\n")
    (start / "init").write_text("#!/busybox false\n" if broken else (FILES / "init").read_text())
    for program in ("busybox", "init"):
        (start / program).chmod(0o755)
    pack(start, folder / version / "initrd", debian() / "busybox")
    (folder / version / "initrd").rename(content / "initrd")
    shutil.copyfile(debian() / "vmlinuz", content / "vmlinuz")
    return _file_system(content, folder / f"{version}.ext4", LAYOUT["A"][1] - 8, "-O", "^has_journal")


def bundle(folder: Path, version: str, image: Path) -> Path:
    """Sign a slot's image as a bundle that takes dm-verity."""
    source = folder / f"bundle-{version}"
    source.mkdir()
    shutil.copyfile(image, source / "rootfs.img")
    (source / "manifest.raucm").write_text(
        f"[update]\ncompatible=rig-board\nversion={version}\n\n[bundle]\nformat=verity\n\n"
        "[image.rootfs]\nfilename=rootfs.img\n"
    )
    key = bundles.keys() / "signer"
    path = folder / f"{version}.raucb"
    run("rauc", "bundle", f"--cert={key}.pem", f"--key={key}.key.pem", source, path)
    return path


class GrubBoard:
    """A board that boots from its disk for as long as it has power; entering the context gives it power.

    Attributes:
        boots: how often it was started.
    """

    def __init__(
        self, folder: Path, system: Path, slot: Path, configuration: Path, *, mark_good_own: bool = False
    ) -> None:
        """Lay the disk.

        Args:
            folder: where the disk and the console's log go.
            system: the disk that both slots share.
            slot: the image that both slots hold at first; A is committed.
            configuration: ours.
            mark_good_own: whether nobody but our program marks boots good.
        """
        need("qemu-system-x86_64", "mke2fs", "debugfs")
        folder.mkdir(parents=True)
        self.folder = folder
        self.boots = 0
        self._system = system
        self._disk = folder / "disk.img"
        self._machine: Process | None = None
        self._lay(slot, configuration, mark_good_own)

    def _lay(self, slot: Path, configuration: Path, mark_good_own: bool) -> None:
        boot, data = self.folder / "boot", self.folder / "data"
        for part in (boot, data / "rauc", data / "state"):
            part.mkdir(parents=True)
        shutil.copyfile(FILES / "grub.cfg", boot / "grub.cfg")
        state = "# GRUB Environment Block\nORDER=A B\nA_OK=1\nB_OK=1\nA_TRY=0\nB_TRY=0\n"
        (boot / "grubenv").write_text(state.ljust(1024, "#"))
        shutil.copyfile(configuration, data / "config.conf")
        (data / "config.conf").chmod(0o644)
        if mark_good_own:
            (data / "mark-good-own").touch()
        with self._disk.open("wb") as disk:
            disk.write((debian() / "boot.img").read_bytes()[:440].ljust(446, b"\0"))
            for start, size in LAYOUT.values():
                bounds = struct.pack("<II", start * 2048, size * 2048)
                disk.write(b"\x00\xfe\xff\xff\x83\xfe\xff\xff" + bounds)
            disk.write(b"\x55\xaa")
            disk.write((debian() / "core.img").read_bytes())
            disk.truncate(sum(LAYOUT["data"]) * MIB)
        images = {
            "boot": _file_system(boot, self.folder / "boot.img", LAYOUT["boot"][1], "-O", "^has_journal"),
            "data": _file_system(data, self.folder / "data.img", LAYOUT["data"][1]),
            "A": slot,
            "B": slot,
        }
        for name, image in images.items():
            where = f"seek={LAYOUT[name][0]}"
            run("dd", f"if={image}", f"of={self._disk}", "bs=1M", where, "conv=notrunc,sparse", "status=none")

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._machine is not None
        self._machine.kill()

    def _start(self) -> None:
        self.boots += 1
        # fmt: off
        self._machine = Process(
            ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "512", "-nodefaults", "-display", "none",
             "-no-reboot", "-serial", "stdio",
             "-drive", f"file={self._disk},format=raw,if=virtio,cache=unsafe",
             "-drive", f"file={self._system},format=raw,if=virtio,readonly=on",
             "-netdev", "user,id=n0", "-device", "virtio-net-pci,netdev=n0,romfile=", "-device", "virtio-rng-pci"],
            self.folder / f"console-{self.boots:02}.log")
        # fmt: on

    def wait(self, condition: Callable[[], object], what: str, timeout: float = 300) -> None:
        """Let the board live, through its own reboots, until something is so."""

        def seen() -> bool:
            assert self._machine is not None
            if self._machine.returncode is not None:
                self._start()
            return bool(condition())

        try:
            wait_until(seen, what, timeout=timeout, interval=0.1)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.text()[-6000:]}") from None

    def wait_for_console(self, pattern: str, timeout: float = 300) -> None:
        """Wait until the console of any boot has shown something."""
        self.wait(lambda: re.search(pattern, self.text()), pattern, timeout)

    def cut(self) -> None:
        """Cut the power, and give it back."""
        assert self._machine is not None
        self._machine.kill()
        self._start()

    def text(self) -> str:
        """What the console has shown so far, in all boots."""
        logs = sorted(self.folder.glob("console-*.log"))
        return "\n".join(f"--- boot {log.stem[-2:]}\n{log.read_text(errors='replace')}" for log in logs)

    @property
    def boot_loader(self) -> dict[str, str]:
        """What GRUB keeps, as it is on the disk."""
        place = f"{self._disk}?offset={LAYOUT['boot'][0] * MIB}"
        text = run("debugfs", "-R", "cat /grubenv", place)
        return dict(line.split("=", 1) for line in text.splitlines() if re.match(r"[A-Z_]+=", line))


def address(host: str) -> str:
    """Name a server of this machine's loopback interface as the board reaches it."""
    return f"{HOST}:{host.rpartition(':')[2]}"
