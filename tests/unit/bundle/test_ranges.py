# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an answer to a range request means, row by row and for anything a server may send."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hawkbit_rauc.bundle import ranges
from hawkbit_rauc.bundle.ranges import Complete, Gone, Refused, StartOver, Take

OPEN = {"content-type": "application/octet-stream"}


def part(start: int, end: int, total: int | str, **more: str) -> dict[str, str]:
    return {
        **OPEN,
        "content-range": f"bytes {start}-{end}/{total}",
        "content-length": str(end - start + 1),
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


@pytest.mark.case(21, 22)
@pytest.mark.parametrize(
    ("have", "etag", "expected"),
    [
        (0, '"v"', None),
        (5, None, None),
        (5, '"v"', '"v"'),
        (5, "da39a3ee", "da39a3ee"),
        (5, 'W/"v"', None),
        (5, '"v\n"', None),
        (5, '"ü"', None),
        (5, " v", None),
        (5, "", None),
    ],
)
def test_a_request_carries_the_tag_as_received(have, etag, expected):
    """If-Range is sent for a strong tag exactly as received, quoted or not, and for nothing else."""
    headers = ranges.request(have, etag)
    assert headers["Range"] == f"bytes={have}-"
    assert headers["Accept-Encoding"] == "identity"
    assert headers.get("If-Range") == expected


@pytest.mark.case(22)
@pytest.mark.parametrize(
    ("status", "headers", "have", "size", "meaning"),
    [
        (200, {**OPEN, "content-length": "10"}, 0, 10, Take(0, 10, 10)),
        (200, {**OPEN, "content-length": "10"}, 4, 10, Take(0, 10, 10)),
        (200, {**OPEN, "content-length": "10"}, 0, None, Take(0, 10, 10)),
        (200, part(0, 9, 10), 0, 10, Take(0, 10, 10)),  # hawkBit up to 0.9
        (200, {"transfer-encoding": "chunked"}, 0, 10, Take(0, None, None)),
        (200, {"transfer-encoding": "chunked", "content-length": "3"}, 0, 10, Take(0, None, None)),
        (206, part(0, 9, 10), 0, 10, Take(0, 10, 10)),
        (206, part(4, 9, 10), 4, 10, Take(4, 6, 10)),
        (206, part(4, 6, 10), 4, 10, Take(4, 3, 10)),
        (206, part(4, 9, "*"), 4, 10, Take(4, 6, None)),
        (206, part(4, 9, 10, transfer_encoding="chunked"), 4, 10, Take(4, None, 10)),
        (206, part(3, 9, 10), 4, 10, StartOver()),
        (206, part(0, 9, 10), 4, 10, StartOver()),
        (206, OPEN, 4, 10, StartOver()),
        (206, part(4, 10, "*"), 4, 10, StartOver()),
        (416, {"content-range": "bytes */10"}, 10, 10, Complete()),
        (416, {"content-range": "bytes */10"}, 10, None, Complete()),
        (416, {"content-range": "bytes */10"}, 12, None, StartOver()),
        (416, {}, 10, 10, StartOver()),
        (404, {}, 4, 10, Gone()),
        (410, {}, 0, None, Gone()),
    ],
)
def test_what_an_answer_means(status, headers, have, size, meaning):
    """Each honest answer has its one meaning."""
    assert ranges.read_answer(status, headers, have, size) == meaning


@pytest.mark.parametrize(
    ("status", "headers", "have", "size", "words"),
    [
        (200, {"content-type": "text/html; charset=utf-8"}, 0, 10, "page"),
        (200, {"content-type": "application/json", "content-length": "10"}, 0, 10, "page"),
        (206, part(0, 9, 10, content_encoding="gzip"), 0, 10, "compressed"),
        (206, part(0, 9, 10, content_type="multipart/byteranges; boundary=x"), 0, 10, "several"),
        (206, OPEN, 0, 10, "which"),
        (206, part(5, 9, 10), 0, 10, "another range"),
        (206, part(9, 5, 10), 9, 10, "impossible"),
        (206, part(0, 10, 10), 0, None, "impossible"),
        (206, part(0, 9, 10, content_length="9"), 0, 10, "contradicts"),
        (416, {"content-range": "bytes */0"}, 0, None, "416"),
        (401, {}, 0, 10, "credentials"),
        (403, {}, 0, 10, "credentials"),
        (503, {}, 0, 10, "503"),
        (777, {}, 0, 10, "777"),
        (304, {}, 0, 10, "304"),
    ],
)
def test_what_is_refused(status, headers, have, size, words):
    """What is not the file is refused with a reason, and is no mismatch."""
    meaning = ranges.read_answer(status, headers, have, size)
    assert isinstance(meaning, Refused)
    assert words in meaning.why
    assert not meaning.mismatch


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, {"content-length": str(640 * 2**20)}),
        (206, part(0, 640 * 2**20 - 1, 640 * 2**20)),
        (416, {"content-range": f"bytes */{640 * 2**20}"}),
    ],
)
def test_another_size_than_announced_is_a_mismatch(status, headers):
    """The sentence has both sizes, in whatever answer the server's shows."""
    meaning = ranges.read_answer(status, headers, 0, 812 * 2**20)
    assert meaning == Refused("announced 812.0 MiB, server sends 640.0 MiB", mismatch=True)


