# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs of other Debian releases on a machine with Debian 12."""

import re
from collections.abc import Callable
from pathlib import Path

from rig.cache import once
from rig.process import need, run


def mirror() -> str:
    """Return the mirror that this machine takes its own Debian packages from."""
    for file in [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]:
        if file.is_file():
            found = re.search(
                r"^(?:URIs:|deb\b(?: \[[^]]*\])?)\s+(\S+/debian)/?\s", file.read_text(), re.MULTILINE
            )
            if found:
                return found[1]
    return "http://deb.debian.org/debian"


RAUC = "rauc,squashfs-tools,dash,bash,coreutils,mount,util-linux"


def _extract(suite: str, packages: str) -> Callable[[Path], None]:
    """Return what unpacks packages, and all that they need, into a folder."""

    def extract(folder: Path) -> None:
        need("mmdebstrap")
        wanted, lean = f"--include={packages}", "--aptopt=Apt::Install-Recommends false"
        # A mirror that is a snapshot has lists of sid that count as expired.
        stale = '--aptopt=Acquire::Check-Valid-Until "false"'
        run("mmdebstrap", "--quiet", "--variant=extract", wanted, lean, stale, suite, folder, mirror())

    return extract


def trixie() -> Path:
    """Return a folder with Debian 13's RAUC 1.13 and what it needs, unpacked and never set up."""
    return once("trixie", _extract("trixie", RAUC))


def sid() -> Path:
    """Return the same with the newest RAUC that Debian has (1.15.2 when this was written)."""
    return once("sid", _extract("sid", RAUC))


def rauc_hawkbit_updater() -> list[str | Path]:
    """Return the command of Debian sid's rauc-hawkbit-updater (C), which runs by its own loader and libraries."""
    root = once("sid-updater", _extract("sid", "rauc-hawkbit-updater")) / "usr"
    libraries = root / "lib" / "x86_64-linux-gnu"
    loader = root / "lib64" / "ld-linux-x86-64.so.2"
    return [loader, "--library-path", libraries, root / "bin" / "rauc-hawkbit-updater"]
