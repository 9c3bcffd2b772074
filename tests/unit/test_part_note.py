# SPDX-License-Identifier: LGPL-2.1-or-later
"""The note beside a part is read by older and newer programs; what they do with it is tested with the download."""

import json
from pathlib import Path

import pytest

from hawkbit_rauc.bundle.part_note import PartNote

NOTE = PartNote("sha256:ab", 7, '"v1"', "https://host/a.raucb", "boot", (4, "cd"))


def test_a_note_is_written_in_the_words_that_older_programs_read(tmp_path: Path) -> None:
    NOTE.write(tmp_path / "note")
    assert json.loads((tmp_path / "note").read_text()) == {
        "hash": "sha256:ab",
        "size": 7,
        "etag": '"v1"',
        "url": "https://host/a.raucb",
        "boot": "boot",
        "safe": [4, "cd"],
    }
    assert PartNote.read(tmp_path / "note") == NOTE
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


@pytest.mark.parametrize(
    ("member", "value", "read"),
    [("etag", 1, None), ("boot", 1, None), ("safe", [-1, ""], (0, "")), ("safe", ["x", ""], (0, ""))],
)
def test_a_member_that_is_not_understood_counts_for_nothing(tmp_path: Path, member, value, read) -> None:
    """Such a note still says which bundle the part is of."""
    NOTE.write(tmp_path / "note")
    known = json.loads((tmp_path / "note").read_text())
    (tmp_path / "note").write_text(json.dumps(known | {member: value}))
    found = PartNote.read(tmp_path / "note")
    assert found is not None
    assert (found.hash, found.size) == (NOTE.hash, NOTE.size)
    assert getattr(found, member) == read


def test_a_note_that_somebody_else_may_have_put_there_is_not_read(tmp_path: Path) -> None:
    """A link is not followed, and a folder is no note."""
    NOTE.write(tmp_path / "elsewhere")
    (tmp_path / "note").symlink_to(tmp_path / "elsewhere")
    assert PartNote.read(tmp_path / "note") is None
    (tmp_path / "note").unlink()
    (tmp_path / "note").mkdir()
    assert PartNote.read(tmp_path / "note") is None
