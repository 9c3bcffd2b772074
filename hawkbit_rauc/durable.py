# SPDX-License-Identifier: LGPL-2.1-or-later
"""The one way to write a file durably."""

from __future__ import annotations

import os
from pathlib import Path

from hawkbit_rauc.errors import StateError


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file so that a power cut leaves the old or the new content, never less.

    Raises:
        StateError: naming the file and the reason.
    """
    new = path.with_name(path.name + ".new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123  a descriptor, not a path
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StateError(f"can't write {path}: {error.strerror}; check the state folder") from error
