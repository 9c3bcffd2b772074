# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bundle on the disk, whole or in part.

A part lies beside the bundle's place as `.part`, with a note of what it is as `.part.json`. Neither
is trusted: all bytes are hashed, those of former tries too. After a power cut the last blocks of a
file may be zeros, so of what another boot has written only that counts which the note vouches for:
it was on the disk, and its hash is known. Nothing that others may have put there is followed or
written into.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import logging
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import define, field

from hawkbit_rauc.bundle import hashing, ranges
from hawkbit_rauc.errors import DownloadError, MismatchError, SpaceError
from hawkbit_rauc.model import Artifact
from hawkbit_rauc.net.urls import shown

log = logging.getLogger(__name__)

#: Bytes read, hashed and written at once; larger ones are slower (page faults).
BLOCK = 256 * 1024
#: Bytes that stay free on the file system.
MARGIN = 4 * 2**20
#: Bytes between two looks at the free space: others write too.
ROOM_STEP = 16 * 2**20
#: Bytes after which what is here is brought to the disk and vouched for: what a power cut costs at most.
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


def beside(location: Path) -> tuple[Path, Path, Path]:
    """Name the part, its note, and the note that is about to take the note's place."""
    part, note, new = (
        location.with_name(location.name + end) for end in (".part", ".part.json", ".part.json.new")
    )
    return part, note, new


