# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a real RAUC says of each kind of failure, word for word, and whose fault that is taken to be."""

import re
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from attrs import frozen
from rig.process import run
from rig.rauc import INSTALLER, RaucBoard
from wire.rauc.using import quiet, with_rauc

from hawkbit_rauc.errors import AttemptFailedError, InstallationError
from hawkbit_rauc.rauc.failures import Failure, classify

PAGE = Path(__file__).parents[3] / "docs" / "rauc-failures.md"

FINAL, PASSING = Failure.FINAL, Failure.PASSING


@frozen
class Trouble:
    """A failure of an installation.

    Attributes:
        make: brings it about on a board, and returns the bundle's path; the stack undoes what outlives the test.
        failure: whose fault it is.
        old: what RAUC 1.8 says; `*` stands for what differs from run to run, BOARD for the board's folder.
        new: what RAUC 1.13 says, if it is something else.
    """

    make: Callable[[RaucBoard, ExitStack], Path]
    failure: Failure
    old: str
    new: str = ""

    def said_by(self, version: str) -> str:
        """What a version of RAUC says."""
        return self.new or self.old if version == "1.13" else self.old


def made(**options: str) -> Callable[[RaucBoard, ExitStack], Path]:
    """A bundle that is wrong in itself; options are those of `rig.bundles.make`."""
    return lambda board, _: board.bundle(**options).path


def written(content: bytes) -> Callable[[RaucBoard, ExitStack], Path]:
    """A file that is no bundle at all."""

    def make(board: RaucBoard, _: ExitStack) -> Path:
        path = board.folder / "bundles" / "no.raucb"
        path.write_bytes(content)
        return path

    return make


def gone(board: RaucBoard, _: ExitStack) -> Path:
    path = board.bundle().path
    path.unlink()
    return path


def handled(name: str, script: str) -> Callable[[RaucBoard, ExitStack], Path]:
    """A handler of the board that does as it is told."""

    def make(board: RaucBoard, _: ExitStack) -> Path:
        handler = board.folder / "handlers" / name
        handler.unlink()
        handler.write_text(script)
        handler.chmod(0o755)
        return board.bundle().path

    return make


def without(name: str) -> Callable[[RaucBoard, ExitStack], Path]:
    """Something of the board that is not there (yet)."""

    def make(board: RaucBoard, _: ExitStack) -> Path:
        path = board.folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
        return board.bundle().path

    return make


def full(board: RaucBoard, _: ExitStack) -> Path:
    """The slot takes no byte: /dev/full says to every one that no space is left."""
    slot = board.folder / "rootfs.1.img"
    slot.unlink()
    slot.symlink_to("/dev/full")
    return board.bundle().path


def small(board: RaucBoard, stack: ExitStack) -> Path:
    """The slot is a block device of one page."""
    slot = board.folder / "rootfs.1.img"
    slot.write_bytes(bytes(4096))
    device = run("losetup", "--find", "--show", slot).strip()
    stack.callback(run, "losetup", "--detach", device)
    slot.unlink()
    slot.symlink_to(device)
    return board.bundle().path


LIAR = 'echo "certificate is not yet valid: No space left on device" >&2; exit 10'
HOOK = "Installation error: Failed updating slot rootfs.1: failed to run slot hook: "
CHECK = "Install-check hook failed: "
BACKEND = "custom backend: Failed to run */bootloader.sh: Child process exited with code 2"

