# SPDX-License-Identifier: LGPL-2.1-or-later
"""The journal on a real ext4 whose power is cut: what was written is there, whole."""

import fcntl
import os
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig.disk import private_mounts
from rig.process import Process

from hawkbit_rauc.board.journal import Journal
from hawkbit_rauc.model import Identity, Record

ME = Identity("https://hawkbit.test", "DEFAULT", "board-1")
#: EXT4_IOC_SHUTDOWN (linux/ext4.h): the file system takes nothing more, as if the power was cut.
SHUTDOWN = 0x8004587D
JOURNAL_FLUSHED, JOURNAL_LOST = 1, 2


class Disk:
    """An ext4 in a file that can lose its power."""

    def __init__(self, folder: Path) -> None:
        image, self.folder = folder / "image", folder / "mounted"
        self.folder.mkdir()
        with image.open("wb") as file:
            file.truncate(16 << 20)
        subprocess.run(["mkfs.ext4", "-q", image], check=True)
        # Attached once: a loop device that is let go at each cut may be somebody else's at the next.
        attach = ["losetup", "--find", "--show", image]
        self.device = subprocess.run(attach, check=True, capture_output=True, text=True).stdout.strip()
        self.mount()

    def mount(self) -> None:
        # Delayed allocation is not helped along by ext4, so what is not synced is lost.
        subprocess.run(["mount", "-o", "noauto_da_alloc", self.device, self.folder], check=True)

    def unmount(self) -> None:
        subprocess.run(["umount", self.folder], check=True)

    def close(self) -> None:
        self.unmount()
        subprocess.run(["losetup", "--detach", self.device], check=True)

    def cut(self, how: int) -> None:
        """Cut the power and boot again."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", how))
        os.close(descriptor)
        self.unmount()
        self.mount()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with private_mounts():
        disk = Disk(tmp_path)
        yield disk
        disk.close()


@pytest.mark.parametrize("how", [JOURNAL_FLUSHED, JOURNAL_LOST])
def test_a_written_journal_survives_any_cut(disk, how):
    """Each record that `write` returned for is read back after the cut."""
    for attempt in range(1, 6):
        record = Record("7", attempt=attempt, artifact="x" * 1000 * attempt)
        Journal(disk.folder, ME).write(record)
        disk.cut(how)
        assert Journal(disk.folder, ME).read() == record


@pytest.mark.parametrize("how", [JOURNAL_FLUSHED, JOURNAL_LOST])
def test_a_cut_within_a_write_leaves_the_old_record(disk, how):
    """A new file that was not renamed yet costs nothing."""
    Journal(disk.folder, ME).write(Record("7"))
    (disk.folder / "journal.json.new").write_text('{"half')
    disk.cut(how)
    journal = Journal(disk.folder, ME)
    assert journal.read() == Record("7")
    journal.write(Record("8"))
    assert Journal(disk.folder, ME).read() == Record("8")


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[Process]:
    """A program of somebody else's, from before our disk was there."""
    with Process(["sleep", "60"], tmp_path / "stranger.log") as process:
        yield process


def test_a_namespace_of_somebody_else_keeps_no_power_on(stranger, disk, tmp_path):
    """Boards of other tests have mounts of their own; with a copy of ours the disk would not come back."""
    journal = Journal(disk.folder, ME)
    there = ["nsenter", f"--mount=/proc/{stranger.pid}/ns/mnt"]
    command = [*there, "unshare", "--mount", "sh", "-c", "echo there; exec sleep 60"]
    with Process(command, tmp_path / "other.log") as other:
        other.wait_for_log("there")
        disk.cut(JOURNAL_FLUSHED)
        journal.write(Record("7"))


def test_this_disk_does_lose_what_is_not_synced(disk):
    """A plain write and rename are lost, so these tests can fail."""
    new = disk.folder / "plain.new"
    new.write_text("content")
    new.replace(disk.folder / "plain")
    disk.cut(JOURNAL_LOST)
    assert not (disk.folder / "plain").exists() or not (disk.folder / "plain").read_text()
