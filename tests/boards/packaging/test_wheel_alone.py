# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a user of hawkbit_ddi gets who installs the wheel and nothing else."""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rig.process import run

RUNS = 15
COMFORT = ["rich", "click", "trio", "pygments", "asyncio"]


@pytest.fixture(scope="session")
def python(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python in an environment that holds the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("alone")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    run(
        sys.executable,
        "-m",
        "pip",
        "-q",
        "--disable-pip-version-check",
        "--python",
        python,
        "install",
        package,
    )
    return python


def says(python: Path, code: str) -> str:
    """What a program prints, isolated from this folder and the environment's variables."""
    return subprocess.run(
        [python, "-I", "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_the_import_costs_little(python: Path) -> None:
    """`import hawkbit_ddi` takes at most 1.2 times as long as `import httpx`: medians of 15, measured in turn."""
    times: dict[str, list[float]] = {"httpx": [], "hawkbit_ddi": []}
    for module in times:
        says(python, f"import {module}")  # its bytecode is written
    for _ in range(RUNS):
        for module, measured in times.items():
            start = time.perf_counter()
            says(python, f"import {module}")
            measured.append(time.perf_counter() - start)
    assert statistics.median(times["hawkbit_ddi"]) <= 1.2 * statistics.median(times["httpx"]), times


def test_nothing_comfortable_is_pulled_in(python: Path) -> None:
    """The wheel brings no library for terminals or other event loops, and a poll's modules load none; no asyncio."""
    names = "from importlib.metadata import distributions as d; import json; print(json.dumps([x.name.lower() for x in d()]))"
    installed = set(json.loads(says(python, names)))
    assert {"hawkbit-rauc", "httpx", "attrs"} <= installed
    assert installed.isdisjoint(COMFORT)
    loaded = f"""
import sys, hawkbit_ddi as ddi
ddi.Client("https://hawkbit.example", "dev-1"), ddi.get_controller_base, ddi.DeploymentBase, ddi.DdiError
print([name for name in {COMFORT} if name in sys.modules])
"""
    assert says(python, loaded) == "[]"


def test_every_name_can_be_imported(python: Path) -> None:
    """`from hawkbit_ddi import *` works, and `dir` names what there is."""
    code = "from hawkbit_ddi import *; import hawkbit_ddi as d; print(sorted(d.__all__) == sorted(n for n in dir(d)))"
    assert says(python, code) == "True"
