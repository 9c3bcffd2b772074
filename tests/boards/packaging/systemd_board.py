# SPDX-License-Identifier: LGPL-2.1-or-later
"""A board with a real systemd, D-Bus, polkit, logind and RAUC: Debian 12 in a container.

It shares the machine's loopback, so servers of the tests are reached at 127.0.0.1. Its two slots are
files, its boot loader is the rig's, which chooses a slot at each start of the container.
"""

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from rig import bundles
from rig.bootloader import BootLoader
from rig.cache import REPOSITORY, once
from rig.debian import mirror
from rig.process import Process, need, need_root, run, wait_until

UNIT = "hawkbit-rauc.service"
FILES = Path(__file__).parent / "board"
# Debian 12's own Python packages are what the wheel runs on here.
PACKAGES = (
    "systemd-sysv,dbus,polkitd,rauc,rauc-service,squashfs-tools,iproute2"
    ",python3-httpx,python3-attr,python3-jeepney,python3-tenacity"
)
LOOPS = 64
#: How nspawn says that the container wants to be started again.
REBOOTED = 133


def wheel(folder: Path) -> Path:
    """Build the wheel into a folder and return its path."""
    pip = REPOSITORY / ".venv" / "bin" / "pip"
    run(pip, "-q", "--disable-pip-version-check", "wheel", "--no-deps", "-w", folder, REPOSITORY)
    (built,) = folder.glob("*.whl")
    return built


def _root(folder: Path) -> None:
    need("mmdebstrap")
    lean = ["--aptopt=Apt::Install-Recommends false"]
    lean += [f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "man", "locale", "info")]
    lean.append("--customize-hook=rm -rf $1/var/lib/apt/lists $1/var/cache/apt/*")
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", *lean]
    run(*command, "bookworm", folder, mirror(), timeout=1200)
    # Nobody waits for a network here, and nobody logs in.
    for unit in ("systemd-networkd-wait-online.service", "console-getty.service", "getty.target"):
        (folder / "etc/systemd/system" / unit).symlink_to("/dev/null")


