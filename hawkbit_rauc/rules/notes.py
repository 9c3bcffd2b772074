# SPDX-License-Identifier: LGPL-2.1-or-later
"""The note that an installation leaves in the action's history, in case the journal is lost.

Pure. A note is one message beside the sentence for people: how many attempts were begun, in which
boot, from which slot, and what the slots counted before (RAUC 1.8 knows nothing better). It is told
before `InstallBundle` and once more after `Completed 0`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

from attrs import evolve

from hawkbit_rauc.model import Counts, Record

_NOTE = re.compile(r"note 1 (begun|completed) attempt=(\d{1,6}) series=(\d{1,6})((?: [a-z]+=\S*)*)")
#: hawkBit splits longer messages (DDI quota), which would tear a note apart.
_LIMIT = 512


def begun(record: Record) -> str:
    """Note that an attempt begins."""
    return _write(record, "begun")


def completed(record: Record) -> str:
    """Note that RAUC completed an attempt."""
    return _write(record, "completed")


def _write(record: Record, stage: str) -> str:
    members = [f"attempt={record.attempt}", f"series={record.series}"]
    if record.bundle:
        members.append(f"bundle={record.bundle}")
    members.append(f"boot={record.boot_id or ''}")
    members.append(f"booted={_quoted(record.booted or '')}")
    if record.target:
        members.append(f"target={_quoted(record.target)}")
    if record.image_sha256:
        members.append(f"image={record.image_sha256}")
    counts = ",".join(
        f"{_quoted(key)}:{count.installed}:{count.activated}" for key, count in record.before.items()
    )
    text = f"note 1 {stage} {' '.join(members)}"
    whole = f"{text} slots={counts}"
    return whole if len(whole) <= _LIMIT else text


def read(messages: Iterable[str]) -> Record | None:
    """Read the notes of an action's history.

    Args:
        messages: of the history, in any order.

    Returns:
        A record of the last attempt noted, without its action, or None if there is no note.
    """
    found: Record | None = None
    for stage, note in filter(None, map(_parse, messages)):
        if found is None or note.attempt > found.attempt:
            found = evolve(note, completed=stage == "completed")
        elif note.attempt == found.attempt and stage == "completed":
            image, target = note.image_sha256 or found.image_sha256, note.target or found.target
            found = evolve(found, completed=True, image_sha256=image, target=target)
    return found


def _parse(message: str) -> tuple[str, Record] | None:
    match = _NOTE.fullmatch(message.strip())
    if match is None:
        return None
    members = dict(member.split("=", 1) for member in match[4].split())
    before = {}
    for entry in filter(None, members.get("slots", "").split(",")):
        key, _, counts = entry.partition(":")
        installed, _, activated = counts.partition(":")
        if installed.isdecimal() and activated.isdecimal():
            before[unquote(key)] = Counts(int(installed), int(activated))
    record = Record(
        action="",
        attempt=int(match[2]),
        series=int(match[3]),
        bundle=int(bundle) if (bundle := members.get("bundle", "0")[:6]).isdecimal() else 0,
        booted=unquote(members.get("booted", "")) or None,
        before=before,
        boot_id=members.get("boot") or None,
        target=unquote(members.get("target", "")) or None,
        image_sha256=members.get("image") or None,
    )
    return match[1], record


def _quoted(key: str) -> str:
    return quote(key, safe="/")
