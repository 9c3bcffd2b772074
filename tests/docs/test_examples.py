# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs of docs/examples, run as their readers run them, against the double and the real hawkBit."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from rig.process import wait_until

from hawkbit_testing import Hawkbit, faults

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
TOKEN = "the-token-of-the-gateway"
BUNDLE = b"bundle" * 50_000


@pytest.fixture(params=["double", "real"])
def either_hawkbit(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Each of the servers in turn, with a gateway's token."""
    if request.param == "double":
        with Hawkbit(gateway_token=TOKEN) as server:
            yield server
        return
    server = request.getfixturevalue("real_hawkbit")
    server.gateway_token = TOKEN
    yield server
    server.gateway_token = None


@pytest.fixture
def targets(either_hawkbit: Any) -> Iterator[Any]:
    """Makes targets, and takes them away at the end."""
    with ExitStack() as stack:

        def make(*names: str | None) -> list[Any]:
            made = [either_hawkbit.target(name) for name in names]
            for target in made:
                stack.callback(target.delete)
            return made

        yield make


def run(program: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a program."""
    command = [sys.executable, str(EXAMPLES / program), *map(str, arguments)]
    environment = {**os.environ, "NO_PROXY": "127.0.0.1"}
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def outcomes(program: subprocess.Popen[str], actions: list[Any]) -> list[str]:
    """Wait until all actions have ended, and end the program; how they ended."""
    try:
        ended = [
            wait_until(action.outcome, f"the end of action {action.id}", timeout=120) for action in actions
        ]
        assert program.poll() is None
        return ended
    finally:
        program.terminate()
        output, _ = program.communicate(timeout=30)
        print(output)


@pytest.mark.parametrize("name", ["gateway.py", "simulator.py", "fetch.py"])
def test_an_example_is_short(name: str) -> None:
    """Each fits on a page: below 60 lines."""
    assert len((EXAMPLES / name).read_text().splitlines()) < 60


def test_the_gateway_serves_200_devices(either_hawkbit: Any, targets: Any, tmp_path: Path) -> None:
    """Every one of 200 devices gets its bundle and tells so; it was fetched once; one takes a cancellation."""
    everyone = targets(*(f"sensor-{number:03}" for number in range(200)))
    chosen = either_hawkbit.distribution_set(either_hawkbit.module({"sensor.bin": BUNDLE}))
    actions = [target.assign(chosen) for target in everyone]
    actions[-1].cancel()
    ended = outcomes(run("gateway.py", either_hawkbit.url, TOKEN, tmp_path), actions)
    assert ended == ["finished"] * 199 + ["canceled"]
    (file,) = tmp_path.iterdir()
    assert file.read_bytes() == BUNDLE


def test_the_simulator_simulates(either_hawkbit: Any, targets: Any) -> None:
    """Ten devices take an update; the tenth fails, all tell their attributes and what they did."""
    everyone = targets(*(f"sim-{number}" for number in range(10)))
    chosen = either_hawkbit.distribution_set(either_hawkbit.module({"a.raucb": BUNDLE}))
    actions = [target.assign(chosen) for target in everyone]
    assert outcomes(run("simulator.py", either_hawkbit.url, TOKEN, 10, 0.5), actions) == ["finished"] * 9 + [
        "error"
    ]
    assert f"a.raucb: {len(BUNDLE)} bytes" in actions[0].messages()
    assert everyone[0].attributes == {"kind": "sim"}


def test_the_simulator_consents() -> None:
    """A deployment that waits for consent is confirmed and done; hawkBit can do so from 0.3.0M8 on."""
    with Hawkbit(gateway_token=TOKEN) as server:
        server.confirmation_flow = True
        action = server.target("sim-0").assign({"a.raucb": BUNDLE})
        assert outcomes(run("simulator.py", server.url, TOKEN, 1, 0.1), [action]) == ["finished"]


def test_the_downloader_fetches_once(either_hawkbit: Any, targets: Any, tmp_path: Path) -> None:
    """What is offered lies in the folder, a download-only action is finished; then nothing is offered."""
    (target,) = targets(None)
    action = target.assign({"my bundle.raucb": BUNDLE}, download_only=True)
    for said in ("my_bundle.raucb: 300000 bytes, sha256 ", "nothing is offered"):
        program = run("fetch.py", either_hawkbit.url, target.id, target.token, tmp_path)
        output, _ = program.communicate(timeout=60)
        assert (program.returncode, said in output) == (0, True), output
    assert (tmp_path / "my_bundle.raucb").read_bytes() == BUNDLE
    assert action.outcome() == "finished"


def test_the_downloader_goes_on_where_it_was_cut_off(tmp_path: Path) -> None:
    """A connection that breaks costs a message and a request for the rest; wrong credentials end it in a sentence."""
    with Hawkbit() as server:
        target = server.target()
        target.assign({"../a.raucb": BUNDLE})
        server.fault("artifacts", faults.cut(100_000))
        program = run("fetch.py", server.url, target.id, target.token, tmp_path)
        output, _ = program.communicate(timeout=60)
        assert (program.returncode, "broke off" in output) == (0, True), output
        first, second = server.requests("GET .*artifacts")[-2:]
        assert first.headers["Range"] == "bytes=0-" < second.headers["Range"] <= "bytes=100000-"
        program = run("fetch.py", server.url, target.id, "wrong", tmp_path)
        output, _ = program.communicate(timeout=60)
        assert (program.returncode, output) == (1, "the poll was answered with 401 Unauthorized\n")
    assert [path.name for path in tmp_path.iterdir()] == ["_a.raucb"]
