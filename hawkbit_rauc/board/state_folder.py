# SPDX-License-Identifier: LGPL-2.1-or-later
"""The state folder, and the lock that keeps a second instance out."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from hawkbit_rauc.errors import LockedError, StateError

STATE_FOLDER = Path("/var/lib/hawkbit-rauc")


def state_folder() -> Path:
    """Return where the journal lies: in what systemd's `StateDirectory=` made, otherwise in the default."""
    named = os.environ.get("STATE_DIRECTORY", "").partition(":")[
        0
    ]  # several are separated so (systemd.exec(5))
    return Path(named) if named else STATE_FOLDER


def lock(folder: Path) -> int:
    """Take the lock of the state folder until the process ends.

    Returns:
        The open descriptor that holds the lock.

    Raises:
        StateError: the folder can't be used.
        LockedError: another instance holds the lock.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StateError(
            f"can't use the state folder {folder}: {error.strerror}; set STATE_DIRECTORY"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise LockedError(f"another hawkbit-rauc uses the state folder {folder}; stop it first") from error
    return descriptor
