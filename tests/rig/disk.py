# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small file system that is soon full."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rig.process import need_root, run


@contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[Path]:
    """Mount a file system of `mib` MiB at `folder` (made if absent) and yield it; unmounted at the end.

    Enter it before the board and the daemon start: they see only what was mounted before.
    """
    need_root()
    folder.mkdir(parents=True, exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=755", "rig", folder)
    try:
        yield folder
    finally:
        run("umount", "--lazy", folder)
