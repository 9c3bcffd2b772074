# SPDX-License-Identifier: LGPL-2.1-or-later
"""Make generated/hawkbit_ddi from spec/; run it through scripts/regenerate, which provides its environment.

The steps: fetch a document, keep its structure (documents/), correct and describe it by the overlay
(overlay.yaml), validate it, generate what depends on it (templates/), copy what does not (handwritten/),
check the types of the package, report what differs.
All of it happens beside the tree; what came out is put in place at the end, all or nothing.
"""

import argparse
import difflib
import fcntl
import json
import os
import shutil
import signal
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import overlay as overlays
from api import compare_packages
from changes import Change
from document import Document, compare_documents
from fetch import from_file, from_server, server_address
from griffe import GriffeError
from report import Report
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from structure import keep, text
from tree import files, lock, locked_version, replace
from versions import page

SPEC = Path(__file__).resolve().parents[1]
ROOT = SPEC.parent
PACKAGE = ROOT / "generated" / "hawkbit_ddi"
DOCUMENTS = SPEC / "documents"
PAGE = ROOT / "docs" / "hawkbit-versions.md"
TYPES = Path(sys.prefix) / "mypy-cache"


class Made(NamedTuple):
    """What a run made, beside the tree."""

    package: Path
    """The package's folder."""

    texts: dict[Path, str | None]
    """The text of each other file of the tree that is made; None if the file is to go."""

    report: Report


def main() -> int:
    """Do what the command line asks for; return the exit code."""
    arguments = _arguments()
    fcntl.flock(os.open(SPEC, os.O_RDONLY), fcntl.LOCK_EX)  # one run at a time
    # Beside the package, so that moving it into place is one rename.
    beside = None if arguments.check or arguments.matrix else PACKAGE.parent
    with tempfile.TemporaryDirectory(prefix=".regenerate-", dir=beside) as scratch:
        if arguments.matrix:
            _matrix(Path(scratch))
            return 0
        try:
            made = _make(arguments, Path(scratch))
        except (AttributeError, IndexError, KeyError, RecursionError, TypeError) as error:
            problem = f"{type(error).__name__}: {error}"
            raise SystemExit(f"nothing was changed: the document can't be understood ({problem})") from error
        changed = _show_differences(made) if arguments.check else 0
        if made.report.tells_something:
            _step("report")
            print(made.report)
        if arguments.report:
            arguments.report.write_text(str(made.report))
        if changed:
            print(f"not up to date: {changed} files; run scripts/regenerate")
        if not arguments.check:
            _put(made, Path(scratch))
        return 1 if changed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/regenerate",
        description="Write generated/hawkbit_ddi anew, from the kept document or from another.",
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--hawkbit", metavar="URL", help="take the document of this running server")
    source.add_argument(
        "--file", metavar="FILE", type=Path, help="take the document of this JSON or YAML file"
    )
    source.add_argument("--matrix", action="store_true", help="only try every kept document; change nothing")
    parser.add_argument(
        "--user", help="the server's user; the password is HAWKBIT_PASSWORD in the environment"
    )
    parser.add_argument(
        "--hawkbit-version", metavar="VERSION", help="hawkBit's version, if the document tells none"
    )
    parser.add_argument("--check", action="store_true", help="change nothing; fail on any difference")
    parser.add_argument("--report", metavar="FILE.md", type=Path, help="write the report into this file, too")
    arguments = parser.parse_args()
    if arguments.user and not arguments.hawkbit:
        parser.error("--user needs --hawkbit")
    if arguments.hawkbit_version and not (arguments.hawkbit or arguments.file):
        parser.error("--hawkbit-version needs --hawkbit or --file")
    return arguments


def _make(arguments: argparse.Namespace, scratch: Path) -> Made:
    """Take all steps from the document to the report.

    Raises:
        SystemExit: a step can't be taken; the message says why.
    """
    was = locked_version(SPEC)
    kept = _kept(was)
    if arguments.hawkbit:
        address = server_address(arguments.hawkbit)
        _step(f"fetch from {address}")
        sources = from_server(address, arguments.user, os.environ.get("HAWKBIT_PASSWORD"))
        document = keep(sources, arguments.hawkbit_version)
    elif arguments.file:
        _step(f"read {arguments.file}")
        document = keep([(str(arguments.file), from_file(arguments.file))], arguments.hawkbit_version)
    else:
        document = kept
    now = document["info"]["version"]
    overlay = _overlay()
    fresh = scratch / PACKAGE.name
    overlaid = _package(document, overlay, fresh)
    same = PACKAGE.exists() and files(fresh) == files(PACKAGE)
    if not same:  # otherwise its types were checked when it was made
        _check_types(fresh)
    report = Report(
        was,
        now,
        _version(),
        compare_documents(
            Document(kept, overlays.apply(kept, overlay).document), Document(document, overlaid.document)
        ),
        [] if same else _compare_with_kept(fresh),
        overlaid,
    )
    # The documents of the versions that the overlay lists are kept, and the current one.
    documents = {version: _kept(version) for version in overlays.seen(overlay)} | {now: document}
    texts: dict[Path, str | None] = dict.fromkeys(DOCUMENTS.glob("*.json"))
    texts |= {DOCUMENTS / f"{version}.json": text(each) for version, each in documents.items()}
    texts[SPEC / "lock.json"] = lock(SPEC, document, text(document))
    texts[PAGE] = page(list(documents.values()))
    return Made(fresh, texts, report)


