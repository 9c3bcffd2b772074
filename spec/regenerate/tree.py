# SPDX-License-Identifier: LGPL-2.1-or-later
"""The files that a run makes: the lock that names what they were made from, and their way into the tree."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any


def lock(spec: Path, document: dict[str, Any], text: str) -> str:
    """Return the text of lock.json, which names exactly what the package was made from.

    Args:
        spec: The folder with overlay and templates.
        document: hawkBit's document, as it is kept.
        text: The text of its file.
    """
    templates = hashlib.sha256()  # handwritten files are in the package themselves
    for path in sorted((spec / "templates").rglob("*.jinja")):
        templates.update(f"{path.relative_to(spec)} {_sha256(path.read_bytes())}\n".encode())
    made_from = {
        "hawkbit": document["info"]["version"],
        "document": _sha256(text.encode()),
        "overlay": _sha256((spec / "overlay.yaml").read_bytes()),
        "templates": templates.hexdigest(),
        "openapi-python-client": version("openapi-python-client"),
        "ruff": version("ruff"),
    }
    return json.dumps(made_from, indent=2) + "\n"


def locked_version(spec: Path) -> str:
    """Return the version of hawkBit that the kept package was made for.

    Raises:
        SystemExit: the lock doesn't tell it.
    """
    try:
        found = json.loads((spec / "lock.json").read_text())["hawkbit"]
        if isinstance(found, str):
            return found
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise SystemExit(
        "spec/lock.json doesn't name hawkBit's version; restore it, for instance by git checkout"
    )


def files(folder: Path) -> dict[str, str]:
    """Return the text of all files below a folder by relative name, without Python's caches."""
    names = (p for p in sorted(folder.rglob("*")) if p.is_file() and "__pycache__" not in p.parts)
    return {str(name.relative_to(folder)): name.read_text(errors="replace") for name in names}


def replace(changes: dict[Path, Path | None], attic: Path) -> None:
    """Put files and folders into the tree: all of them, or none.

    Args:
        changes: For each place the file or folder that belongs there; None removes what is there.
        attic: An empty folder for what was there. All of this is on one file system.
    """
    moved: list[tuple[Path, Path]] = []

    def move(what: Path, to: Path) -> None:
        moved.append((what, to))  # before it is done, as a signal may come in between
        what.rename(to)

    try:
        for number, (place, new) in enumerate(changes.items()):
            if place.exists():
                move(place, attic / str(number))
            if new is not None:
                move(new, place)
    except BaseException:
        for what, to in reversed(moved):
            if to.exists() and not what.exists():
                to.rename(what)
        raise


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
