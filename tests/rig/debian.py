# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs of Debian 13 on a machine with Debian 12."""

import re
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


def _extract(folder: Path) -> None:
    need("mmdebstrap")
    wanted = "--include=rauc,squashfs-tools,dash,bash,coreutils,mount,util-linux"
    lean = "--aptopt=Apt::Install-Recommends false"
    run("mmdebstrap", "--quiet", "--variant=extract", wanted, lean, "trixie", folder, mirror())


def trixie() -> Path:
    """Return a folder with Debian 13's RAUC 1.13 and what it needs, unpacked and never set up."""
    return once("trixie", _extract)
