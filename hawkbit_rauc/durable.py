# SPDX-License-Identifier: LGPL-2.1-or-later
"""The one way to write a file durably."""

from __future__ import annotations

import os
from pathlib import Path

from hawkbit_rauc.errors import StateError


def draft(path: Path) -> Path:
    """Return the file that is about to take another one's place; a power cut may leave it behind."""
    return path.with_name(f"{path.name}.new")


def replace(path: Path, content: bytes) -> None:
    """Replace a file so that a power cut leaves the old or the new content, never less.

    Only after `sync_folder` it is certainly the new one.

    Raises:
        OSError: the old content is still there.
    """
    new = draft(path)
    # Never written into what is there already: others may have put it there, if the folder is theirs too.
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123  a descriptor, not a path
        file.write(content)
        file.flush()
        # Before the rename: ext4 may otherwise bring the new name to the disk, and the content never.
        os.fsync(file.fileno())
    new.replace(path)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk: fsync of a file brings its content alone (fsync(2)).

    Raises:
        OSError: they may not be on the disk.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file of the state folder; the new content is on the disk when this returns.

    Raises:
        StateError: naming the file and the reason.
    """
    try:
        replace(path, content)
        sync_folder(path.parent)
    except OSError as error:
        raise StateError(f"can't write {path}: {error.strerror}; check the state folder") from error
