# SPDX-License-Identifier: LGPL-2.1-or-later
# Edited in spec/handwritten/ and copied from there by scripts/regenerate.
"""Files on the disk: collected in a part beside their place, and given their name when they are complete and right."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from .download import (
    AsyncDownloadStream,
    Download,
    DownloadStream,
    Transfer,
    afetched,
    fetched,
    is_strong,
    wanted,
)
from .errors import DdiError

if TYPE_CHECKING:
    from hawkbit_ddi.models import Artifact, Hashes

    from .client import Client

_BLOCK = 256 * 1024


class Part:
    """The file on the disk while it isn't complete: `NAME.part` beside its place, its tag in `NAME.part.etag`.

    Args:
        path: The path of the complete file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._part = self._path.with_name(self._path.name + ".part")
        self._note = self._path.with_name(self._path.name + ".part.etag")
        self._file: BinaryIO | None = None
        self.resumed = False
        """Whether bytes of a former try count."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def open(self, download: Transfer, *, resume: bool) -> None:
        """Open the part and hash what it holds.

        Args:
            download: It is given the bytes that are here.
            resume: Whether to keep what is here, if a hash or a tag can tell whether it belongs to the file.
        """
        try:
            tag = self._note.read_text(encoding="utf-8")
        except (OSError, ValueError):
            tag = ""
        keep = resume and (download.checked or is_strong(tag))
        self._file = self._part.open("r+b" if keep and self._part.exists() else "w+b")
        self.resumed = keep and os.fstat(self._file.fileno()).st_size > 0
        while block := self._file.read(_BLOCK):
            download.take(block)
        download.etag = tag or None if self.resumed else None

    def begin(self, download: Download) -> None:
        """Prepare for the bytes from `download.position` on."""
        assert self._file is not None
        self.resumed = self.resumed and download.position > 0
        self._file.seek(download.position)
        self._file.truncate()
        if download.etag is None:
            self._note.unlink(missing_ok=True)
        else:
            self._note.write_text(download.etag, encoding="utf-8")

    def write(self, piece: bytes) -> None:
        """Write the next bytes."""
        assert self._file is not None
        self._file.write(piece)

    def finish(self) -> None:
        """Make the disk keep the file, and give it its name."""
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self._path)
        self._note.unlink(missing_ok=True)

    def is_worth_another_try(self, download: Transfer) -> bool:
        """Remove what is stale, and tell whether only bytes of a former try are to blame."""
        if download.stale:
            for path in (self._part, self._note):
                path.unlink(missing_ok=True)
        return download.stale and self.resumed


def save(
    client: Client,
    source: Artifact | str,
    size: int | None,
    hashes: Hashes | None,
    path: str | os.PathLike[str],
) -> Download:
    """Do as `Client.download` says."""
    part = Part(path)
    for resume in (True, False):
        file = DownloadStream(*wanted(client, source, size, hashes))
        try:
            with part:
                part.open(file, resume=resume)
                with fetched(client, file):
                    part.begin(file)
                    for piece in file:
                        part.write(piece)
                part.finish()
            break
        except DdiError:
            if not part.is_worth_another_try(file):
                raise
    return file


async def asave(
    client: Client,
    source: Artifact | str,
    size: int | None,
    hashes: Hashes | None,
    path: str | os.PathLike[str],
) -> Download:
    """Do as `save` does, asynchronously; threads wait for the disk."""
    from asyncio import to_thread  # noqa: PLC0415  # see Client.asend_tagged

    part = Part(path)
    for resume in (True, False):
        file = AsyncDownloadStream(*wanted(client, source, size, hashes))
        try:
            with part:
                await to_thread(part.open, file, resume=resume)
                async with afetched(client, file):
                    await to_thread(part.begin, file)
                    async for piece in file:
                        await to_thread(part.write, piece)
                await to_thread(part.finish)
            break
        except DdiError:
            if not part.is_worth_another_try(file):
                raise
    return file
