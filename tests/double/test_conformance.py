# SPDX-License-Identifier: LGPL-2.1-or-later
"""The double is what real servers are, the report says so, and the kept table is what the suite makes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rig import conformance as kept
from rig.goosebit import Goosebit
from rig.hawkbit import Hawkbit as Real

from hawkbit_testing import Hawkbit, faults
from hawkbit_testing.conformance import differences, polls, report, run


def test_the_real_server_answers_as_the_double(real_hawkbit: Real) -> None:
    """The report on it finds no difference, in every cell that its version has."""
    user, password = (os.environ.get(f"HAWKBIT_{key}", "admin") for key in ("USER", "PASSWORD"))
    version = ".".join(map(str, real_hawkbit.version))
    command = [sys.executable, "-m", "hawkbit_testing", "--url", real_hawkbit.url, "--user", user]
    done = subprocess.run(
        [*command, "--version", version],
        env=os.environ | {"HAWKBIT_PASSWORD": password},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    odd = [line for line in done.stdout.splitlines() if line.startswith("!")]
    assert (done.returncode, odd) == (0, []), done.stdout + done.stderr
    assert f", 0 could not be had; none differ from hawkBit {version}" in done.stdout


def test_nothing_is_left_on_the_server(real_hawkbit: Real) -> None:
    """What a run makes it deletes, and settings are as before."""
    before = real_hawkbit.gateway_token, real_hawkbit.autoclose
    run(real_hawkbit, checks=[polls.registration, polls.links_with_autoclose])
    targets = real_hawkbit.rest("GET", "/targets?limit=500")["content"]
    assert not [target for target in targets if target["controllerId"].startswith("conformance-")]
    assert (real_hawkbit.gateway_token, real_hawkbit.autoclose) == before


def test_goosebit_differs_as_the_page_says(goosebit: Goosebit, tmp_path: Path) -> None:
    """The page lists each difference of a real goosebit, and no other."""
    assert kept.PAGE.read_text().endswith(f"\n{kept.goosebit_table(kept.goosebit(goosebit, tmp_path))}")


def test_the_page_is_what_the_suite_makes() -> None:
    """Each version of the double does what docs/conformance.md says; else run scripts/conformance."""
    assert kept.PAGE.read_text().startswith(f"{kept.HEAD}{kept.versions()}\n{kept.GOOSEBIT}")


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
