# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the README and the pages show is true: examples run, links lead somewhere, the map is complete."""

import ast
import re
from pathlib import Path

import pytest
from boards.zoo import page as boards_page
from rig import architecture, states

from hawkbit_rauc.app.exit_codes import ExitCode
from hawkbit_rauc.config.config import parse
from hawkbit_testing import Hawkbit

ROOT = Path(__file__).parents[2]
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


def prose(page: Path) -> str:
    """A page without its blocks of code, in which neither links nor headings count."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def links(page: Path) -> list[tuple[str, str]]:
    """The relative links of a page: file and anchor, either may be empty."""
    return re.findall(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]*))?\)", prose(page))


def anchors(page: Path) -> set[str]:
    """What a browser can jump to on a page: its headings, written as GitHub and GitLab do."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.add(f"{anchor}-1" if anchor in found else anchor)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """Every relative link names a file, and its anchor a heading of that page."""
    for link, anchor in links(page):
        target = page.parent / link if link else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), f"{link}#{anchor}"


def test_index_names_every_page_once() -> None:
    """Whoever looks for a page finds it in docs/README.md, in one place."""
    index = ROOT / "docs" / "README.md"
    named = [(index.parent / link).resolve() for link, _ in links(index)]
    below = [page for page in named if page.is_relative_to(index.parent)]
    assert sorted(below) == sorted(page for page in index.parent.rglob("*.md") if page != index)


def test_map_of_the_code_has_every_wing() -> None:
    """docs/architecture.md has a row for each wing, with the sentence of the wing's own docstring."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|$", page, re.MULTILINE))
    wings = {wing: (architecture.PACKAGE / wing / "__init__.py").read_text() for wing in architecture.WINGS}
    sentences = {
        wing: " ".join((ast.get_docstring(ast.parse(text)) or "").split()) for wing, text in wings.items()
    }
    assert {wing: rows[wing] for wing in sentences} == sentences


def test_picture_of_the_code_shows_the_imports() -> None:
    """docs/architecture.svg is drawn from today's imports; else run scripts/picture."""
    assert architecture.svg() == architecture.PICTURE.read_text()


def test_operators_page_names_the_exit_codes() -> None:
    """The table lists exactly the codes that the program ends with."""
    table = (ROOT / "docs" / "operate.md").read_text().split("\n## Exit codes\n")[1].split("\n## ")[0]
    assert [int(code) for code in re.findall(r"^\| (\d+) \| ", table, re.MULTILINE)] == list(ExitCode)


def test_table_of_states_is_what_the_marks_say() -> None:
    """docs/states.md names the tests that see each case; else run scripts/states."""
    assert states.text() == states.PAGE.read_text()


def test_page_of_the_boards_is_what_the_zoo_is_held_to() -> None:
    """docs/boards.md is made of the zoo's own tables; else run scripts/states."""
    assert boards_page.text() == boards_page.PAGE.read_text()
