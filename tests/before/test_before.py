# SPDX-License-Identifier: LGPL-2.1-or-later
"""The program of before and today's take up each other's journal, note and part (see README.md).

What was kept was written by the program of before. Today's has to read it and go on from it, and has to write
the same members in the same situation, so that the program of before can read them after a fallback.
"""

import asyncio
import hashlib
import itertools
import json
import logging
import random
import re
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest
from rig.flaky_server import Fault, FlakyServer
from story import test_crash_matrix as matrix
from story import test_crash_operators as operators
from story.operated import Course, Place
from story.universe import IDENTITY, Cut, PowerCut, Rauc, Universe

from hawkbit_rauc.board.journal import Journal
from hawkbit_rauc.bundle.download import Downloads
from hawkbit_rauc.errors import DownloadError
from hawkbit_rauc.model import Artifact, Record
from hawkbit_rauc.rules import notes
from hawkbit_rauc.story.world import Policy

FOLDER = Path(__file__).parent
KEPT = {path.stem: json.loads(path.read_text()) for path in sorted((FOLDER / "journals").glob("*.json"))}
STORIES = [name for name, kept in KEPT.items() if kept["story"]]

pytestmark = pytest.mark.no_cover


def covers(new: Any, old: Any) -> bool:
    """Whether `new` holds all that `old` does, in the same types; it may hold further members."""
    if isinstance(old, dict) and isinstance(new, dict):
        return all(name in new and covers(new[name], value) for name, value in old.items())
    return type(new) is type(old) and bool(new == old)


def plain(record: Record) -> dict[str, Any]:
    """A record as JSON has it."""
    return dict(json.loads(json.dumps(attrs.asdict(record))))


# ---------------------------------------------------------------- the journal


JOURNALS = {
    f"{name}-{number}": document
    for name, kept in KEPT.items()
    for number, document in enumerate(kept["journals"])
}


@pytest.mark.parametrize("document", list(JOURNALS.values()), ids=JOURNALS)
def test_a_journal_of_before_is_read_whole(document: dict[str, Any], tmp_path: Path) -> None:
    """Each member of the record, and what the server knows to run."""
    (tmp_path / "journal.json").write_text(json.dumps(document))
    journal = Journal(tmp_path, IDENTITY)
    record = journal.read()
    assert record is not None
    assert covers(plain(record), document["record"])
    assert journal.known() == document.get("known")


def test_every_member_was_kept_and_is_written_again_as_it_was(tmp_path: Path) -> None:
    """Read and written by today's program, the journal that uses every member is for the one of before what it was."""
    (document,) = KEPT["every-member"]["journals"]
    (tmp_path / "journal.json").write_text(json.dumps(document))
    record = Journal(tmp_path, IDENTITY).read()
    assert record is not None
    defaults = {member.name: member.default for member in attrs.fields(Record)}
    kept = document["record"]
    assert [name for name in kept if getattr(record, name) == defaults[name]] == []
    (tmp_path / "journal.json").unlink()
    journal = Journal(tmp_path, IDENTITY)
    journal.write(record)
    journal.know(document["known"])
    assert covers(json.loads((tmp_path / "journal.json").read_bytes()), document)


def _before_a_look(document: dict[str, Any]) -> dict[str, Any]:
    """A journal as it was written before: first that RAUC was done, then what was seen of the slots."""
    record = document.get("record")
    return {**document, "record": {**record, "image_sha256": None}} if record else document


def live(
    kept: dict[str, Any], how: type[Cut] | None, at: int, offered: list[dict[str, Any]]
) -> tuple[bool, list[str]]:
    """Live a story to its end; at the cut, the journal is replaced by the one offered that says the same.

    Returns:
        Whether there were as many effects, and the notes in the history. A journal that was taken leaves `offered`.
    """
    random.seed(0)
    story, rauc = kept["story"], Rauc(version=kept["rauc"], loader=kept["loader"])

    def replace(universe: Universe) -> None:
        path = universe.folder / "journal.json"
        own = json.loads(path.read_bytes()) if path.exists() else {}
        for document in offered:
            if covers(own, document) or covers(_before_a_look(own), document):
                path.write_text(json.dumps(document))
                taken.append(document)
                break

    taken: list[dict[str, Any]] = []
    cuts: dict[int, type[Cut]] = {at: how} if how else {}
    if story in operators.STORIES:
        place = Place(rauc=rauc, policy=Policy(reboot=True), cuts=cuts)
        place.between_lives = lambda: place.effects == at and replace(place)
        course = Course(place)
        try:
            operators.STORIES[story](course)
            course.settle()
        finally:
            course.close()
        universe: Universe = place
        told = [
            text for action in place.target.actions for entry in action.entries for text in entry.messages
        ]
    else:
        universe = matrix.begin(story, kept["rauc"], kept["loader"], cuts=cuts)
        universe.between_lives = lambda: universe.effects == at and replace(universe)
        matrix.check(universe)
        told = [
            text for action in universe.hawkbit.actions for entry in action.entries for text in entry.details
        ]
    for document in taken:
        offered.remove(document)
    return universe.effects >= at, [text for text in told if text.startswith("note ")]


