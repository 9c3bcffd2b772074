# SPDX-License-Identifier: LGPL-2.1-or-later
"""The start costs what it must: nothing is loaded that the command does not need."""

import re
import sys
from pathlib import Path

import pytest
from cost.counting import instructions, warm_up
from rig.bus import Bus
from rig.process import run
from rig.run import configuration

from hawkbit_testing import Hawkbit

#: What no command needs until something unusual happens, or what httpx loads where it is installed.
NEVER = {
    "click.core",
    "importlib.metadata",
    "pygments.lexer",
    "rich.console",
    "trio._core",
    "unittest",
    "zoneinfo",
}
#: What only the daemon needs.
DAEMON = {
    "hawkbit_ddi",
    "hawkbit_rauc.story.daemon",
    "hawkbit_rauc.hawkbit.ddi",
    "hawkbit_rauc.rauc",
    "httpx",
    "tenacity",
}


def written(folder: Path, server: Hawkbit) -> Path:
    target = server.target()
    file = folder / "config.conf"
    return configuration(
        file, server=server.host, target=target.id, token=target.token, bundle=folder / "b.raucb"
    )


def loaded(log: str) -> set[str]:
    """The modules that `python -X importtime` names."""
    return set(re.findall(r"^import time:.*\| +([\w.]+)$", log, re.MULTILINE))


@pytest.mark.parametrize(
    ("command", "unneeded"),
    [
        (["run", "--once"], NEVER | {"hawkbit_rauc.app.check", "hawkbit_rauc.app.ask"}),
        (["status"], NEVER | DAEMON | {"hawkbit_rauc.app.check", "hawkbit_rauc.app.run"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_command_loads_what_it_needs(
    tmp_path: Path, bus: Bus, command: list[str], unneeded: set[str]
) -> None:
    """A poll loads no check, `status` neither the daemon nor HTTP, and neither of them what httpx may bring along."""
    with Hawkbit() as server:
        line = [sys.executable, "-X", "importtime", "-m", "hawkbit_rauc", "-c", written(tmp_path, server)]
        env = {**bus.environment, "STATE_DIRECTORY": str(tmp_path)}
        modules = loaded(run(*line, *command, env=env))
    assert "hawkbit_rauc.config.config" in modules
    assert modules & unneeded == set()


def test_instructions_of_the_start(tmp_path: Path) -> None:
    """Loading what the daemon needs until its first request takes so many instructions, and not 15 % more."""
    measured = 778e6
    line = [sys.executable, "-c", "import hawkbit_rauc.app.cli, hawkbit_rauc.app.run, httpcore"]
    warm_up(*line)
    (main,) = instructions(line, tmp_path)
    print(f"{main / 1e6:.0f} M instructions")
    assert main <= measured * 1.15