def _package(document: dict[str, Any], overlay: dict[str, Any], into: Path) -> overlays.Overlaid:
    """Make and validate the package of one document."""
    from package import generate, validate  # noqa: PLC0415  # the generator takes a second to load

    version = document["info"]["version"]
    _step(f"validate the document of hawkBit {version}")
    validate(document, f"the document of hawkBit {version}")
    _step("apply the overlay")
    overlaid = overlays.apply(document, overlay)
    validate(overlaid.document, f"what the overlay makes of the document of hawkBit {version}")
    _step("generate")
    generate(overlaid.document, SPEC, _version(), into)
    return overlaid


def _compare_with_kept(fresh: Path) -> list[Change]:
    """Return what differs for callers from the kept package."""
    try:
        return compare_packages(PACKAGE, fresh)
    except (GriffeError, ModuleNotFoundError):  # it is mended by this run
        _step("the kept package is missing or no Python: the report leaves the Python API out")
        return []


def _check_types(package: Path) -> None:
    from package import check_types  # noqa: PLC0415

    _step("check types")
    check_types(package, TYPES)


def _matrix(scratch: Path) -> None:
    """Make and check the package of every kept document."""
    overlay = _overlay()
    for path in sorted(DOCUMENTS.glob("*.json")):
        package = scratch / path.stem / PACKAGE.name
        package.parent.mkdir()
        _package(_kept(path.stem), overlay, package)
        _check_types(package)


def _show_differences(made: Made) -> int:
    """Show what differs from the tree; return how many files do."""
    new: dict[str, str | None] = {
        f"{PACKAGE.relative_to(ROOT)}/{n}": t for n, t in files(made.package).items()
    }
    old: dict[str, str | None] = {f"{PACKAGE.relative_to(ROOT)}/{n}": t for n, t in files(PACKAGE).items()}
    for path, content in made.texts.items():
        name = str(path.relative_to(ROOT))
        new[name], old[name] = content, path.read_text() if path.exists() else None
    changed = [name for name in sorted(new.keys() | old.keys()) if new.get(name) != old.get(name)]
    for name in changed:
        was, now = (old.get(name) or "").splitlines(), (new.get(name) or "").splitlines()
        print(*difflib.unified_diff(was, now, f"{name} (kept)", f"{name} (made)", lineterm=""), sep="\n")
    return len(changed)


def _put(made: Made, scratch: Path) -> None:
    """Put into the tree what differs from it."""
    changes: dict[Path, Path | None] = {}
    new, old = files(made.package), files(PACKAGE)
    if new != old:
        changes[PACKAGE] = made.package
    for number, (path, content) in enumerate(made.texts.items()):
        if content != (path.read_text() if path.exists() else None):
            changes[path] = None
            if content is not None:
                changes[path] = scratch / f"{number}.new"
                (scratch / f"{number}.new").write_text(content)
    (scratch / "attic").mkdir()
    replace(changes, scratch / "attic")
    changed = sum(new.get(name) != old.get(name) for name in new.keys() | old.keys())
    _step(f"{PACKAGE.relative_to(ROOT)} has {len(new)} files, {changed} changed")
    shutil.rmtree(PACKAGE.parent / ".ruff_cache", ignore_errors=True)


def _kept(version: str) -> dict[str, Any]:
    """Return the kept document of a version."""
    path = DOCUMENTS / f"{version}.json"
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def _overlay() -> dict[str, Any]:
    overlay: dict[str, Any] = YAML(typ="safe").load(SPEC / "overlay.yaml")
    return overlay


def _version() -> str:
    """Return the package's own version: it is shipped with the project."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def _step(what: str) -> None:
    print(f"regenerate: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal; nothing was changed"))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("ended by a signal; nothing was changed")
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        sys.exit(f"nothing was changed: {name}{error.strerror or error}")
    except (ValueError, YAMLError) as error:
        sys.exit(f"nothing was changed: a file below spec/ can't be read: {' '.join(str(error).split())}")
