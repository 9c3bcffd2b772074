# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the log looks like on a terminal, in a file and for journald."""

import contextlib
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hawkbit_rauc.board import logs

log = logging.getLogger("hawkbit_rauc.test")
STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Leave the logging of the test run as it was."""
    root, own = logging.getLogger(), logging.getLogger("hawkbit_rauc")
    before = root.handlers[:], root.level, own.level, logging.raiseExceptions
    try:
        yield
    finally:
        root.handlers[:], root.level, own.level, logging.raiseExceptions = before


def written(path: Path, act, *, level: int = logging.INFO, journald: bool = False) -> list[str]:
    """What `act` writes to a standard error that is a file."""
    with kept(), path.open("w") as stream, pytest.MonkeyPatch.context() as patch:
        there = os.fstat(stream.fileno())
        patch.setenv("JOURNAL_STREAM", f"{there.st_dev}:{there.st_ino + (not journald)}")
        with contextlib.redirect_stderr(stream):
            logs.set_up(level)
            act()
    return path.read_text().split("\n")[:-1]


def shown(act) -> str:
    """What `act` shows on a terminal."""
    controller, terminal = os.openpty()
    with kept(), open(terminal, "w") as stream, contextlib.redirect_stderr(stream):  # noqa: PTH123
        logs.set_up(logging.INFO)
        act()
    text = ""
    with contextlib.suppress(OSError):  # the terminal's other end is closed
        while read := os.read(controller, 65536):
            text += read.decode()
    os.close(controller)
    return text.replace("\r\n", "\n")


def percent(*values: int) -> None:
    for value in values:
        log.info("action 1: downloading %d %%", value, extra={"percent": value})


def test_an_event_is_a_line_with_time_and_level(tmp_path):
    (line,) = written(tmp_path / "log", lambda: log.warning("the %s", "text"))
    assert re.fullmatch(f"{STAMP} WARNING the text", line)


def test_journald_gets_priorities_instead(tmp_path):
    """sd-daemon(3)'s prefixes, one for each level."""

    def act() -> None:
        for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
            log.log(level, "text")

    lines = written(tmp_path / "log", act, level=logging.DEBUG, journald=True)
    assert lines == ["<7>text", "<6>text", "<4>text", "<3>text", "<2>text"]


def test_priorities_are_for_journalds_own_stream_only(tmp_path):
    """A JOURNAL_STREAM that was inherited, but not our standard error, means nothing."""
    (line,) = written(tmp_path / "log", lambda: log.info("text"), journald=False)
    assert "<" not in line


@pytest.mark.parametrize("value", ["", "x", "1:2:3"])
def test_a_strange_journal_stream_means_nothing(tmp_path, monkeypatch, value):
    monkeypatch.setenv("JOURNAL_STREAM", value)
    with (tmp_path / "x").open("w") as stream:
        assert not logs.journald_listens(stream)


def test_a_stream_without_a_file_is_no_journald():
    import io

    assert not logs.journald_listens(io.StringIO())
    closed = open(os.devnull, "w")  # noqa: PTH123, SIM115
    closed.close()
    assert not logs.journald_listens(closed)


def test_an_exception_is_one_line_too(tmp_path):
    def act() -> None:
        try:
            int("first\nsecond")
        except ValueError:
            log.exception("it\nbroke\r\n\n")

    (line,) = written(tmp_path / "log", act)
    assert "it | broke | Traceback" in line
    assert line.endswith(r"ValueError: invalid literal for int() with base 10: 'first\nsecond'")


@given(st.text())
def test_whatever_is_said_is_one_line_without_control_characters(tmp_path_factory, text):
    """A server's text can't move the cursor, forge a line or a priority."""
    for journald in (False, True):
        lines = written(
            tmp_path_factory.getbasetemp() / "log", lambda: log.info("%s", text), journald=journald
        )
        assert len(lines) == 1
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", lines[0])
        assert lines[0].startswith("<6>") is journald


def test_an_escape_sequence_is_shown_as_text(tmp_path):
    (line,) = written(tmp_path / "log", lambda: log.info("\x1b[31mred\x07"), journald=True)
    assert line == r"<6>\x1b[31mred\x07"


def test_other_libraries_are_silent_even_at_debug(tmp_path):
    """Their request logs hold links, whose queries may be secret."""

    def act() -> None:
        for name in ("httpx", "httpcore.connection", "asyncio"):
            logging.getLogger(name).info("GET https://x/?token=secret")
            logging.getLogger(name).debug("GET https://x/?token=secret")
        log.debug("ours")

    (line,) = written(tmp_path / "log", act, level=logging.DEBUG)
    assert line.endswith("ours")


def test_the_level_is_obeyed(tmp_path):
    def act() -> None:
        log.info("no")
        log.warning("yes")

    (line,) = written(tmp_path / "log", act, level=logging.WARNING)
    assert line.endswith("yes")


def test_setting_up_again_does_not_double_the_lines(tmp_path):
    def act() -> None:
        logs.set_up(logging.INFO)
        log.info("once")

    assert len(written(tmp_path / "log", act)) == 1


def test_work_is_a_line_for_each_tenth_in_a_file(tmp_path):
    """The next work begins anew."""
    lines = written(tmp_path / "log", lambda: percent(*range(1, 101), *range(1, 25)))
    assert [int(line.split()[-2]) for line in lines] == [*range(10, 101, 10), 10, 20]


def test_work_is_a_bar_on_a_terminal():
    text = shown(lambda: percent(50, 100))
    half, whole = text.split("\r")[1:]
    assert re.fullmatch(r"action 1: downloading 50 % +\[#{15} {15}\]", half)
    assert re.fullmatch(r"action 1: downloading 100 % +\[#{30}\]\n", whole)


def test_an_event_after_an_unfinished_bar_has_its_own_line():
    text = shown(lambda: (percent(50), log.info("stopped"), log.info("again")))
    assert re.search(r"\]\n" + STAMP + r" INFO    stopped\n" + STAMP + r" INFO    again\n$", text)


def test_a_terminal_that_hangs_up_stops_nothing():
    """Neither a bar nor a line raises, and nothing else is written about it."""
    controller, terminal = os.openpty()
    with kept(), open(terminal, "w", buffering=1) as stream:  # noqa: PTH123
        with contextlib.redirect_stderr(stream):
            logs.set_up(logging.INFO)
            os.close(controller)
            percent(50)
            log.info("text")
        with contextlib.suppress(OSError):
            stream.close()
