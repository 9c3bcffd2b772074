# SPDX-License-Identifier: LGPL-2.1-or-later
"""The journal: one small durable record.

It belongs to one identity (a cloned card must not speak for another board), carries a version,
only ever grows by adding members, and keeps members that it does not understand: after a fallback
the old program reads, and writes on, what the new one wrote. A journal that can't be read counts as lost,
which is normal: hawkBit, the disk and RAUC know enough to go on.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from hawkbit_rauc.durable import write_durably
from hawkbit_rauc.model import Counts, Identity, Outcome, Record

VERSION = 1


class Journal:
    """The record of the last action in `journal.json` of the state folder.

    The file is read once: whoever has the lock of the folder is the only one that writes.

    Args:
        folder: the state folder.
        identity: whose journal it is; another one's counts as lost.
    """

    def __init__(self, folder: Path, identity: Identity) -> None:
        self._path = folder / "journal.json"
        self._identity = attrs.asdict(identity)
        self._document: dict[str, typing.Any] | None = None
        self._record: Record | None = None

    def read(self) -> Record | None:
        """Return the record of the last action, None if nothing usable is there."""
        self._load()
        return self._record

    def write(self, record: Record) -> None:
        """Make the record durable.

        Raises:
            StateError: the state folder is full, read-only or gone.
        """
        document = self._load()
        members = attrs.asdict(record)
        kept = document.get("record")
        if isinstance(kept, dict) and kept.get("action") == record.action:
            members = {**kept, **members}  # with what a newer program knows of the action
        version = document.get("version")
        newest = max(VERSION, version) if isinstance(version, int) else VERSION
        self._write(document | {"version": newest, "identity": self._identity, "record": members})

    def known(self) -> str | None:
        """Return which installation the server knows to run, None before the first; it outlives the records."""
        known = self._load().get("known")
        return known if isinstance(known, str) else None

    def know(self, installation: str) -> None:
        """Note durably which installation the server knows to run.

        Raises:
            StateError: the state folder is full, read-only or gone.
        """
        document = {"version": VERSION, **self._load()}
        self._write(document | {"identity": self._identity, "known": installation})

    def _write(self, document: dict[str, typing.Any]) -> None:
        content = json.dumps(document).encode()
        write_durably(self._path, content + b"\n")
        self._take(json.loads(content))  # as the next start will read it

    def _load(self) -> dict[str, typing.Any]:
        """Return the document; empty if it is unreadable or another board's."""
        if self._document is None:
            try:
                document = json.loads(self._path.read_bytes())
            except (OSError, ValueError, RecursionError):
                document = None
            mine = isinstance(document, dict) and document.get("identity") == self._identity
            self._take(document if mine else {})
        return self._document or {}

    def _take(self, document: dict[str, typing.Any]) -> None:
        record = document.get("record")
        self._document = document
        self._record = _structure(record) if isinstance(record, Mapping) else None


# ---------------------------------------------------------------- tolerant reading


def _structure(members: Mapping[str, typing.Any]) -> Record | None:
    """Read a record of any version: what is understood is used, what is not takes its default."""
    known = {name: read(members[name]) for name, read in _READERS.items() if name in members}
    understood = {name: value for name, value in known.items() if value is not None}
    return Record(**understood) if "action" in understood else None


def _only(kind: type) -> Callable[[typing.Any], typing.Any]:
    """Make a reader that takes values of one type alone; JSON's true is no number, but 1 may be a float."""

    def read(value: object) -> object:
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        return value if type(value) is kind else None

    return read


def _texts(value: object) -> tuple[str, ...] | None:
    return tuple(map(str, value)) if isinstance(value, list) else None


def _counts(value: object) -> dict[str, Counts] | None:
    if not isinstance(value, Mapping):
        return None
    counts = {}
    for key, members in value.items():
        if isinstance(members, Mapping):
            installed, activated = members.get("installed"), members.get("activated")
            sha256 = members.get("sha256")
            if isinstance(installed, int) and isinstance(activated, int):
                counts[key] = Counts(installed, activated, sha256 if isinstance(sha256, str) else None)
    return counts


def _outcome(value: object) -> Outcome | None:
    if not isinstance(value, Mapping) or not isinstance(value.get("success"), bool):
        return None
    details = value.get("details")
    code = value.get("code")
    return Outcome(
        success=value["success"],
        details=tuple(map(str, details)) if isinstance(details, list) else (),
        code=code if isinstance(code, int) else None,
    )


def _overtaken(value: object) -> Record | None:
    """Read the one record within a record."""
    return _structure({**value, "overtaken": None}) if isinstance(value, Mapping) else None


_TEXT, _NUMBER, _FLAG = _only(str), _only(int), _only(bool)
_READERS: dict[str, Callable[[typing.Any], typing.Any]] = {
    "action": _TEXT,
    "attempt": _NUMBER,
    "series": _NUMBER,
    "bundle": _NUMBER,
    "more": _FLAG,
    "artifact": _TEXT,
    "transaction": _TEXT,
    "booted": _TEXT,
    "primary": _TEXT,
    "before": _counts,
    "noted": _FLAG,
    "boot_id": _TEXT,
    "completed": _FLAG,
    "bundle_hash": _TEXT,
    "bundle_reboot": _FLAG,
    "touches": _texts,
    "target": _TEXT,
    "trouble": _TEXT,
    "failure": _TEXT,
    "in_force": _FLAG,
    "image_sha256": _TEXT,
    "reboots": _NUMBER,
    "mismatches": _NUMBER,
    "trying": _only(float),
    "consented": _FLAG,
    "handed": _texts,
    "kept": _FLAG,
    "committed": _FLAG,
    "gave_up": _TEXT,
    "unwanted": _FLAG,
    "undoing": _FLAG,
    "overtaken": _overtaken,
    "outcome": _outcome,
    "told": _FLAG,
}
assert set(_READERS) == {field.name for field in attrs.fields(Record)}
