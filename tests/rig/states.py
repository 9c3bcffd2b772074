# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/states.md: what was seen of each case and state of DDI, where, and by which test.

Read from the tests' own marks `case` and `state`, and from docs/conformance.md, which is made of what servers answer.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from rig.cache import REPOSITORY

PAGE = REPOSITORY / "docs" / "states.md"
CONFORMANCE = REPOSITORY / "docs" / "conformance.md"

CASES = (
    "a deployment and a cancelation in one poll",
    "the action is replaced during the download",
    "a cancelation while RAUC writes",
    "a cancelation after the boot, before the final has arrived",
    "a cancelation of an action that the board never saw",
    "the answer to feedback is lost",
    "the deployment is gone right after the poll",
    "the bundle is not found (404)",
    "feedback and denials while the server waits for confirmation",
    "the same action is offered again after a reboot, or without a journal",
    "the same set is assigned again",
    "the set that failed is assigned again",
    "the maintenance window closes before the installation",
    "a heavier action overtakes",
    "links name another host or scheme, or hold spaces",
    "the interval is missing, odd or huge",
    "the board's clock is wrong",
    "the server restarts, is away, or refuses the token for a while",
    "the target is deleted and made anew",
    "answers that are none: empty, HTML, 204, 304",
    "a proxy compresses",
    "downloads that are resumed",
    "no chunk, no artifact, no link",
    "hostile file names",
    "files of one name in several chunks",
    "details that the server would refuse",
    "two clients with one controller id",
    "a fleet that comes back at once",
)

#: Where the tests of a folder and those below it see what they see.
PLACES = {
    "boards/real": "real hawkBit and RAUC",
    "wire/hostile": "double, over sockets",
    "wire/hawkbit": "double, over sockets",
    "sdk": "double",
    "unit": "unit",
    "story": "virtual time",
}

HEAD = """\
# Where each state and case was seen

This page is made by `scripts/states` of the marks at the tests; a test holds it to them.

* **real hawkBit and RAUC**: the command on a board with a real RAUC, 1.8 and 1.13, under a real hawkBit: 0.3.0M7 in each run of the tests, another one where `HAWKBIT_URL` names it.
* **double, over sockets**: the program's own adapters against `hawkbit_testing`, which answers as the version asked for (0.3 to 1.1); [what it answers](conformance.md) is held to the real 0.3.0M7 in each run, to others by [the report](testing.md#your-own-server).
* **virtual time**: the daemon in a universe of doubles, where days take a moment and everything may be cut.

[The crash matrix](crash-matrix.md) cuts the stories of these states at every point.

"""

Marks = Mapping[int | str, list[tuple[str, str]]]


def marks(kind: str) -> Marks:
    """Return where the tests with a mark of this kind see something, and their names, by the mark's arguments."""
    found: dict[int | str, list[tuple[str, str]]] = defaultdict(list)
    for folder, place in PLACES.items():
        for file in sorted((REPOSITORY / "tests" / folder).rglob("test_*.py")):
            for function in ast.walk(ast.parse(file.read_text())):
                if isinstance(function, ast.FunctionDef):
                    for argument in _arguments(function, kind):
                        found[argument].append((place, f"{file.stem}::{function.name}"))
    return found


def _arguments(function: ast.FunctionDef, kind: str) -> Iterator[int | str]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == f"pytest.mark.{kind}":
            yield from (ast.literal_eval(argument) for argument in decorator.args)


def _seen(tests: list[tuple[str, str]]) -> str:
    by_place: dict[str, list[str]] = defaultdict(list)
    for place, name in tests:
        by_place[place].append(f"`{name}`")
    order = [place for place in dict.fromkeys(PLACES.values()) if place in by_place]
    return "<br>".join(f"{place}: {', '.join(by_place[place])}" for place in order)


def answers(operation: str, state: str) -> dict[str, str]:
    """Return what hawkBit 1.1 answers to each request of an operation in a state, by docs/conformance.md."""
    _, _, rest = CONFORMANCE.read_text().partition(f"### `{operation}`\n")
    section = re.split(r"^#", rest, maxsplit=1, flags=re.MULTILINE)[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines()]
    return {row[1]: row[2] for row in rows if len(row) == 4 and row[0] == state}


def handling() -> dict[str, str]:
    """Return `download; update; maintenanceWindow` by kind and window of an action."""
    _, _, rest = CONFORMANCE.read_text().partition("### `GET deploymentBase/{actionId}`\n")
    found = re.findall(
        r"^\| ([^|]+?) \| download, update, maintenanceWindow \| ([^|]+?) \|", rest, re.MULTILINE
    )
    return dict(found)


def text() -> str:
    """Return the page."""
    cases, states = marks("case"), marks("state")
    lines = ["## Cases", "", "| # | case | seen by |", "| --- | --- | --- |"]
    for number, title in enumerate(CASES, 1):
        assert cases.get(number), f"no test has the mark case({number})"
        lines.append(f"| {number} | {title} | {_seen(cases[number])} |")
    unknown = cases.keys() - set(range(1, len(CASES) + 1))
    assert not unknown, f"marks of cases that there are not: {unknown}"
    lines += ["", "## Kinds of actions and windows", ""]
    lines += ["| action | download; update; window | seen by |", "| --- | --- | --- |"]
    everyone = next(tests for name, tests in states.items() if str(name).startswith("forced, soft, "))
    for state, told in handling().items():
        tests = [*everyone, *states.get(state.removesuffix(", no window"), ())]
        lines.append(f"| {state} | {told} | {_seen(tests)} |")
    lines.append(f"| soft, then forced | attempt, then forced | {_seen(states['soft, then forced'])} |")
    for title, operation, state, prefix in (
        ("Feedback to a deployment", "POST deploymentBase/{actionId}/feedback", "open", ""),
        ("Feedback to a cancelation", "POST cancelAction/{actionId}/feedback", "canceling", "cancelation "),
    ):
        lines += ["", f"## {title}", "", "What hawkBit 1.1 makes of it, and who sees the board send it.", ""]
        lines += ["| execution, finished | hawkBit | sent by the board |", "| --- | --- | --- |"]
        for request, answer in answers(operation, state).items():
            if re.fullmatch(r"[a-z]+ (success|failure|none)", request):
                tests = states.get(prefix + request) or states.get(prefix + request.rsplit(" ", 1)[0])
                sent = bool(tests) and not (request.startswith("rejected") and not request.endswith("none"))
                lines.append(f"| {request} | {answer} | {_seen(tests) if sent and tests else 'never'} |")
    return HEAD + "\n".join(lines) + "\n"


def main() -> None:
    """Write the page."""
    PAGE.write_text(text())


if __name__ == "__main__":
    main()