TROUBLES = {
    "signed by somebody whom the board does not trust": Trouble(
        made(sign="wrong"),
        FINAL,
        "signature verification failed: Verify error: unable to get local issuer certificate",
    ),
    "the clock stands before the certificate's begin": Trouble(
        made(sign="early"),
        PASSING,
        "signature verification failed: Verify error: certificate is not yet valid",
    ),
    "one bit of the bundle is wrong": Trouble(
        lambda board, _: board.bundle().flipped(),
        FINAL,
        "signature verification failed: error:1700009E:CMS routines::verification failure",
    ),
    "the bundle is cut in half": Trouble(
        lambda board, _: board.bundle().cut(),
        FINAL,
        "Invalid bundle format: Signature size (*) exceeds bundle size",
    ),
    "three bytes": Trouble(
        written(b"abc"),
        FINAL,
        "Invalid bundle format: Failed to seek to end of bundle: Error seeking in file: Invalid argument",
    ),
    "nothing but zeros": Trouble(written(bytes(9000)), FINAL, "Invalid bundle format: Signature size is 0"),
    "no signature where one should be": Trouble(
        written(bytes(9006) + b"\x01\x00"), FINAL, "Invalid bundle format: Signature data is no valid CMS"
    ),
    "the bundle is not there any more": Trouble(
        gone,
        PASSING,
        "Invalid bundle format: Failed to open bundle for reading: "
        "Error opening file BOARD/bundles/*.raucb: No such file or directory",
    ),
    "for another board": Trouble(
        made(compatible="other"),
        FINAL,
        "Installation error: Compatible mismatch: Expected 'rig-board' but bundle manifest has 'other'",
        "Compatible mismatch: Expected 'rig-board' but bundle manifest has 'other'",
    ),
    "for a slot that the board does not have": Trouble(
        made(classes=["datafs"]),
        FINAL,
        "Installation error: No target slot for class datafs of image datafs.img found",
        "Installation error: No target slot for class 'datafs' of image 'datafs.img' found",
    ),
    "a format that the kernel can't mount (no device mapper)": Trouble(
        made(form="verity"),
        PASSING,
        "Failed mounting bundle: Failed to open /dev/mapper/control: No such file or directory",
    ),
    "the install-check hook refuses, in the words of a passing failure": Trouble(
        made(check=LIAR),
        FINAL,
        "Installation error: Bundle rejected: Hook returned: "
        "certificate is not yet valid: No space left on device",
        "Bundle rejected: Hook returned: 'certificate is not yet valid: No space left on device'",
    ),
    "the install-check hook refuses without a word": Trouble(
        made(check="exit 11"),
        FINAL,
        f"Installation error: {CHECK}Hook returned with exit code 11: Child process exited with code 11",
        f"{CHECK}Hook returned with exit code 11: Child process exited with code 11",
    ),
    "the install-check hook fails": Trouble(
        made(check="exit 1"),
        FINAL,
        f"Installation error: {CHECK}failed to run bundle hook: Child process exited with code 1",
        f"{CHECK}failed to run bundle hook: Child process exited with code 1",
    ),
    "the install-check hook is killed": Trouble(
        made(check="kill -9 $$"),
        PASSING,
        f"Installation error: {CHECK}failed to run bundle hook: Child process killed by signal 9",
        f"{CHECK}failed to run bundle hook: Child process killed by signal 9",
    ),
    "the install-check hook of a bundle with a handler refuses": Trouble(
        made(check="echo no >&2; exit 10", handler="true"),
        FINAL,
        "Installation error: Hook returned: no",
        "Bundle rejected: Hook returned: 'no'",
    ),
    "the bundle's handler fails": Trouble(
        made(handler="exit 3"), FINAL, "Installation error: Child process exited with code 3"
    ),
    "the bundle's handler is killed": Trouble(
        made(handler="kill -9 $$"), PASSING, "Installation error: Child process killed by signal 9"
    ),
    "the slot's hook fails": Trouble(made(hook="exit 7"), FINAL, f"{HOOK}Child process exited with code 7"),
    "the slot's hook is killed": Trouble(
        made(hook="kill -9 $$"), PASSING, f"{HOOK}Child process killed by signal 9"
    ),
    "the pre-install handler fails": Trouble(
        handled("pre-install", "#!/bin/sh\nexit 3\n"),
        FINAL,
        "Pre-install handler error: Child process exited with code 3",
    ),
    "the pre-install handler can't be started": Trouble(
        handled("pre-install", "#!/nonexistent/sh\n"),
        PASSING,
        "Pre-install handler error: Failed to execute child process “BOARD/handlers/pre-install” "
        "(No such file or directory)",
    ),
    "the post-install handler fails, after the switch": Trouble(
        handled("post-install", "#!/bin/sh\nexit 3\n"),
        FINAL,
        "Post-install handler error: Child process exited with code 3",
    ),
    "the slot's device is not there": Trouble(
        without("rootfs.1.img"),
        PASSING,
        "Installation error: Destination device 'BOARD/rootfs.1.img' not found",
        "Installation error: Destination device 'BOARD/rootfs.1.img' for slot 'rootfs.1' not found",
    ),
    "no space is left where the slot is": Trouble(
        full,
        PASSING,
        "Installation error: Failed updating slot rootfs.1: Failed splicing data: "
        "Error writing to file descriptor: No space left on device",
        "Installation error: Failed updating slot rootfs.1: Failed to copy data: "
        "Error writing to file descriptor: No space left on device",
    ),
    "the stored status can't be written": Trouble(
        without("data"),
        PASSING,
        "Installation error: Error while writing status file: "
        "Failed to create file “BOARD/data/rauc.status.*”: No such file or directory",
        "Installation error: Error while writing status file: "
        "Failed to create file “BOARD/data/central.raucs.*”: No such file or directory",
    ),
    "the boot loader's variables can't be read": Trouble(
        without("bootenv"),
        PASSING,
        f"Installation error: Failed marking slot rootfs.1 non-bootable: {BACKEND}",
        "Installation error: Failed marking slot rootfs.1 non-bootable: "
        f"Failed marking slot rootfs.1 as bad:  {BACKEND}",
    ),
}