class SystemdBoard:
    """The board; entering the context boots it, leaving it shuts it down.

    Args:
        folder: where its root folder and its log go.
        package: the wheel to install.
    """

    def __init__(self, folder: Path, package: Path) -> None:
        need("systemd-nspawn", "nsenter")
        need_root()
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.root = folder / "root"
        run("cp", "-a", once("bookworm-systemd-1", _root), self.root)
        pip = [
            REPOSITORY / ".venv/bin/pip",
            "-q",
            "--disable-pip-version-check",
            "--python",
            "/usr/bin/python3",
        ]
        options = ["--no-deps", "--break-system-packages", "--ignore-installed", "--root-user-action=ignore"]
        run(*pip, "install", *options, "--root", self.root, package)
        run(REPOSITORY / "packaging" / "install", self.root)
        self._prepare_board()
        self._process: Process | None = None

    def _prepare_board(self) -> None:
        board = self.root / "var/lib/board"
        board.mkdir()
        for slot in "AB":
            with (board / f"{slot}.img").open("wb") as image:
                image.truncate(32 * bundles.MIB)
        BootLoader("grub", ("A", "B"), board / "bootenv")
        for name in ("bootloader.sh", "hold.sh"):
            shutil.copy2(REPOSITORY / "tests/rig" / name, board / name)
        shutil.copy2(FILES / "boot.sh", board / "boot.sh")
        shutil.copy2(bundles.keys() / "ca.pem", board / "ca.pem")
        shutil.copytree(FILES / "etc", self.root / "etc", dirs_exist_ok=True)
        wants = self.root / "etc/systemd/system/multi-user.target.wants"
        wants.mkdir(exist_ok=True)
        (wants / "rauc-mark-good.service").symlink_to("/etc/systemd/system/rauc-mark-good.service")

    def __enter__(self) -> Self:
        options = ["--quiet", "--register=no", "--keep-unit", "--link-journal=no", "--resolv-conf=off"]
        options += ["--timezone=off", "--console=pipe", "--bind=/dev/loop-control", "--boot"]
        self._process = Process(["systemd-nspawn", *options, "-D", self.root], self.folder / "console.log")
        self.wait_for_boot()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        leader = self._leader()
        self._process.end(20)
        if leader:
            with suppress(OSError, RuntimeError):
                run("kill", "-KILL", str(leader))

    def _leader(self) -> int | None:
        assert self._process is not None
        process = self._process.pid
        with suppress(OSError):
            children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
            return int(children[0]) if children else None
        return None

    def wait_for_reboot(self, before: str) -> None:
        """Wait until the board has gone down for a reboot and is up again; `before` is its boot id."""
        assert self._process is not None
        if self._process.wait(60) != REBOOTED:
            raise RuntimeError("the container did not ask to be started again")
        self.__enter__()
        assert self.boot_id != before

    def wait_for_boot(self) -> None:
        """Wait until all units of the boot have been started, or failed."""
        assert self._process is not None
        self._process.ready(self._up, "the container", timeout=60, interval=0.1)
        for number in range(LOOPS):
            self.run("sh", "-c", f"[ -b /dev/loop{number} ] || mknod /dev/loop{number} b 7 {number}")

    def _up(self) -> bool:
        with suppress(RuntimeError):
            return self.run("sh", "-c", "systemctl is-system-running || true").strip() in (
                "running",
                "degraded",
            )
        return False

    @property
    def boot_id(self) -> str:
        """The kernel's id of this boot, as the container sees it; empty while it is down."""
        with suppress(RuntimeError):
            return self.run("cat", "/proc/sys/kernel/random/boot_id").strip()
        return ""

    def run(self, *command: str | Path) -> str:
        """Run a command inside, as root, and return what it says.

        Raises:
            RuntimeError: with its output, if it fails, or if the container is down.
        """
        leader = self._leader()
        if leader is None:
            raise RuntimeError("the container is down")
        return run("nsenter", "-t", str(leader), "-m", "-p", "-u", "-i", "--", *command, timeout=60)

    def show(self, *properties: str, unit: str = UNIT) -> list[str]:
        """Return properties of a unit, in this order."""
        text = self.run("systemctl", "show", unit, *(f"--property={name}" for name in properties))
        values = dict(line.split("=", 1) for line in text.splitlines())
        return [values[name] for name in properties]

    def is_(self, state: str, unit: str = UNIT) -> bool:
        """Say whether a unit is in a state, such as `active`."""
        return self.show("ActiveState", unit=unit) == [state]

    def wait_for(self, state: str, unit: str = UNIT, timeout: float = 30) -> None:
        """Wait until a unit is in a state."""
        try:
            wait_until(lambda: self.is_(state, unit), f"{unit} {state}", timeout)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.run('systemctl', 'status', '--no-pager', unit)}") from None

    def log(self, unit: str = UNIT) -> str:
        """Return what a unit wrote to the journal in all boots."""
        return self.run("journalctl", "--no-pager", "-o", "cat", "-u", unit)

    def wait_for_log(self, text: str, timeout: float = 30) -> None:
        """Wait until a unit's journal has a text."""
        try:
            wait_until(lambda: text in self.log(), f"{text!r} in the journal", timeout, 0.1)
        except TimeoutError as error:
            raise TimeoutError(f"{error}:\n{self.log()[-4000:]}") from None

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file inside."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    @contextmanager
    def drop_in(self, *lines: str) -> Iterator[None]:
        """Change our unit's [Service] section for a while."""
        path = f"/run/systemd/system/{UNIT}.d/test.conf"
        self.run(
            "sh",
            "-c",
            f"mkdir -p {Path(path).parent}; cat > {path} <<'END'\n[Service]\n" + "\n".join(lines) + "\nEND",
        )
        self.run("systemctl", "daemon-reload")
        try:
            yield
        finally:
            self.run("systemctl", "stop", UNIT)
            self.run("rm", path)
            self.run("systemctl", "daemon-reload")

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to our unit's process."""
        self.run("systemctl", "kill", f"--signal={number.name}", UNIT)