def test_close_sizes_are_told_in_bytes():
    """Two sizes that look alike in MiB are told to the byte."""
    assert ranges.differs(2**30, 2**30 + 1) == f"announced {2**30} bytes, server sends {2**30 + 1}"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "17"}, 17),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon"}, None),
        (
            {"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"},
            30,
        ),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT", "date": "Wed, 21 Oct 2015 07:29:00 GMT"}, 0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT", "date": "Wed, 21 Oct 2015 07:29:00 -0000"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
    ],
)
def test_retry_after_is_read_by_the_servers_clock(headers, seconds):
    """Both forms are understood, without the board's own clock."""
    assert ranges.read_answer(503, headers, 0, 10) == Refused("answered 503 (Service Unavailable)", seconds)


@pytest.mark.parametrize(
    ("url", "better"),
    [
        ("http://h/a+b/my+file+1?c=1+2", "http://h/a+b/my%20file%201?c=1+2"),
        ("http://h/a+b/file", None),
        ("http://[::1/a+b", None),
        ("", None),
    ],
)
def test_a_plus_in_the_last_segment_becomes_a_space(url, better):
    """Only the file's name is changed."""
    assert ranges.space_for_plus(url) == better


latin = [chr(code) for code in range(256)]
numbers = st.one_of(st.integers(-2, 20), st.integers(), st.text(latin, max_size=5), st.just("*"))
texts = st.one_of(
    st.text(latin, max_size=30),
    st.builds("bytes {}-{}/{}".format, numbers, numbers, numbers),
    st.builds("bytes */{}".format, numbers),
    numbers.map(str),
    st.sampled_from(["gzip", "identity", "chunked", "text/html", "multipart/byteranges"]),
)
names = st.sampled_from(
    [
        "content-range",
        "content-length",
        "content-type",
        "content-encoding",
        "transfer-encoding",
        "retry-after",
        "date",
    ]
)


@settings(deadline=None)
@given(
    status=st.one_of(st.sampled_from([200, 206, 416]), st.integers(100, 999)),
    headers=st.dictionaries(names, texts),
    have=st.integers(0, 20),
    size=st.one_of(st.none(), st.integers(0, 20)),
)
def test_whatever_a_server_sends_no_byte_goes_to_a_wrong_place(status, headers, have, size):
    """A body is only taken if it continues the file or begins it anew, and fits into what was announced."""
    meaning = ranges.read_answer(status, headers, have, size)
    if isinstance(meaning, Take):
        assert status in {200, 206}
        assert meaning.start == (have if status == 206 else 0)
        if meaning.length is not None and size is not None:
            assert meaning.start + meaning.length <= size
        if meaning.total is not None:
            assert size in {None, meaning.total}
            assert meaning.start + (meaning.length or 0) <= meaning.total
    elif isinstance(meaning, StartOver):
        assert have > 0  # else it could be asked for ever
    elif isinstance(meaning, Complete):
        assert have > 0
        assert size in {None, have}
    elif isinstance(meaning, Refused):
        assert meaning.why
        assert meaning.retry_after is None or meaning.retry_after >= 0