@pytest.mark.parametrize("how", [Cut, PowerCut])
@pytest.mark.parametrize("name", STORIES)
def test_a_deployment_goes_on_with_the_journal_of_before(
    name: str, how: type[Cut], caplog: pytest.LogCaptureFixture
) -> None:
    """Killed or without power after any effect, and started as today's program: the action ends in the truth.

    Each journal of before is one that today's program writes at that point as well, further members aside.
    """
    caplog.set_level(logging.CRITICAL, "hawkbit_rauc")
    kept, left = KEPT[name], list(KEPT[name]["journals"])
    for at in itertools.count(1):
        if not live(kept, how, at, left)[0]:
            break
    assert left == [], "today's program writes no such journal in this story"


@pytest.mark.parametrize("name", STORIES)
def test_the_notes_are_those_of_before(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Today's program leaves the same notes in the history, so that either reads what the other has left.

    Only `target` is new; what was read before reads past members that it does not know.
    """
    caplog.set_level(logging.CRITICAL, "hawkbit_rauc")
    kept = KEPT[name]
    assert [re.sub(r" target=\S+", "", note) for note in live(kept, None, 0, [])[1]] == kept["notes"]
    for text in kept["notes"]:
        note = notes.read([text])
        assert note is not None
        same = [(note.attempt, note.series, note.bundle, note.booted, note.boot_id)]
        records = [document["record"] for document in kept["journals"]]
        assert same[0] in [
            tuple(r[k] for k in ("attempt", "series", "bundle", "booted", "boot_id")) for r in records
        ]


# ---------------------------------------------------------------- the part


DATA = random.Random(9).randbytes(9 * 2**20)
HAD = 6_500_000
NOTE = json.loads((FOLDER / "bundle.raucb.part.json").read_bytes())


def fetch(folder: Path, boot_id: str, *script: Fault | None) -> list[str | None]:
    """Fetch the bundle; returns the ranges that were asked for."""
    hashes = {"sha256": hashlib.sha256(DATA).hexdigest()}
    with FlakyServer(DATA, list(script)) as server, httpx.Client(trust_env=False) as http:
        downloads = Downloads(folder / "bundle.raucb", http, boot_id=boot_id)
        artifact = Artifact("a.raucb", len(DATA), hashes, server.url)
        try:
            asyncio.run(downloads.fetch(artifact, lambda _done, _total: None))
        finally:
            ranges = server.ranges
    return ranges


@pytest.mark.parametrize(("boot_id", "begin"), [(NOTE["boot"], HAD), ("another", NOTE["safe"][0])])
def test_a_part_of_before_is_gone_on_with(tmp_path: Path, boot_id: str, begin: int) -> None:
    """In the same boot from its end, in another one from where its note vouches for it."""
    (tmp_path / "bundle.raucb.part").write_bytes(DATA[:HAD])
    (tmp_path / "bundle.raucb.part.json").write_text(json.dumps(NOTE))
    assert fetch(tmp_path, boot_id) == [f"bytes={begin}-"]
    assert (tmp_path / "bundle.raucb").read_bytes() == DATA
    assert [path.name for path in tmp_path.iterdir()] == ["bundle.raucb"]


def test_the_note_of_a_part_is_that_of_before(tmp_path: Path) -> None:
    """Today's program leaves the same bytes and the same members where a download breaks off at the same place."""
    with pytest.raises(DownloadError):
        fetch(tmp_path, NOTE["boot"], Fault(cut=HAD), Fault(status=503))
    assert (tmp_path / "bundle.raucb.part").read_bytes() == DATA[:HAD]
    own = json.loads((tmp_path / "bundle.raucb.part.json").read_bytes())
    assert {name: type(value) for name, value in own.items()} == {n: type(v) for n, v in NOTE.items()}
    count, digest = own["safe"]  # how many depends on how fast they came
    assert 0 < count <= HAD
    assert digest == hashlib.sha256(DATA[:count]).hexdigest()
    told = {"hash", "size", "etag", "boot"}
    assert {name: own[name] for name in told} == {name: NOTE[name] for name in told}
