# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command as its users run it: arguments, exit codes, signals."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig.run import configuration

from hawkbit_rauc.app import cli

pytestmark = pytest.mark.usefixtures("surroundings")


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def written(tmp_path: Path, server: str, **keys: object) -> Path:
    return configuration(
        tmp_path / "config.conf",
        **{
            "server": server,
            "target": "board",
            "token": "t0ken",
            "bundle": tmp_path / "bundle.raucb",
            "first_poll_within": 0,
            **keys,
        },
    )


class Command:
    """The command in a process of its own."""

    def __init__(self, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hawkbit_rauc", *map(str, arguments)], stderr=subprocess.PIPE, text=True
        )
        self.seen: list[str] = []

    def says(self, text: str) -> str:
        """Wait for a line of the log."""
        for line in self.process.stderr:
            self.seen.append(line)
            if text in line:
                return line
        raise AssertionError(f"{text!r} was not said, but {self.seen}")

    def end(self, number: int) -> tuple[int, float]:
        """Send a signal; returns the exit code and the seconds that it took."""
        since = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(20), time.monotonic() - since


@contextlib.contextmanager
def running(*arguments: object) -> Iterator[Command]:
    command = Command(*arguments)
    try:
        yield command
    finally:
        command.process.kill()
        command.process.wait()
        command.process.stderr.close()


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "name a command"),
        (["fly"], "fly"),
        (["--fly", "run"], "--fly"),
        (["run", "--fly"], "--fly"),
        (["run", "more"], "more"),
        (["run", "-c"], "-c"),
        (["check", "--once"], "--once"),
        (["-d"], "name a command"),
    ],
)
def test_bad_usage(arguments, named, capsys):
    """One sentence that names the mistake, and 64."""
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 64
    said = capsys.readouterr().err
    assert named in said
    assert said.count("\n") == 1
    assert "--help" in said


def test_version(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    name, version = capsys.readouterr().out.split()
    assert name == "hawkbit-rauc"
    assert version[0].isdigit()


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["check", "-h"]])
def test_help(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 0
    assert "--config" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["run", "check"])
def test_all_mistakes_of_the_configuration_are_told_at_once(command, tmp_path, capsys):
    """Each with file, section and key, without a secret, and 78."""
    file = written(tmp_path, "h", connect_timeout="x", ssl="maybe", gateway_token="s3cret")
    assert cli.main([command, "-c", str(file)]) == 78
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3
    assert all(str(file) in line and "client" in line for line in said)
    for key in ("connect_timeout", "ssl", "gateway_token"):
        assert any(key in line for line in said)
    assert "s3cret" not in "".join(said)


def test_a_missing_configuration_is_named(tmp_path, capsys):
    assert cli.main(["-c", str(tmp_path / "none.conf"), "run"]) == 78
    assert "none.conf" in capsys.readouterr().err


def test_the_configuration_may_be_named_before_or_after_the_command(tmp_path, capsys):
    """And the later one counts."""
    for order in (
        ["-c", "/a.conf", "run"],
        ["run", "-c", "/a.conf"],
        ["-c", "/b.conf", "run", "-c", "/a.conf"],
    ):
        assert cli.main(order) == 78
        assert "/a.conf" in capsys.readouterr().err


# ---------------------------------------------------------------- one instance, and its end


def test_a_second_instance_ends_at_once(tmp_path, silent):
    file = written(tmp_path, silent)
    with running("run", "-c", file) as first:
        first.says("speaks for board")
        with running("run", "-c", file) as second:
            assert "another hawkbit-rauc" in second.says("another")
            assert second.process.wait(10) == 75
        first.end(signal.SIGKILL)
    with running("run", "-c", file) as third:
        third.says("speaks for board")


