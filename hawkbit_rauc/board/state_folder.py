# SPDX-License-Identifier: LGPL-2.1-or-later
"""The state folder, and the lock that keeps a second instance out."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from collections.abc import Iterable
from pathlib import Path

from hawkbit_rauc.errors import LockedError, StateError

STATE_FOLDER = Path("/var/lib/hawkbit-rauc")

#: What may be otherwise later: read-only after an error, full, over a quota, no descriptor or memory left.
_PASSING = {
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
}

log = logging.getLogger(__name__)


def state_folder() -> Path:
    """Return where the journal lies: in what systemd's `StateDirectory=` made, otherwise in the default."""
    named = os.environ.get("STATE_DIRECTORY", "").partition(":")[
        0
    ]  # several are separated so (systemd.exec(5))
    return Path(named) if named else STATE_FOLDER


def lock(folder: Path) -> tuple[int, ...]:
    """Take the lock of the state folder until the process ends.

    The folder itself is locked, because that can be done while it is full or read-only, which may pass; and a file in
    it, because earlier versions know of that one only.

    Returns:
        The open descriptors that hold the lock.

    Raises:
        StateError: the folder is not there, or is not to be used.
        LockedError: another instance holds the lock.
    """
    held: list[int] = []
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        held.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            held.append(os.open(folder / "lock", flags, 0o600))
        except OSError as error:
            if error.errno not in _PASSING:
                raise
            log.warning(
                "can't write the state folder %s: %s; nothing is installed before", folder, error.strerror
            )
        for descriptor in held:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        release(held)
        raise LockedError(f"another hawkbit-rauc uses the state folder {folder}; stop it first") from error
    except OSError as error:
        release(held)
        raise StateError(
            f"can't use the state folder {folder}: {error.strerror}; set STATE_DIRECTORY"
        ) from error
    return tuple(held)


def release(held: Iterable[int]) -> None:
    """Let a lock go."""
    for descriptor in held:
        os.close(descriptor)
