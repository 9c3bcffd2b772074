# SPDX-License-Identifier: LGPL-2.1-or-later
"""The double is what real servers are, the report says so, and the kept table is what the suite makes."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import conformance as kept
from rig.goosebit import Goosebit
from rig.hawkbit import Hawkbit as Real
from rig.management_api import ManagedHawkbit

from hawkbit_testing import Hawkbit, faults
from hawkbit_testing.conformance import Cell, cancelations, deployments, differences, polls, report, run
from hawkbit_testing.conformance.site import BROKEN
from hawkbit_testing.management import AUTOCLOSE, CONFIRMATION_FLOW, GATEWAY_TOKEN, Server


@contextlib.contextmanager
def reporting(url: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start a report on a server; if it is still running in the end, it is interrupted, so that it tidies up."""
    environment = {"HAWKBIT_PASSWORD": "admin"} | os.environ
    process = subprocess.Popen(
        # Under nohup a report takes no notice of SIGHUP, as it should; the tests send it.
        ["env", "--default-signal=HUP", sys.executable, "-m", "hawkbit_testing", "--url", url, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)


def test_the_real_server_answers_as_the_double(real_hawkbit: Real) -> None:
    """The report on it finds no difference, in every cell that its version has."""
    user = os.environ.get("HAWKBIT_USER", "admin")
    version = ".".join(map(str, real_hawkbit.version))
    with reporting(real_hawkbit.url, "--user", user, "--version", version) as process:
        told, errors = process.communicate(timeout=270)
    odd = [line for line in told.splitlines() if line.startswith("!")]
    assert (process.returncode, odd) == (0, []), told + errors
    assert f", 0 could not be had; none differ from hawkBit {version}" in told


def test_nothing_is_left_on_the_server(real_hawkbit: Real) -> None:
    """What a run makes it deletes, and settings are as before."""
    before = real_hawkbit.gateway_token, real_hawkbit.autoclose
    run(real_hawkbit, checks=[polls.registration, polls.links_with_autoclose])
    targets = real_hawkbit.rest("GET", "/targets?limit=500")["content"]
    assert not [target for target in targets if target["controllerId"].startswith("conformance-")]
    assert (real_hawkbit.gateway_token, real_hawkbit.autoclose) == before


def test_a_real_server_is_as_before_when_a_report_was_interrupted(real_hawkbit: Real) -> None:
    """Ctrl-C in the middle of a check that switches a setting leaves neither the setting nor a target behind."""
    keys = [AUTOCLOSE, GATEWAY_TOKEN]
    before = real_hawkbit.settings(keys)
    with reporting(real_hawkbit.url, "--user", os.environ.get("HAWKBIT_USER", "admin")) as process:
        lines = iter(process.stderr.readline, "")
        assert "autoclose" in "".join(line for line, _ in zip(lines, range(4), strict=False))
        next(line for line in lines if "closes the older ones" in line)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert real_hawkbit.settings(keys) == before
    names = [one["controllerId"] for one in real_hawkbit.rest("GET", "/targets?limit=500")["content"]]
    assert not [name for name in names if name.startswith("conformance-")]


@pytest.mark.parametrize(
    ("number", "key"),
    [(signal.SIGINT, CONFIRMATION_FLOW), (signal.SIGTERM, AUTOCLOSE), (signal.SIGHUP, GATEWAY_TOKEN)],
)
def test_an_interrupted_report_leaves_nothing_behind(number: signal.Signals, key: str) -> None:
    """Whenever it comes, and whoever is impatient: settings as they were, nothing made, and exit code 130."""
    with ManagedHawkbit() as hawkbit:
        hawkbit.settings |= {GATEWAY_TOKEN: "old", AUTOCLOSE: True}
        before = dict(hawkbit.settings)
        stalled = faults.stall()
        if key != GATEWAY_TOKEN:  # the others are switched off once for all checks
            hawkbit.fault(f"PUT .*/{key}", lambda request, handle: handle())
        hawkbit.fault(f"PUT .*/{key}", stalled)
        with reporting(hawkbit.url, "--version", "1.1") as process:
            assert stalled.reached.wait(60)
            process.send_signal(number)
            for line in iter(process.stderr.readline, ""):
                if line.startswith("interrupted:"):
                    process.send_signal(number)
            assert process.wait(60) == 130
        stalled.released.set()
        assert hawkbit.settings == before
        assert hawkbit.targets == {}


def test_what_will_be_switched_is_said_before(capsys: pytest.CaptureFixture[str]) -> None:
    """Each setting with its value, the token's aside, and before the first of them is written."""
    with ManagedHawkbit() as hawkbit:
        hawkbit.settings |= {GATEWAY_TOKEN: "a-secret", AUTOCLOSE: True}
        report.announce(Server(hawkbit.url, "admin", "x", "1.1"))
        assert hawkbit.requests("PUT") == []
    told = capsys.readouterr().err
    assert f"  {AUTOCLOSE}: true\n" in told
    assert f"  {CONFIRMATION_FLOW}: false\n" in told
    assert "a-secret" not in told


@pytest.mark.parametrize("version", ["0.9", "1.1"])
def test_the_report_understands_what_versions_tell_of_actions(
    version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Through the Management API of each version the double is what it is by itself, whatever is switched on."""
    with ManagedHawkbit(version) as hawkbit:
        hawkbit.settings |= {CONFIRMATION_FLOW: True, AUTOCLOSE: True}
        assert report.report(Server(hawkbit.url, "admin", "x", version)) == 0
    assert f", 0 could not be had; none differ from hawkBit {version}" in capsys.readouterr().out


def odd_cells(hawkbit: Hawkbit, checks) -> tuple[list[Cell], int]:
    """The cells of a server that differ from those of the double, and how many do not."""
    expected = run(Hawkbit(), checks=checks)
    seen = run(hawkbit, checks=checks)
    odd = [cell for cell in seen if cell not in expected]
    return odd, len(expected) - len([cell for cell in seen if cell in expected])


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (faults.hang_up(), "RemoteProtocolError: Server disconnected without sending a response."),
        (faults.lost(), "RemoteProtocolError: Server disconnected without sending a response."),
        (faults.raw(b"nonsense\r\n\r\n"), "RemoteProtocolError: "),
        (faults.html(), "JSONDecodeError: Expecting value"),
        (faults.answer(200, b"[]"), "AttributeError: 'list' object has no attribute 'get'"),
        (faults.answer(200, b"null"), "AttributeError: 'NoneType' object has no attribute 'get'"),
    ],
)
def test_a_cell_that_breaks_says_so_and_the_others_follow(fault: faults.Fault, said: str) -> None:
    """Whatever the server does to one request, one cell tells it in one line, and no other is missing."""
    server = Hawkbit()
    server.fault(r"GET .*\?actionHistory=2$", fault)
    (cell,), missing = odd_cells(server, [deployments.queries, cancelations.no_cancelation])
    assert (cell.state, cell.request) == ("open, with a history", "?actionHistory=2")
    assert cell.seen.startswith(f"{BROKEN} {said}")
    assert "\n" not in cell.seen
    assert missing == 1


@pytest.mark.parametrize("fault", [faults.hang_up(), faults.answer(500, b"{}")])
def test_a_refused_step_costs_its_own_cells_alone(fault: faults.Fault) -> None:
    """Trouble on the operator's side, on the way to a state, is told in a line, and the rest follows."""
    with ManagedHawkbit() as hawkbit:
        hawkbit.fault("POST .*/assignedTargets", fault, times=2)
        server = Server(hawkbit.url, "admin", "x", "1.1")
        checks = [polls.links_of_an_open_action, polls.links_of_two_actions]
        seen = run(server, checks=checks)
        server.close()
    expected = {(cell.state, cell.request): cell.seen for cell in run(Hawkbit(), checks=checks)}
    right = [cell for cell in seen if expected.get((cell.state, cell.request)) == cell.seen]
    assert len(right) == len(expected) - 2
    assert all(cell.seen.startswith(BROKEN) for cell in seen if cell not in right)


def test_a_server_that_is_gone_ends_nothing_early() -> None:
    """Each check says that it could not begin."""
    with Hawkbit() as hawkbit:
        hawkbit.fault(".*", faults.hang_up(), times=None)
        checks = [polls.links_of_two_actions, polls.links_by_weight]
        seen = run(hawkbit, checks=checks)
    assert [cell.operation for cell in seen] == [f"polls: {check.__name__}" for check in checks]


def test_goosebit_differs_as_the_page_says(goosebit: Goosebit, tmp_path: Path) -> None:
    """The page lists each difference of a real goosebit, and no other."""
    assert kept.PAGE.read_text().endswith(f"\n{kept.goosebit_table(kept.goosebit(goosebit, tmp_path))}")


def test_the_page_is_what_the_suite_makes() -> None:
    """Each version of the double does what docs/conformance.md says; else run scripts/conformance."""
    assert kept.PAGE.read_text().startswith(f"{kept.HEAD}{kept.versions()}\n{kept.GOOSEBIT}")


def test_nothing_breaks_on_the_double() -> None:
    """What the page tells of a version is what it answers, not a mistake of the suite's."""
    assert BROKEN not in kept.PAGE.read_text().partition(kept.GOOSEBIT)[0]


def test_socket_and_transport_are_alike() -> None:
    """The loopback server and the transport give the same cells."""
    with Hawkbit() as listening:
        assert differences(run(Hawkbit()), run(listening)) == []


def test_a_difference_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A server that answers one thing differently is found out, by name, with exit code 1."""
    odd = Hawkbit()
    odd.fault("GET .*/nonsense", faults.answer(418), times=None)
    expected, seen = (run(server, checks=[polls.media_types]) for server in (Hawkbit(), odd))
    (difference,) = differences(expected, seen)
    assert (difference.operation, difference.seen) == ("GET nonsense", "418 empty")
    assert report.tell("hawkBit 1.1", expected, seen) == 1
    told = capsys.readouterr().out
    assert "! any" in told
    assert "hawkBit 1.1: 404 without a code" in told
    assert report.tell("hawkBit 1.1", expected, expected) == 0


def test_a_page_is_no_server(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What answers everything with a page of HTML is told as no hawkBit."""
    monkeypatch.setenv("HAWKBIT_PASSWORD", "x")
    with Hawkbit() as portal:
        portal.fault(".*", faults.html(), times=None)
        assert report.main(["--url", portal.url]) == 2
    assert "no answer of the Management API" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "password", "words"),
    [
        (["--url", "http://127.0.0.1:9"], "x", "no answer of the Management API"),
        (["--url", "http://127.0.0.1:9"], None, "HAWKBIT_PASSWORD is not set"),
        (["--url", "http://["], "x", "http://["),
        (["--url", "127.0.0.1"], "x", "no http:// or https:// address"),
        (["--url", "http://127.0.0.1:9", "--version", "2.0"], "x", "'2.0' is none of hawkBit's"),
    ],
)
def test_a_server_that_cant_be_looked_at_is_a_sentence(
    arguments, password, words, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong and what to do, and exit code 2."""
    monkeypatch.delenv("HAWKBIT_PASSWORD", raising=False)
    if password is not None:
        monkeypatch.setenv("HAWKBIT_PASSWORD", password)
    assert report.main(arguments) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
