# SPDX-License-Identifier: LGPL-2.1-or-later
"""The poll interval is read in every form, and nothing else is believed."""

import pytest
from hawkbit_ddi.interval import LONGEST, SHORTEST, seconds
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.mark.case(16)
@pytest.mark.parametrize(
    ("sleep", "expected"),
    [
        ("00:05:00", 300),
        ("23:59:59", 86399),
        ("100:00:00", 360000),
        ("05:30", 330),
        ("90:00", 5400),
        ("45", 45),
        (45, 45),
        (2.5, 2.5),
        ("12.5", 12.5),
        ("00:00:01.5", 1.5),
        (" 00:01:00 ", 60),
        ("PT36H", 129600),
        ("PT25H1M18.004S", 90078.004),
        ("P1DT2H", 93600),
        ("p1d", 86400),
        ("P1W", 604800),
        ("PT0,5H", 1800),
        ("00:00:00.2", 1),
        ("9999:00:00", LONGEST),
        ("9" * 5000, LONGEST),
        ("P9999D", LONGEST),
    ],
)
def test_forms_that_servers_send_are_read(sleep: object, expected: float) -> None:
    """Each form of DDI's `sleep` gives its seconds, clamped to 1 s and 7 days."""
    assert seconds(sleep) == pytest.approx(expected)


@pytest.mark.case(16)
@pytest.mark.parametrize(
    "sleep",
    [
        *(None, True, False, [], {}, b"5", float("nan"), 0, -5, 0.0, "", " ", "0", "00:00:00", "PT0S", "-5"),
        *("-00:05:00", "PT-5M", "-PT5M", "P", "PT", "P1Y", "P1M", "1h", "00:60:00", "00:00:61", "60:61", ":30"),
        *("1:2:3:4", "00:05:00~10%", "soon", "\u0661\u0662:00", "1e3", "inf", "nan", "00:05:00\n00:05:00", "PT1H2"),
    ],
)  # fmt: skip
def test_anything_else_is_no_interval(sleep: object) -> None:
    """Absent, zero, negative and unreadable values are None, so that the own default counts."""
    assert seconds(sleep) is None


@settings(deadline=None)
@given(st.integers(0, 200), st.integers(0, 59), st.integers(0, 59))
def test_clock_and_duration_say_the_same(hours: int, minutes: int, rest: int) -> None:
    """HH:MM:SS, PTnHnMnS and bare seconds of one time are read alike."""
    total = hours * 3600 + minutes * 60 + rest
    expected = min(total, LONGEST) if total else None
    assert seconds(f"{hours:02}:{minutes:02}:{rest:02}") == expected
    assert seconds(f"PT{hours}H{minutes}M{rest}S") == expected
    assert seconds(str(total)) == expected


@settings(deadline=None)
@given(st.one_of(st.text(), st.from_regex(r"[-P0-9:.,TDHMSW]*", fullmatch=True), st.floats(), st.integers()))
def test_no_value_breaks_the_reader(sleep: object) -> None:
    """Whatever stands there, the result is None or lies within the bounds."""
    read = seconds(sleep)
    assert read is None or SHORTEST <= read <= LONGEST
