# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the README and the pages show is true: examples run, links lead somewhere, the map is complete."""

import re
from pathlib import Path

import pytest
from rig import states

from hawkbit_rauc.app.exit_codes import ExitCode
from hawkbit_rauc.config.config import parse
from hawkbit_testing import Hawkbit

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def examples(page: Path, language: str) -> list[str]:
    """The code blocks of a page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def test_readme_shows_how_to_poll_a_server(capsys: pytest.CaptureFixture[str]) -> None:
    """The ten lines of Python run against a server that offers a deployment."""
    (example,) = examples(ROOT / "README.md", "python")
    assert len(example.splitlines()) <= 10
    with Hawkbit("1.1") as hawkbit:
        target = hawkbit.target("board-0815", "the-token")
        target.assign({"system.raucb": b"bundle"})
        exec(example.replace("https://hawkbit.example.com", hawkbit.url), {})
    assert "system.raucb" in capsys.readouterr().out


@pytest.mark.parametrize(
    "page", [page for page in PAGES if examples(page, "ini")], ids=lambda page: page.name
)
def test_example_configurations_have_no_mistake(page: Path) -> None:
    """Each configuration that a page shows can work, and has no unknown key."""
    for example in examples(page, "ini"):
        assert parse(example, page.name, state_dir=Path("/state")).warnings == ()


def test_readme_names_commands_that_are_there() -> None:
    """Scripts that the README runs exist and can be run."""
    for command in re.findall(
        r"^# ((?:scripts|packaging)/\w+)", (ROOT / "README.md").read_text(), re.MULTILINE
    ):
        assert (ROOT / command).stat().st_mode & 0o111, command


def test_readme_fits_on_two_screens() -> None:
    """Whoever reads it gets to the end."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= 80


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """Every relative link names a file."""
    for link in re.findall(r"\]\(((?!https?:)[^)#]+)", page.read_text()):
        assert (page.parent / link).exists(), link


def test_map_of_the_code_names_every_module() -> None:
    """docs/architecture.md lists what hawkbit_rauc holds, no more and no less."""
    rows = re.findall(r"^\| (`.*?) \|", (ROOT / "docs" / "architecture.md").read_text(), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == {
        path.stem for path in (ROOT / "hawkbit_rauc").glob("*.py") if not path.stem.startswith("__")
    }


def test_operators_page_names_the_exit_codes() -> None:
    """The table lists exactly the codes that the program ends with."""
    table = (ROOT / "docs" / "operate.md").read_text().split("\n## Exit codes\n")[1].split("\n## ")[0]
    assert [int(code) for code in re.findall(r"^\| (\d+) \| ", table, re.MULTILINE)] == list(ExitCode)


def test_table_of_states_is_what_the_marks_say() -> None:
    """docs/states.md names the tests that see each case; else run scripts/states."""
    assert states.text() == states.PAGE.read_text()
