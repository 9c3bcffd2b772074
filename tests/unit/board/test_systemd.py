# SPDX-License-Identifier: LGPL-2.1-or-later
"""Systemd hears what sd_notify(3) prescribes, and its absence disturbs nothing."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hawkbit_rauc.board import systemd


@pytest.fixture(params=["path", "abstract"])
def heard(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], str]]:
    """A socket of systemd's, named in the environment; returns the next message."""
    name = {"path": str(tmp_path / "notify"), "abstract": f"@hawkbit-rauc-{os.getpid()}"}[request.param]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name.replace("@", "\0", 1))
        listener.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield lambda: listener.recv(4096).decode()


def test_words_are_those_of_sd_notify(heard: Callable[[], str]) -> None:
    """Each thing that is told has the form that systemd reads, one datagram each."""
    systemd.ready("polling")
    assert heard() == "READY=1\nSTATUS=polling"
    systemd.ready()
    assert heard() == "READY=1"
    systemd.stopping("told to")
    assert heard() == "STOPPING=1\nSTATUS=told to"
    systemd.alive()
    assert heard() == "WATCHDOG=1"


def test_status_can_smuggle_nothing(heard: Callable[[], str]) -> None:
    """A line feed in a status does not become an assignment."""
    systemd.status("a\nMAINPID=1")
    assert heard() == "STATUS=a MAINPID=1"


def test_reloading_tells_the_time(heard: Callable[[], str]) -> None:
    """Type=notify-reload wants CLOCK_MONOTONIC in microseconds with RELOADING=1."""
    before = time.monotonic_ns() // 1000
    systemd.reloading()
    first, second = heard().split("\n")
    assert first == "RELOADING=1"
    assert before <= int(second.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000


@pytest.mark.parametrize("address", [None, "", "relative", "vsock:2:1234", "/nonexistent/notify"])
def test_absent_systemd_is_nothing_to_worry_about(address: str | None) -> None:
    """Without a socket that can be used, nothing is sent and nothing fails."""
    environment = {} if address is None else {"NOTIFY_SOCKET": address}
    assert not systemd.notify("READY=1", environment=environment)


def test_full_queue_does_not_stop_us(tmp_path: Path) -> None:
    """A systemd that reads nothing makes notify say no, not wait."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "notify"))
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        sent = [systemd.notify("WATCHDOG=1", environment=environment) for _ in range(5000)]
    assert sent[0]
    assert not sent[-1]


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_watchdog_is_fed_twice_as_often_as_it_bites(
    environment: dict[str, str], seconds: float | None
) -> None:
    """Half of the watchdog's time, if it is meant for this process."""
    assert systemd.watchdog_interval(environment) == seconds
