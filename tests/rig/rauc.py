# SPDX-License-Identifier: LGPL-2.1-or-later
"""A board: a real RAUC, two slots, a boot loader, and reboots that are simulated."""

import hashlib
import signal
import threading
import uuid
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from jeepney import DBusAddress

from rig import bundles
from rig.bootloader import BootLoader, Kind
from rig.bundles import MIB, Bundle, Image
from rig.bus import Bus
from rig.debian import sid, trixie
from rig.hold import Hold
from rig.layout import AB, Layout
from rig.login import Login
from rig.process import Process, in_namespace, need, need_root, run

Version = Literal["1.8", "1.13", "sid"]

SCRIPTS = Path(__file__).parent
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
INSTALLER = DBusAddress("/", "de.pengutronix.rauc", "de.pengutronix.rauc.Installer")
HANDLERS = ("pre-install", "post-install")


class RaucBoard:
    """A board with the slots of a layout, A and B unless told otherwise; what runs at first is committed.

    Attributes:
        booted: the system that runs, as `rig.layout` names it.
    """

    def __init__(
        self,
        folder: Path,
        bus: Bus,
        *,
        rauc: Version = "1.8",
        bootloader: Kind = "grub",
        layout: Layout = AB,
        slot_size: int = 64 * MIB,
        compatible: str = "rig-board",
    ) -> None:
        """Prepare the board's files; entering the context starts RAUC.

        Args:
            folder: everything that the board keeps.
            bus: the running bus.
            rauc: RAUC's version.
            bootloader: what the boot loader does, see `rig.bootloader`.
            layout: its slots.
            slot_size: bytes of each slot.
            compatible: what the board's configuration names.
        """
        need("dbus-daemon", "rauc", "mksquashfs", "unshare")
        need_root()
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.bus = bus
        self.version: Version = rauc
        self.compatible = compatible
        self.layout = layout
        self.booted = layout.factory
        self.boot_id_file = folder / "boot_id"
        self.boot_loader = BootLoader(bootloader, layout.bootnames, folder / "bootenv", layout.rescue)
        for slot in layout.slots:
            with (folder / slot.file).open("wb") as image:
                image.truncate(slot_size)
            if slot.type == "ext4":
                run("mke2fs", "-q", "-t", "ext4", folder / slot.file)
        for part in ("hold", "handlers", "mount", "bundles", "data"):
            (folder / part).mkdir(exist_ok=True)
        for handler in HANDLERS:
            (folder / "handlers" / handler).symlink_to(SCRIPTS / "handler.sh")
        (folder / "system.conf").write_text(self._configuration())
        self._holds: dict[str, Hold] = {}
        self._service: Process | None = None
        self._login: Login | None = None
        self._new_boot()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._leave_login()

    # RAUC itself

    @property
    def service(self) -> Process:
        """The running `rauc service`."""
        assert self._service is not None, "RAUC is not running"
        return self._service

    def start(self) -> None:
        """Start RAUC (and the stand-in for logind, if the bus was restarted) and wait for it on the bus."""
        self._enter_login()
        command: list[str | Path] = [
            "rauc",
            "-c",
            self.folder / "system.conf",
            f"--override-boot-slot={self.booted}",
            "service",
        ]
        self._service = Process(self._inside(command), self.folder / "rauc.log", self.environment)
        self._service.ready(lambda: self.bus.has_owner("de.pengutronix.rauc"), "RAUC")

    def kill(self) -> None:
        """Kill RAUC and its children, as a crash does; all holds are given up."""
        if self._service is not None:
            self._service.kill()
            self._service = None
        for point in list(self._holds):
            self.release(point)

    def restart(self) -> None:
        """Kill RAUC and start it again; with the bus's restart before, on the new bus."""
        self.kill()
        self.start()

    def stop(self) -> None:
        """Stop RAUC's process where it is (SIGSTOP): it is on the bus, but answers nothing."""
        self.service.signal(signal.SIGSTOP)

    def cont(self) -> None:
        """Let a stopped RAUC go on."""
        self.service.signal(signal.SIGCONT)

    def rauc(self, *arguments: str | Path) -> str:
        """Run RAUC's command line (`install`, `status`, ...) on this board and return what it says.

        Raises:
            RuntimeError: with its output, if it fails.
        """
        command = self._inside(["rauc", "-c", self.folder / "system.conf", *arguments])
        return run(*command, env=self.environment)

    @property
    def environment(self) -> dict[str, str]:
        """What RAUC's processes have in their environment beyond ours."""
        return {
            **self.bus.environment,
            "RIG_BOARD": str(self.folder),
            "RIG_SCRIPTS": str(SCRIPTS),
            "LC_ALL": "C",
        }

    # its slots

    def slots(self) -> dict[str, dict[str, Any]]:
        """Return RAUC's `GetSlotStatus`, by slot name, values without their D-Bus types."""
        (answer,) = self.bus.call(INSTALLER, "GetSlotStatus")
        return {name: {key: value for key, (_, value) in status.items()} for name, status in answer}

    def slot(self, bootname: str) -> dict[str, Any]:
        """Return RAUC's status of the slot with a bootname."""
        return next(status for status in self.slots().values() if status.get("bootname") == bootname)

    def primary(self) -> str:
        """Return the bootname of RAUC's primary slot.

        Raises:
            rig.bus.BusError: if there is none, as with GRUB before the booted slot is marked good.
        """
        (name,) = self.bus.call(INSTALLER, "GetPrimary")
        return str(self.slots()[name]["bootname"])

    def state(self, bootname: str) -> str:
        """Return `good` or `bad`, as the boot loader's backend tells RAUC."""
        return run(SCRIPTS / "bootloader.sh", "get-state", bootname, env=self.environment).strip()

    @property
    def next_system(self) -> str | None:
        """The system that the boot loader will start, None if it has none with a bootname that is good."""
        with suppress(RuntimeError):
            return run(SCRIPTS / "bootloader.sh", "get-primary", env=self.environment).strip()
        return None

    def sha256(self, system: str, size: int, slot_class: str = "rootfs") -> str:
        """Return the hash of the first `size` bytes of a system's slot."""
        with (self.folder / self.layout.slot(system, slot_class).file).open("rb") as file:
            return hashlib.sha256(file.read(size)).hexdigest()

    def contains(self, system: str, bundle: Bundle) -> bool:
        """Say whether a system's slots hold exactly what a bundle brings."""
        return all(self._has(system, image) for image in bundle.images)

    def _has(self, system: str, image: Image) -> bool:
        if image.text is None:
            return self.sha256(system, image.size, image.slot_class) == image.sha256
        file = self.folder / self.layout.slot(system, image.slot_class).file
        return run("debugfs", "-R", "cat version", file).endswith(f"\n{image.text}")

    def mark_good(self) -> None:
        """Do what rauc-mark-good.service does: `rauc status mark-good`."""
        self.rauc("status", "mark-good")

    # power

    @property
    def boot_id(self) -> str:
        """The kernel's id of this boot, as processes on the board read it."""
        return self.boot_id_file.read_text().strip()

    def boot(self, broken: Collection[str] = ()) -> str:
        """Reboot: RAUC ends, the boot loader chooses, RAUC starts in the slot that comes up. Return its bootname.

        End the daemon before, and start it afterwards; mark_good() is not done here.

        Args:
            broken: bootnames of slots that do not come up (a kernel panic, say).

        Raises:
            rig.bootloader.NeverBootsError: if no slot comes up.
        """
        self.kill()
        self._come_up(self.boot_loader.boot(broken))
        return self.booted

    def boot_from(self, system: str) -> None:
        """Reboot into a system that somebody chose: in the boot loader's menu, or by plugging in a stick."""
        self.kill()
        self._come_up(system)

    def _come_up(self, system: str) -> None:
        self.booted = system
        self._new_boot()
        self.start()

    @property
    def reboot_requested(self) -> threading.Event:
        """Set once somebody has asked logind for a reboot since the last boot."""
        return self.login.asked

    @property
    def login(self) -> Login:
        """The stand-in for logind on the bus."""
        assert self._login is not None, "the board is off"
        return self._login

    # tests in the middle of an installation

    def hold(self, point: str) -> Hold:
        """Make RAUC wait at a point of the next installation.

        The points in the order in which an installation comes to them: `pre-install` (handler; nothing done
        yet), `set-state` (before the target is marked bad), `post-install-rootfs` (written; its status is not
        stored yet; only bundles of this rig), `set-primary` (written, status `ok`; not activated yet),
        `post-install` (handler; activated, `Completed` not sent yet).
        `set-state` and `set-primary` also hold `rauc status mark-...`.
        """
        self._holds[point] = Hold(self.folder / "hold" / point)
        return self._holds[point]

    def fail(self, handler: str, code: int) -> None:
        """Let a handler of the board, `pre-install` or `post-install`, end with this exit code from now on."""
        (self.folder / "handlers" / f"{handler}.exit").write_text(str(code))

    @property
    def installations(self) -> int:
        """How many installations RAUC has begun, whatever it stored of them."""
        ran = self.folder / "handlers" / "pre-install.ran"
        return len(ran.read_text().splitlines()) if ran.exists() else 0

    def release(self, point: str) -> None:
        """Let RAUC go on from a held point, and not stop there again."""
        self._holds.pop(point).release()

    def bundle(self, version: str = "2.0.0", **options: Any) -> Bundle:
        """Make a bundle for this board; `options` as for `rig.bundles.make`."""
        options.setdefault("compatible", self.compatible)
        options.setdefault("classes", self.layout.classes)
        options.setdefault("filesystem", self.layout.has_filesystems)
        return bundles.make(self.folder / "bundles", version, **options)

    # within

    def _inside(self, command: list[str | Path]) -> list[str | Path]:
        """Wrap a command so that it sees this board's boot id, its RAUC, and keeps its mounts to itself."""
        mounts = {BOOT_ID: self.boot_id_file}
        if self.version != "1.8":
            # All Debians keep everything in /usr: with another one's in its place, the program finds its
            # own libraries and commands, and all of the board's files where they are.
            mounts[Path("/usr")] = (trixie() if self.version == "1.13" else sid()) / "usr"
        return in_namespace(command, mounts)

    def _configuration(self) -> str:
        folder, layout = self.folder, self.layout
        lines = [
            "[system]",
            f"compatible={self.compatible}",
            f"bootloader={'custom' if self.boot_loader.tells_rauc else 'noop'}",
            "bundle-formats=plain verity",
            f"mountprefix={folder / 'mount'}",
        ]
        if layout.status == "file" or (layout.status == "central" and self.version == "1.8"):
            lines.append(f"statusfile={folder / 'data' / 'rauc.status'}")
        elif layout.status == "central":
            lines.append(f"data-directory={folder / 'data'}")
        if not layout.activates:
            lines.append("activate-installed=false")
        lines += ["", "[keyring]", f"path={bundles.keys() / 'ca.pem'}", ""]
        lines.append("[handlers]")
        if self.boot_loader.tells_rauc:
            lines.append(f"bootloader-custom-backend={SCRIPTS / 'bootloader.sh'}")
        lines += [f"{handler}={folder / 'handlers' / handler}" for handler in HANDLERS]
        lines += layout.configuration(folder)
        return "\n".join(lines) + "\n"

    def _new_boot(self) -> None:
        # A new file, so that processes of the boot before keep their own.
        new = self.folder / "boot_id.new"
        new.write_text(f"{uuid.uuid4()}\n")
        new.rename(self.boot_id_file)
        (self.folder / "booted").write_text(f"{self.booted}\n")
        if self._login is not None:
            self._login.asked.clear()

    def _enter_login(self) -> None:
        if self._login is not None and not self.bus.has_owner("org.freedesktop.login1"):
            self._leave_login()
        if self._login is None:
            self._login = Login(self.bus)
            self._login.__enter__()

    def _leave_login(self) -> None:
        if self._login is not None:
            with suppress(Exception):  # the bus may be gone already
                self._login.__exit__(None, None, None)
            self._login = None