@define(eq=False)
class Part:
    """What is on the disk of one artifact; all methods raise PassingError where the disk does not work.

    Attributes:
        location: where the bundle will lie.
        artifact: what it is to be.
        stop: set from another thread to end whatever goes on here.
        boot_id: of this boot.
        buffers: to be filled in turn: what was appended last is left alone until the next.
        file: its descriptor, -1 where none is open.
        have: bytes that are here, and in `hash`.
        resumed: some of them are of an earlier exchange or process.
        total: bytes of the whole, as the server says or as announced.
        etag, url, boot, safe: what the note says: the tag and the link of the bytes, the boot that wrote them,
            and how many of them were brought to the disk, with their hash.
        hash: of the bytes that are here, None where there is none to compare with.
    """

    location: Path
    artifact: Artifact
    stop: threading.Event
    boot_id: str = ""
    buffers: Iterator[memoryview] = field(init=False)
    file: int = -1
    have: int = 0
    resumed: bool = False
    etag: str | None = None
    safe: tuple[int, str] = (0, "")
    boot: str | None = None
    url: str = ""
    total: int | None = None
    hash: Any = None

    def __attrs_post_init__(self) -> None:
        count = 2 if self.digest and hashing.pays(self.digest[0]) else 1
        self.buffers = itertools.cycle([memoryview(bytearray(BLOCK)) for _ in range(count)])

    @property
    def size(self) -> int | None:
        """Announced bytes; hawkBit's size of an encrypted artifact describes other bytes."""
        return None if self.artifact.encrypted else self.artifact.size

    @property
    def digest(self) -> tuple[str, str] | None:
        """The hash that the bytes must have, None where only RAUC's signature can tell."""
        return None if self.artifact.encrypted else self.artifact.digest

    def open(self, *, resume: bool) -> bool:
        """Look at what is there; True where the whole bundle already is."""
        with self._disk():
            if self.location.is_symlink():
                raise DownloadError(
                    f"{self.location} is a symbolic link; remove it or change bundle_download_location"
                )
            if self._adopt(self.location, os.O_RDONLY) and self.wrong() is None:
                return True
            with contextlib.suppress(FileNotFoundError):
                self.location.unlink()
            if resume and self._go_on_with_part():
                self.resumed = self.have > 0
            else:
                self._create()
        return False

    def _go_on_with_part(self) -> bool:
        """Take what this boot wrote as it is, and of what another one wrote what the note vouches for."""
        part, note, _ = beside(self.location)
        if not self._noted(note):
            return False
        if self.boot == self.boot_id:
            return self._adopt(part, os.O_RDWR)
        if not self._adopt(part, os.O_RDWR, self.safe[0]):
            return False
        os.ftruncate(self.file, self.have)
        return (self.have, self.hash.hexdigest()) == self.safe

    def _adopt(self, path: Path, mode: int, count: int | None = None) -> bool:
        """Open and hash a file if it can be one of ours: never through a link, never another user's.

        Args:
            path: where it lies.
            mode: for `open`.
            count: take only so many bytes of it.
        """
        self.close()
        if self.digest is None:
            return False  # nothing tells whether its bytes are right
        try:
            self.file = os.open(path, mode | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP, errno.EACCES):
                return False
            raise
        found = os.fstat(self.file)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink != 1:
            return False
        if self.size is not None and found.st_size > self.size:
            return False
        left = found.st_size if count is None else count
        while got := os.readv(self.file, [(block := next(self.buffers)[:left])]):
            self._go_on()
            self.hash.update(block[:got])
            self.have += got
            left -= got
        self.total = self.have
        return True

    def _noted(self, note: Path) -> bool:
        """Whether the part belongs to this artifact, by the note beside it; takes the ETag from it."""
        try:
            with os.fdopen(os.open(note, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                known = json.loads(file.read(8192))
            etag, boot, (safe, safe_hash) = known["etag"], known["boot"], known["safe"]
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return False
        self.etag = etag if isinstance(etag, str) else None
        self.boot = boot if isinstance(boot, str) else None
        self.safe = (safe, safe_hash) if type(safe) is int and safe >= 0 else (0, "")
        return bool(
            self.digest and known.get("hash") == ":".join(self.digest) and known.get("size") == self.size
        )

    def _create(self) -> None:
        """Begin an empty part that nobody else has opened before."""
        self.close()
        self.resumed, self.etag, self.total, self.safe, self.boot = False, None, None, (0, ""), None
        for path in beside(self.location):
            path.unlink(missing_ok=True)
        self.file = os.open(
            beside(self.location)[0], os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644
        )

    def start_over(self) -> None:
        """Throw the part away and begin an empty one."""
        with self._disk():
            self._create()

    def begin(self, take: ranges.Take, etag: str | None, url: str) -> None:
        """Prepare for a body, and note down what the part is."""
        if take.start == 0 and self.have:
            self.start_over()
        self.total = take.total if take.total is not None else self.size
        self.resumed = self.have > 0
        self.check_room()
        changed = (etag, self.boot_id) != (self.etag, self.boot) or not self.have
        self.etag, self.boot, self.url = etag, self.boot_id, shown(url)
        if changed:
            with self._disk():
                self._note()

    def _note(self) -> None:
        """Write down what the part is; the note is whole whenever the power is cut."""
        if not self.digest:
            return
        known = {
            "hash": ":".join(self.digest),
            "size": self.size,
            "etag": self.etag,
            "url": self.url,
            "boot": self.boot,
            "safe": self.safe,
        }
        _, note, new = beside(self.location)
        new.unlink(missing_ok=True)
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with os.fdopen(file, "w") as text:
            json.dump(known, text)
            text.flush()
            os.fsync(file)
        new.replace(note)

    def check_room(self) -> None:
        """Raise SpaceError where what is missing does not fit."""
        with self._disk():
            needs, free = self._room()
            if free < needs:
                raise self._no_room()

    def _room(self) -> tuple[int, int]:
        system = os.statvfs(self.location.parent)
        missing = max(0, (self.total or self.size or 0) - self.have)
        return missing + MARGIN, system.f_bavail * system.f_frsize

    def _no_room(self) -> SpaceError:
        needs, free = self._room()
        place = self.location.parent.absolute()
        while not place.is_mount():
            place = place.parent
        return SpaceError(f"needs {ranges.amount(needs)}, {ranges.amount(free)} free on {place}")

    def append(self, block: bytes | memoryview) -> None:
        """Write and hash the next bytes."""
        self._go_on()
        if self.size is not None and self.have + len(block) > self.size:
            self.start_over()
            raise MismatchError(f"announced {ranges.amount(self.size)}, server sends more")
        if self.hash:
            self.hash.update(block)
        before = self.have
        with self._disk():
            view = memoryview(block)
            while view:
                count = os.pwrite(self.file, view, self.have)
                self.have += count
                view = view[count:]
        if self.have // ROOM_STEP != before // ROOM_STEP:
            self.check_room()
        if self.digest and self.have - self.safe[0] >= SAFE_STEP:
            self._make_safe()

    def _make_safe(self) -> None:
        """Bring to the disk what is here, then vouch for it; that also keeps short what is left to be written at the end."""
        with self._disk():
            os.fdatasync(self.file)
            self.safe = (self.have, self.hash.hexdigest())
            self._note()

    def finish(self) -> None:
        """Make the verified part durable and give it its name."""
        if self.digest is None:
            log.warning("%s: no hash to check it by; RAUC's signature decides", self.location)
        part, note, _ = beside(self.location)
        with self._disk():
            os.fsync(self.file)
            self._go_on()
            part.replace(self.location)
            note.unlink(missing_ok=True)
            folder = os.open(self.location.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def wrong(self) -> str | None:
        """Say what is wrong with the bytes that are here, None where they are right."""
        if self.size is not None and self.have != self.size:
            return ranges.differs(self.size, self.have)
        if self.digest and self.hash.hexdigest() != self.digest[1]:
            return f"{self.digest[0]} is {self.hash.hexdigest()}, announced was {self.digest[1]}"
        return None

    def _go_on(self) -> None:
        if self.stop.is_set():
            raise DownloadError("the download was stopped")

    def close(self) -> None:
        """Close the file and forget what was read from it."""
        if self.file >= 0:
            os.close(self.file)
        self.file, self.have = -1, 0
        if isinstance(self.hash, hashing.Beside):
            self.hash.end()
        self.hash = hashing.new(self.digest[0]) if self.digest else None

    @contextlib.contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise self._no_room() from error
            words = _DISK_TROUBLES.get(error.errno or 0, "{path}: " + str(error.strerror or error))
            path = error.filename if isinstance(error.filename, str | Path) else self.location
            raise DownloadError(words.format(path=path, folder=self.location.parent)) from error
