# SPDX-License-Identifier: LGPL-2.1-or-later
"""The fixtures come with the package, cost nothing, and can be switched off."""

import subprocess
import sys
from pathlib import Path

import pytest

USES = """
def test_uses(hawkbit_server, hawkbit):
    assert hawkbit is hawkbit_server and hawkbit.listening and hawkbit.version == (1, 1)
"""
USES_NOT = """
import sys

def test_uses_not():
    loaded = {name for name in sys.modules if name.startswith("hawkbit")} | ({"httpx", "attrs"} & sys.modules.keys())
    assert loaded == {"hawkbit_testing", "hawkbit_testing.plugin"}
"""
OVERRIDES = """
import pytest

@pytest.fixture
def hawkbit_version():
    return "0.3.0M7"

@pytest.fixture
def own(hawkbit):
    return hawkbit.target("dev-1")

def test_overrides(own, hawkbit):
    assert hawkbit.version == (0, 3) and own is hawkbit.target("dev-1")
"""


def run(folder: Path, test: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *arguments, "."]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=100)


@pytest.mark.parametrize("test", [USES, USES_NOT, OVERRIDES], ids=["uses", "uses not", "overrides"])
def test_fixtures_are_found_by_themselves(test: str, tmp_path: Path) -> None:
    """Nothing but the installation is needed; who does not use them does not load them."""
    done = run(tmp_path, test)
    assert done.returncode == 0, done.stdout


def test_the_plugin_can_be_switched_off(tmp_path: Path) -> None:
    """With -p no:hawkbit tests run, and the fixtures are unknown."""
    assert run(tmp_path, "def test_it(): pass", "-p", "no:hawkbit").returncode == 0
    done = run(tmp_path, USES, "-p", "no:hawkbit")
    assert done.returncode == 1
    assert "fixture 'hawkbit_server' not found" in done.stdout


def test_pytest_is_needed_by_the_plugin_alone() -> None:
    """Everything else imports where there is no pytest."""
    code = """
import pkgutil, sys
sys.modules["pytest"] = None
import hawkbit_testing
for module in pkgutil.walk_packages(hawkbit_testing.__path__, "hawkbit_testing."):
    if module.name not in {"hawkbit_testing.plugin", "hawkbit_testing.__main__"}:
        __import__(module.name)
assert all(getattr(hawkbit_testing, name) for name in hawkbit_testing.__all__)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)
