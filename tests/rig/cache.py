# SPDX-License-Identifier: LGPL-2.1-or-later
"""Things that are costly to make and the same for every run, under `.cache/` of the repository.

Any number of processes may ask for the same thing at once: one makes it, the others wait.
"""

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / ".cache"


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock `name` against other threads and processes."""
    lock = CACHE / "locks" / name.replace("/", "-")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def once(name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder or file `name` of the cache, made now if it is not there yet.

    Args:
        name: its path below `.cache/`; what changes the contents must change the name.
        make: makes it at the path that it is given; what it leaves behind when it fails is removed.
    """
    target = CACHE / name
    if target.exists():
        return target
    with locked(name):
        if not target.exists():
            part = target.with_name(target.name + ".part")
            remove(part)
            part.parent.mkdir(parents=True, exist_ok=True)
            try:
                make(part)
                part.rename(target)
            finally:
                remove(part)
    return target


def remove(path: Path) -> None:
    """Remove a file or a folder with everything in it, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
