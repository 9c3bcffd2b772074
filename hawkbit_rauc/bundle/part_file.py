# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bundle on the disk, whole or in part.

A part lies beside the bundle's place as `.part`, with a note of what it is as `.part.json`. Neither
is trusted: all bytes are hashed, those of earlier tries too. After a power cut the last blocks of a
file may be zeros. So of what another boot has written, only that counts which the note vouches for:
it was on the disk, and its hash is known. Nothing that others may have put there is followed or
written into.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

from attrs import evolve

from hawkbit_rauc import durable
from hawkbit_rauc.bundle import ranges
from hawkbit_rauc.bundle.hashed_file import HashedFile
from hawkbit_rauc.bundle.part_note import PartNote
from hawkbit_rauc.errors import DownloadError, MismatchError, SpaceError
from hawkbit_rauc.model import Artifact
from hawkbit_rauc.net.urls import shown

log = logging.getLogger(__name__)

#: Bytes that stay free on the file system, which is often the journal's and other programs', too.
MARGIN = 4 * 2**20
#: Bytes between two looks at the free space: others write too.
ROOM_STEP = 16 * 2**20
#: Bytes after which what is here is brought to the disk and vouched for: a power cut costs these at most.
SAFE_STEP = 4 * 2**20

_DISK_TROUBLES = {
    errno.ENOENT: "{folder} is not there; create it or change bundle_download_location",
    errno.ENOTDIR: "{folder} is not a folder; change bundle_download_location",
    errno.EACCES: "{path} may not be written by this program; check the owner and mode of {folder}",
    errno.EPERM: "{path} may not be written by this program; check the owner and mode of {folder}",
    errno.EROFS: "{folder} is read-only for this program; "
    "name it in ReadWritePaths= of the unit, or change bundle_download_location",
    errno.EISDIR: "{path} is a folder; remove it or change bundle_download_location",
    errno.EIO: "{path} can't be written or read (input/output error); is the storage failing?",
    errno.EFBIG: "{path} becomes too big for the file system or this process's limits",
}


def files_beside(location: Path) -> tuple[Path, Path, Path]:
    """Name the part of a bundle, the part's note, and the note that is about to take the note's place."""
    note = location.with_name(f"{location.name}.part.json")
    return location.with_name(f"{location.name}.part"), note, durable.draft(note)


