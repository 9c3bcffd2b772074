# SPDX-License-Identifier: LGPL-2.1-or-later
"""What to ask a file server for when a part is here already, and what its answer means.

Pure rules, from RFC 9110 (13.1.5, 14) and from how hawkBit's versions differ from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit, urlunsplit

from attrs import frozen

from hawkbit_rauc.errors import DownloadError, MismatchError

#: Up to 18 digits: what a server sends must not become a number that costs time or memory.
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
_CONTENT_RANGE = re.compile(r"bytes +(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII | re.IGNORECASE)
_UNSATISFIED = re.compile(r"bytes +\*/(\d{1,18})", re.ASCII | re.IGNORECASE)
#: What a login page, a proxy or an API answers with; a bundle is none of it, whatever a server calls it.
_PAGES = ("text/html", "application/xhtml+xml", "application/json")


@frozen
class Take:
    """The body belongs into the file.

    Attributes:
        start: offset in bytes of the body's first byte; 0 with a part on the disk means from the beginning.
        length: bytes of the body, None if the server did not say.
        total: bytes of the whole file, None if the server did not say.
    """

    start: int
    length: int | None
    total: int | None


@frozen
class StartOver:
    """The part on the disk is of no use: ask again for the whole."""


@frozen
class Complete:
    """The part on the disk is the whole file."""


@frozen
class Gone:
    """The server does not know this file, or no longer gives it: hawkBit does so only while the action is open."""


@frozen
class Refused:
    """The body is not the file.

    Attributes:
        why: the rest of a sentence that begins with the server's name.
        retry_after: seconds that the server asked to wait, None if it did not.
        mismatch: the server has a file of another size than announced.
    """

    why: str
    retry_after: float | None = None
    mismatch: bool = False

    def error(self, server: str) -> DownloadError:
        """Make the error that names the server as well."""
        kind = MismatchError if self.mismatch else DownloadError
        return kind(f"{server} {self.why}", retry_after=self.retry_after)


Meaning = Take | StartOver | Complete | Gone | Refused

#: Bytes of a bundle whose ranges fit into the history of an old hawkBit: RAUC asked for 48 MB in 700 ranges.
MOST_FOR_OLD_HAWKBIT = 16 * 2**20


def request(have: int, etag: str | None) -> dict[str, str]:
    """Return the headers that ask for what is missing.

    Args:
        have: bytes on the disk.
        etag: of the answer that they came with, exactly as received.
    """
    headers = {
        # Not octets alone: hawkBit then answers 500 instead of 404, because its error is JSON.
        "Accept": "application/octet-stream, */*;q=0.1",
        # Lengths and ranges are those of the file only if nothing compresses it on the way.
        "Accept-Encoding": "identity",
        # A range from the beginning on, too: hawkBit counts each request without one in the action's history of
        # 1,000 entries, and when that is full, it refuses the download itself.
        "Range": f"bytes={have}-",
    }
    # The tag as it came: hawkBit up to 0.9 sends it without quotes, and knows it only so. Nothing else will do:
    # hawkBit takes its own Last-Modified for older than the file and sends all of it, and answers 412 to an If-Match
    # with the tag that it gave (0.10 and later).
    if have and etag and is_strong(etag):
        headers["If-Range"] = etag
    return headers


def first_bytes() -> dict[str, str]:
    """Return the headers that ask for the first four bytes, as RAUC does before it streams."""
    return {**request(0, None), "Range": "bytes=0-3"}


def unfit_for_streaming(status: int, headers: Mapping[str, str], size: int | None) -> str | None:
    """Say why RAUC can't stream from a server, by its answer to `first_bytes`.

    Args:
        status: HTTP status, of an answer that `read_answer` would take.
        headers: by lower-case name.
        size: of the bundle in bytes, None if that is not known.

    Returns:
        The rest of a sentence that begins with the server's name; None if RAUC can.
    """
    etag = headers.get("etag", "")
    # RAUC asks for hundreds of ranges. hawkBit up to 0.7 adds each to the action's history of 1,000 entries, and
    # refuses the download when that is full. An ETag without quotes shows hawkBit up to 0.9: nothing shows more.
    crowded = size is None or size > MOST_FOR_OLD_HAWKBIT
    if crowded and etag and not etag.startswith(('"', "W/")):
        return "is a hawkBit up to 0.9 (its ETag has no quotes), whose history may have no room for streaming"
    if status != HTTPStatus.PARTIAL_CONTENT:
        return "does not answer requests for ranges, without which RAUC can't stream"
    return None


def is_strong(etag: str) -> bool:
    """Say whether a tag stands for exact bytes (RFC 9110, 8.8.3) and can be sent back.

    One without quotes does, too: hawkBit up to 0.9 sends such tags.
    """
    return etag.isascii() and etag.isprintable() and etag == etag.strip() and not etag.startswith("W/")


def read_answer(status: int, headers: Mapping[str, str], have: int, size: int | None) -> Meaning:
    """Say what an answer to `request` means (RFC 9110, 14.4, 15.3.7, 15.5.17).

    Args:
        status: HTTP status.
        headers: by lower-case name.
        have: bytes on the disk, as asked.
        size: bytes of the whole file as announced, None if that is not known.

    Returns:
        What to do with the body and with the part on the disk.
    """
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        return Gone()
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return _beyond_the_end(headers, have, size)
    if status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        return Refused(_sentence(status), retry_after(headers))
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media in _PAGES:
        return Refused(
            f"answered with a page ({media}) instead of the bundle; is there a login or a proxy between?"
        )
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity":
        return Refused(
            f"sends the bundle compressed ({coding[:20]}), perhaps by a proxy; lengths and ranges are lost"
        )
    length = None if "transfer-encoding" in headers else _number(headers.get("content-length"))
    if status == HTTPStatus.OK:
        # The whole file: the server knows no ranges, or the file has changed; hawkBit up to 0.9 also if the range
        # begins at 0. Its Content-Range, which hawkBit up to 0.9 adds to a 200 too, counts for nothing here (15.3.7).
        return _other_size(length, size) or Take(0, length, length)
    return _part(headers, media, length, have, size)


def _part(headers: Mapping[str, str], media: str, length: int | None, have: int, size: int | None) -> Meaning:
    """Read a 206."""
    if media == "multipart/byteranges":  # allowed for several ranges only, and one was asked for (15.3.7.2)
        return Refused("answers one range with several")
    match = _CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
    if match is None:
        return StartOver() if have else Refused("sends a part without saying which")
    start, end = int(match[1]), int(match[2])
    total = _number(match[3])
    if other := _other_size(total, size):
        return other
    if end < start or (total is not None and end >= total):
        return Refused(f"sends an impossible range ({match[0]})")
    if length is not None and length != end - start + 1:
        return Refused(f"contradicts itself: {length} bytes announced for the range {match[0]}")
    # A byte in the wrong place is worse than a failed download, so that a server's own idea of the range is refused.
    if start != have or (size is not None and end >= size):
        return StartOver() if have else Refused(f"sends another range ({match[0]}) than asked for")
    return Take(start, length, total)


def _beyond_the_end(headers: Mapping[str, str], have: int, size: int | None) -> Meaning:
    """Read a 416, whose Content-Range names the length of the file (`bytes */1000`)."""
    match = _UNSATISFIED.fullmatch(headers.get("content-range", "").strip())
    total = int(match[1]) if match else None
    if other := _other_size(total, size):
        return other
    if not have:
        return Refused(_sentence(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE))
    return Complete() if total == have else StartOver()


def _other_size(sends: int | None, size: int | None) -> Refused | None:
    if sends is None or size is None or sends == size:
        return None
    return Refused(differs(size, sends), mismatch=True)


def differs(announced: int, sends: int) -> str:
    """Say that a size is not the announced one, in units that show the difference (both in bytes)."""
    if amount(announced) == amount(sends):
        return f"announced {announced} bytes, server sends {sends}"
    return f"announced {amount(announced)}, server sends {amount(sends)}"


def amount(size: int) -> str:
    """Write a number of bytes for people."""
    return f"{size / 2**20:.1f} MiB" if size >= 2**20 else f"{size} bytes"


def _number(text: str | None) -> int | None:
    return int(text) if text and _NUMBER.fullmatch(text) else None


def _sentence(status: int) -> str:
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return f"refuses the download ({status}); check the credentials and whether they may be sent there"
    try:
        return f"answered {status} ({HTTPStatus(status).phrase})"
    except ValueError:
        return f"answered {status}"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read Retry-After (RFC 9110, 10.2.3) by the server's own clock: a board's may be wrong by years.

    Args:
        headers: by lower-case name.

    Returns:
        Seconds, None without a usable header.
    """
    text = headers.get("retry-after", "").strip()
    if (seconds := _number(text)) is not None:
        return float(seconds)
    try:
        wait = parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, wait.total_seconds())


def space_for_plus(url: str) -> str | None:
    """Return the URL under which hawkBit finds a file whose name holds a space.

    hawkBit (all versions) writes such a name with `+` into its links, as forms have it, and answers 404 to them.

    Returns:
        The URL with `%20` in the last segment of its path, None if that changes nothing.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    folder, slash, name = parts.path.rpartition("/")
    if "+" not in name:
        return None
    return urlunsplit(parts._replace(path=folder + slash + name.replace("+", "%20")))