def test_a_state_folder_that_can_not_be_used(tmp_path, silent):
    (tmp_path / "state").write_text("")
    with running("run", "-c", written(tmp_path, silent)) as command:
        command.says("STATE_DIRECTORY")
        assert command.process.wait(10) == 73


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_a_second(tmp_path, silent, number):
    """Even while a request hangs in a server that never answers."""
    with running("run", "-c", written(tmp_path, silent)) as command:
        command.says("speaks for board")
        code, seconds = command.end(number)
        assert code == 0
        assert seconds < 1
        assert "Traceback" not in command.process.stderr.read()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_between_polls(tmp_path, served_double, number):
    target = served_double.target()
    with running(
        "run", "-c", written(tmp_path, served_double.host, target=target.id, token=target.token)
    ) as command:
        served_double.wait_for_request(target.id)
        code, seconds = command.end(number)
        assert (code, seconds < 1) == (0, True)


# ---------------------------------------------------------------- signals that change something


def test_usr1_polls_now(tmp_path, served_double):
    target = served_double.target()
    file = written(tmp_path, served_double.host, target=target.id, token=target.token)
    with running("run", "-c", file) as command:
        served_double.wait_for_request(f"/{target.id}$", 1)
        command.process.send_signal(signal.SIGUSR1)
        served_double.wait_for_request(f"/{target.id}$", 2)


def test_hup_reads_the_configuration_again(tmp_path, served_double):
    """Another target is spoken for; the lock stays held."""
    one, two = served_double.target(), served_double.target()
    with running(
        "run", "-c", written(tmp_path, served_double.host, target=one.id, token=one.token)
    ) as command:
        served_double.wait_for_request(one.id)
        written(tmp_path, served_double.host, target=two.id, token=two.token)
        command.process.send_signal(signal.SIGHUP)
        command.says("the configuration was reloaded")
        served_double.wait_for_request(two.id)
        assert command.end(signal.SIGTERM)[0] == 0


def test_hup_with_a_broken_file_keeps_the_old_configuration(tmp_path, served_double):
    """The daemon goes on with the old one as if nothing had been, and polls when it is asked to."""
    target = served_double.target()
    file = written(tmp_path, served_double.host, target=target.id, token=target.token)
    with running("run", "-c", file) as command:
        served_double.wait_for_request(f"/{target.id}$", 1)
        file.write_text("[client]\nssl = maybe\n")
        command.process.send_signal(signal.SIGHUP)
        assert "ssl" in command.says("was not reloaded")
        command.process.send_signal(signal.SIGUSR1)
        served_double.wait_for_request(f"/{target.id}$", 2)
        assert command.end(signal.SIGTERM)[0] == 0


def test_unknown_keys_are_told_and_the_work_goes_on(tmp_path, silent):
    with running("run", "-c", written(tmp_path, silent, conect_timeout=3)) as command:
        assert "connect_timeout" in command.says("conect_timeout")
        command.says("speaks for board")


# ---------------------------------------------------------------- once


def test_once_with_nothing_to_do(tmp_path, served_double):
    target = served_double.target()
    file = written(tmp_path, served_double.host, target=target.id, token=target.token)
    assert cli.main(["run", "--once", "-c", str(file)]) == 0


@pytest.mark.parametrize("trouble", ["silent", "closed", "token"])
def test_once_without_a_server(tmp_path, served_double, silent, trouble):
    """Not reachable or credentials refused: 2, after `once_timeout` at most."""
    target = served_double.target()
    host = {"silent": silent, "closed": "127.0.0.1:1", "token": served_double.host}[trouble]
    file = written(tmp_path, host, target=target.id, token="wrong", once_timeout=1)
    since = time.monotonic()
    assert cli.main(["run", "--once", "-c", str(file), "-d"]) == 2
    assert time.monotonic() - since < 10


def test_the_watchdog_is_fed_and_systemd_is_told(tmp_path, silent, monkeypatch):
    """Ready, alive, stopping: as sd_notify(3) has it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(tmp_path / "notify"))
        notified.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "200000")
        told = ""
        with running("run", "-c", written(tmp_path, silent)) as command:
            while "READY=1" not in told or told.count("WATCHDOG=1") < 3:
                told += notified.recv(4096).decode()
            os.kill(command.process.pid, signal.SIGTERM)
            while "STOPPING=1" not in told:
                told += notified.recv(4096).decode()
            assert command.process.wait(10) == 0