class Part:
    """What is on the disk of one artifact. All methods raise PassingError if the disk does not work.

    Args:
        location: where the bundle will lie.
        artifact: what it is to be.
        stop: set from another thread to end whatever goes on here.
        boot_id: of this boot.

    Attributes:
        file: the bytes that are here, in the part or in the bundle's own place.
        resumed: some of them are of an earlier exchange or process.
        total: bytes of the whole, as the server says or as announced.
    """

    def __init__(self, location: Path, artifact: Artifact, stop: threading.Event, boot_id: str = "") -> None:
        self._location = location
        self._artifact = artifact
        self._stop = stop
        self._boot_id = boot_id
        self._note: PartNote | None = None
        self.file = HashedFile(self.digest[0] if self.digest else None)
        self.resumed = False
        self.total: int | None = None

    @property
    def size(self) -> int | None:
        """Announced bytes, None if they say nothing: hawkBit's size of an encrypted artifact describes other bytes."""
        return None if self._artifact.encrypted else self._artifact.size

    @property
    def digest(self) -> tuple[str, str] | None:
        """The hash that the bytes must have, None if only RAUC's signature can tell."""
        return None if self._artifact.encrypted else self._artifact.digest

    @property
    def have(self) -> int:
        """Bytes that are here."""
        return self.file.have

    @property
    def etag(self) -> str | None:
        """The tag of the answer that they came with."""
        return self._note.etag if self._note else None

    def open(self, *, resume: bool) -> bool:
        """Look at what is there; True if it is the whole bundle."""
        with self._disk():
            if (
                self._location.is_symlink()
            ):  # somebody put it there for a reason; it is neither followed nor removed
                raise DownloadError(
                    f"{self._location} is a symbolic link; remove it or change bundle_download_location"
                )
            if self._adopt(self._location, os.O_RDONLY) and self.wrong() is None:
                return True
            # Removed, never written into: RAUC takes ownership of a bundle's file, and may have it open.
            self._location.unlink(missing_ok=True)
            if resume and self._go_on_with_part():
                self.resumed = self.have > 0
            else:
                self._create()
        return False

    def _go_on_with_part(self) -> bool:
        """Take what this boot wrote as it is, and of what another one wrote what the note vouches for."""
        part, file, _ = files_beside(self._location)
        note = PartNote.read(file)
        if note is None or self.digest is None:
            return False
        if (note.hash, note.size) != (":".join(self.digest), self.size):
            return False  # the part of another artifact
        self._note = note
        if note.boot == self._boot_id:
            return self._adopt(part, os.O_RDWR)
        if not self._adopt(part, os.O_RDWR, note.safe[0]):
            return False
        os.ftruncate(self.file.descriptor, self.have)  # what comes after may be zeros
        return (self.have, self.file.hash) == note.safe

    def _adopt(self, path: Path, mode: int, count: int | None = None) -> bool:
        """Open and hash a file if it can be one of ours.

        The folder may be one that others can write to, such as the /tmp of the C program's example: so never through
        a link, no pipe, and no file that another user owns or has a second name of.

        Args:
            path: where it lies.
            mode: for `open`.
            count: take only so many bytes of it.
        """
        if self.digest is None:
            return False  # nothing tells whether its bytes are right
        try:
            self.file.open(path, mode | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP, errno.EACCES):
                return False
            raise
        found = os.fstat(self.file.descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink != 1:
            return False
        if self.size is not None and found.st_size > self.size:
            return False
        self.file.read(found.st_size if count is None else count, self._go_on)
        self.total = self.have
        return True

    def _create(self) -> None:
        """Begin an empty part that nobody else has opened before."""
        self.file.close()
        self._note, self.resumed, self.total = None, False, None
        for path in files_beside(self._location):
            path.unlink(missing_ok=True)
        self.file.open(files_beside(self._location)[0], os.O_RDWR | os.O_CREAT | os.O_EXCL)

    def start_over(self) -> None:
        """Throw the part away and begin an empty one."""
        with self._disk():
            self._create()

    def begin(self, take: ranges.Take, etag: str | None, url: str) -> None:
        """Prepare for a body, and write down what the part is."""
        if take.start == 0 and self.have:
            self.start_over()
        self.total = take.total if take.total is not None else self.size
        self.resumed = self.have > 0
        self.check_room()
        if self.digest:
            safe = self._note.safe if self._note else (0, "")
            digest = ":".join(self.digest)
            self._write_note(PartNote(digest, self.size, etag, shown(url), self._boot_id, safe))

    def _write_note(self, note: PartNote) -> None:
        if note != self._note:
            with self._disk():
                note.write(files_beside(self._location)[1])
            self._note = note

    def check_room(self) -> None:
        """Raise SpaceError if what is missing does not fit."""
        with self._disk():
            needs, free = self._room()
            if free < needs:
                raise self._no_room()

    def _room(self) -> tuple[int, int]:
        system = os.statvfs(self._location.parent)
        missing = max(0, (self.total or self.size or 0) - self.have)
        return missing + MARGIN, system.f_bavail * system.f_frsize

    def _no_room(self) -> SpaceError:
        needs, free = self._room()
        place = self._location.parent.absolute()
        while not place.is_mount():
            place = place.parent
        return SpaceError(f"needs {ranges.amount(needs)}, {ranges.amount(free)} free on {place}")

    def append(self, block: bytes | memoryview) -> None:
        """Write and hash the next bytes."""
        self._go_on()
        if self.size is not None and self.have + len(block) > self.size:  # chunked: no length was announced
            self.start_over()
            raise MismatchError(f"announced {ranges.amount(self.size)}, server sends more")
        before = self.have
        with self._disk():
            self.file.append(block)
        if self.have // ROOM_STEP != before // ROOM_STEP:
            self.check_room()
        if self._note and self.have - self._note.safe[0] >= SAFE_STEP:
            self._make_safe(self._note)

    def _make_safe(self, note: PartNote) -> None:
        """Bring to the disk what is here, then vouch for it; so there is less left to be written at the end, too."""
        with self._disk():
            os.fdatasync(self.file.descriptor)  # before the note: what it vouches for has to be there
        self._write_note(evolve(note, safe=(self.have, self.file.hash or "")))

    def finish(self) -> None:
        """Make the verified part durable and give it its name."""
        if self.digest is None:
            log.warning(
                "%s: the server gives no hash of it, so only RAUC's signature check can tell whether it is right",
                self._location,
            )
        part, note, _ = files_beside(self._location)
        with self._disk():
            os.fsync(self.file.descriptor)
            self._go_on()  # an fsync may take long, and whoever is canceled meanwhile leaves no bundle
            part.replace(self._location)
            note.unlink(missing_ok=True)
            durable.sync_folder(self._location.parent)

    def wrong(self) -> str | None:
        """Say what is wrong with the bytes that are here, None if they are right."""
        if self.size is not None and self.have != self.size:
            return ranges.differs(self.size, self.have)
        if self.digest and self.file.hash != self.digest[1]:
            return f"{self.digest[0]} is {self.file.hash}, but {self.digest[1]} was announced"
        return None

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise DownloadError("the download was stopped")

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    @contextlib.contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise self._no_room() from error
            words = _DISK_TROUBLES.get(error.errno or 0, "{path}: " + str(error.strerror or error))
            path = error.filename if isinstance(error.filename, str | Path) else self._location
            raise DownloadError(words.format(path=path, folder=self._location.parent)) from error
