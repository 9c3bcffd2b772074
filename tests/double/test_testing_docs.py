# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples of docs/testing.md are tests of a stranger, and pass."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import hawkbit_testing
from hawkbit_testing import faults

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: re.findall(r"def (test_\w+)", text)[0])
def test_an_example_runs_as_a_file_of_its_own(example: str, tmp_path: Path) -> None:
    """Each example is all that a stranger has to write, with warnings as errors."""
    (tmp_path / "test_stranger.py").write_text(example)
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_fault_is_on_the_page() -> None:
    """The table of faults is complete, and names none that there is not."""
    own = {
        name
        for name, fault in vars(faults).items()
        if getattr(fault, "__module__", "") == faults.__name__ and not name.startswith("_")
    }
    rows = re.findall(r"^\| (`\w+\(.*?) \| (?:yes|no) \|", PAGE, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)\(", row)}
    assert named == own


def test_calls_of_the_operator_are_there() -> None:
    """Every name of the table of calls exists."""
    rows = PAGE.partition("## The operator's side")[2].partition("```")[0]
    kinds = {"hawkbit": hawkbit_testing.Hawkbit(), "target": hawkbit_testing.Hawkbit().target("x")}
    kinds["action"] = kinds["target"].assign({"a": b"a"})
    for row in rows.splitlines():
        found = re.search(r"`(hawkbit|target|action)\.", row)
        if found:
            for name in re.findall(r"`(?:hawkbit|target|action)?\.(\w+)", row):
                assert hasattr(kinds[found[1]], name), name
