# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demo: a signed bundle from a real update server to a real RAUC, told in plain words."""

import argparse
import signal
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

from rig.bundles import MIB, Bundle
from rig.bus import Bus
from rig.cache import CACHE
from rig.goosebit import Goosebit
from rig.goosebit import installed as goosebit_installed
from rig.hawkbit import Hawkbit
from rig.hawkbit_server import built as hawkbit_built
from rig.process import Process, need_root
from rig.rauc import RaucBoard
from rig.run import configuration, daemon
from rig.target import Target

_began = time.monotonic()


def say(text: str) -> None:
    """Print a line of the story, with the seconds since it began."""
    print(f"{time.monotonic() - _began:5.1f} s  {text}", flush=True)


class Rollout(Protocol):
    """What the demo wants of a server."""

    name: str
    host: str

    def begin(self, bundle: Bundle) -> Target:
        """Create the device and roll the bundle out to it."""

    def verdict(self, timeout: float) -> str:
        """Wait for the end and return what the server thinks of it."""

    def history(self) -> list[str]:
        """Return what the device told."""


class OnGoosebit:
    """A rollout on goosebit."""

    name = "goosebit"
    success = "Finished"

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        """Start goosebit."""
        goosebit_installed()
        self._server = stack.enter_context(Goosebit(folder))
        self.host = self._server.host

    def begin(self, bundle: Bundle) -> Target:
        """Create a device, upload the bundle, start a rollout to the device's feed."""
        self._target = self._server.create_target("demo-board")
        self._server.roll_out(self._target, self._server.upload(bundle))
        return self._target

    def verdict(self, timeout: float) -> str:
        """Wait until the device is in a last state."""
        return self._server.wait_for_state(self._target, "Finished", "Error", timeout=timeout)

    def history(self) -> list[str]:
        """Return the device's log."""
        return self._server.log(self._target)


class OnHawkbit:
    """A deployment on hawkBit."""

    name = "hawkBit"
    success = "finished"

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        """Start hawkBit."""
        hawkbit_built()
        self._server = stack.enter_context(Hawkbit.started(folder))
        self._server.sleep = "00:00:02"
        self.host = self._server.host

    def begin(self, bundle: Bundle) -> Target:
        """Create a target, upload the bundle, assign a distribution set with it."""
        target = self._server.target("demo-board")
        self._action = target.assign(bundle.path)
        return Target(target.id, target.token)

    def verdict(self, timeout: float) -> str:
        """Wait until the action is over."""
        return self._action.wait(timeout)

    def history(self) -> list[str]:
        """Return the messages of the action."""
        return self._action.messages()


class Follower:
    """Prints what a daemon writes to its log, as it writes it."""

    def __init__(self, process: Process) -> None:
        """Begin to follow."""
        self._process = process
        self._seen = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Print the rest."""
        self._end.set()
        self._thread.join(5)

    def _follow(self) -> None:
        while not self._end.wait(0.05):
            self._print()
        self._print()

    def _print(self) -> None:
        text = self._process.text()
        whole = text[: text.rfind("\n") + 1]
        for line in whole[self._seen :].splitlines():
            say(f"    hawkbit-rauc | {line}")
        self._seen = len(whole)


def run_daemon(board: RaucBoard, file: Path, stack: ExitStack) -> tuple[Process, Follower]:
    """Start the real command and show its log."""
    process = stack.enter_context(daemon(board, file))
    follower = Follower(process)
    stack.callback(follower.close)
    return process, follower


def demo(server: Any, board: RaucBoard, folder: Path) -> bool:
    """Tell the story and say whether it ended well."""
    say("making a bundle: version 2.0.0, 16 MiB, signed with a key that the board trusts")
    bundle = board.bundle("2.0.0", size=16 * MIB)
    target = server.begin(bundle)
    say(f"{server.name}: device {target.id} created, bundle of {bundle.size:,} bytes rolled out to it")
    download = folder / "download" / "bundle.raucb"
    download.parent.mkdir()
    file = configuration(
        folder / "config.conf",
        server=server.host,
        target=target.id,
        token=target.token,
        bundle=download,
        device={"hw_boardname": board.compatible, "hw_revision": "default", "sw_version": "1.0.0"},
        post_update_reboot=True,
        log_level=None,
        first_poll_within=0,
    )
    say(f"starting hawkbit-rauc with its configuration {file}")
    if server.name == "goosebit":
        say("(goosebit offers nothing until the device has told its attributes and 10 seconds have passed)")
    with ExitStack() as stack:
        process, follower = run_daemon(board, file, stack)
        process.ready(board.reboot_requested.is_set, "a request to reboot", timeout=90)
        follower.close()
        say(f"hawkbit-rauc asked logind for a reboot; RAUC's primary slot is {board.primary()}")
    say("the board reboots ...")
    slot = board.boot()
    say(
        f"the boot loader started slot {slot}; to it the slot is '{board.state(slot)}' until it is marked good"
    )
    board.mark_good()
    say(f"rauc-mark-good.service has marked it; slot {slot} is '{board.state(slot)}'")
    say("systemd starts hawkbit-rauc again")
    with ExitStack() as stack:
        run_daemon(board, file, stack)
        verdict = server.verdict(90)
        time.sleep(0.2)  # its last lines belong to the story
    say(f"what {server.name} was told:")
    for message in server.history():
        say(f"    {server.name} | {message}")
    same = board.contains(slot, bundle)
    say(f"the verdict of {server.name}: {verdict}")
    say(f"image in the bundle  sha256 {bundle.image.sha256}")
    say(
        f"start of slot {slot}      sha256 {board.sha256(slot, bundle.image.size)}: {'the same' if same else 'DIFFERENT'}"
    )
    return bool(verdict == server.success and same and slot == "B")


def main() -> int:
    """Run the demo in a temporary folder; the exit code is 0 if it ended as it should."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--server", choices=("goosebit", "hawkbit"), default="goosebit")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        need_root()
        with ExitStack() as stack:
            temporary = tempfile.TemporaryDirectory(prefix="demo-", dir=CACHE)
            folder = Path(stack.enter_context(temporary))
            say(f"starting {arguments.server} (the first time it is installed, which takes a minute)")
            kind = OnHawkbit if arguments.server == "hawkbit" else OnGoosebit
            server = kind(folder / "server", stack)
            say(f"{server.name} answers at http://{server.host}")
            bus = stack.enter_context(Bus(folder / "bus"))
            board = stack.enter_context(RaucBoard(folder / "board", bus, rauc="1.8", bootloader="grub"))
            say(
                f"a board runs: {board.rauc('--version').strip()}, slots A and B, started from slot {board.booted}"
            )
            well = demo(server, board, folder)
        say("all stopped and removed; " + ("it worked" if well else "IT DID NOT WORK"))
    except (RuntimeError, TimeoutError) as error:
        print(f"scripts/demo: {error}", file=sys.stderr)
        return 1
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
