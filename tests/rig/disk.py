# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small file system that is soon full, and mounts that nobody else sees."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_native_id

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


@contextmanager
def private_mounts() -> Iterator[None]:
    """Keep what is mounted within from all other processes.

    Whoever makes a mount namespace meanwhile would hold a copy of it, and `umount` would end nothing.
    """
    need_root()
    clone_newns = 0x20000
    libc, folder = ctypes.CDLL(None, use_errno=True), Path.cwd()

    def call(name: str, *arguments: int) -> None:
        if getattr(libc, name)(*arguments):
            raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")

    before = os.open(f"/proc/self/task/{get_native_id()}/ns/mnt", os.O_RDONLY)
    try:
        call("unshare", clone_newns)
        run("mount", "--make-rprivate", "/")
        yield
    finally:
        call("setns", before, clone_newns)
        os.close(before)
        os.chdir(folder)