def last_error(board: RaucBoard, path: Path) -> str:
    """What RAUC says, as it says it, of an installation that fails."""
    with pytest.raises((InstallationError, AttemptFailedError)):
        with_rauc(board.bus, lambda rauc: rauc.install(path, "ours", quiet))
    return str(board.bus.property(INSTALLER, "LastError"))


@pytest.mark.parametrize("version", ["1.8", "1.13"])
@pytest.mark.parametrize("name", TROUBLES)
def test_rauc_s_words_are_known_and_taken_for_what_they_mean(
    new_board: Callable[..., RaucBoard], version: str, name: str
) -> None:
    """A real RAUC says what docs/rauc-failures.md tells, and that is final or passing as the page says."""
    trouble = TROUBLES[name]
    board = new_board(rauc=version)
    with ExitStack() as stack:
        said = last_error(board, trouble.make(board, stack))
    shown = said.replace(str(board.folder), "BOARD")
    assert fnmatchcase(shown, trouble.said_by(version)), shown
    assert classify(said) is trouble.failure


@pytest.mark.parametrize(
    ("version", "failure", "words"),
    [
        ("1.8", PASSING, "No space left on device"),
        ("1.13", FINAL, "Slot (4096 bytes) is too small for image (4194304 bytes)."),
    ],
)
def test_a_slot_that_is_too_small_is_final_if_rauc_knows_its_size(
    new_board: Callable[..., RaucBoard], version: str, failure: Failure, words: str
) -> None:
    """RAUC 1.8 writes until nothing more fits, which looks like a disk that is full; later ones look first."""
    board = new_board(rauc=version)
    with ExitStack() as stack:
        said = last_error(board, small(board, stack))
    assert said.endswith(words)
    assert classify(said) is failure


def test_the_page_tells_each_run() -> None:
    """docs/rauc-failures.md shows what each of these runs ended with, and no other."""
    (table,) = re.findall(r"^\| what is wrong \|.*\n\|.*\n((?:\|.*\n)+)", PAGE.read_text(), re.MULTILINE)
    rows = [tuple(cell.strip() for cell in line.strip("|\n").split(" | ")) for line in table.splitlines()]
    assert rows == [
        (name, version, f"`{said}`", trouble.failure.value)
        for name, trouble in TROUBLES.items()
        for version, said in (
            (("1.8", trouble.old), ("1.13", trouble.new)) if trouble.new else (("1.8, 1.13", trouble.old),)
        )
    ]
