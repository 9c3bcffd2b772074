# SPDX-License-Identifier: LGPL-2.1-or-later
"""How artifacts are served: tags, ranges and conditions, old rules and new."""

import re
from email.utils import formatdate, parsedate_to_datetime
from itertools import pairwise

from hawkbit_testing.quirks import Quirks, Refusal
from hawkbit_testing.software import File
from hawkbit_testing.wire import Answer, Request

RANGES = re.compile(r"bytes=(\d*-\d*)(,\d*-\d*)*")
BOUNDARY = "THIS_STRING_SEPARATES_MULTIPART"


def serve(request: Request, file: File, quirks: Quirks) -> Answer:
    """Answer a request for a file.

    Raises:
        Refusal: 412 (If-Match) or 416 (range), without a body.
    """
    bare = file.digest("sha1")
    tag = f'"{bare}"' if quirks.quotes_etag else bare
    wanted = request.headers.get("If-Match")
    # Compared with the bare hash: since the tag has quotes, it does not match itself.
    if wanted and wanted != "*" and bare not in [part.strip() for part in wanted.split(",")]:
        raise Refusal(412)
    headers = {
        "Content-Disposition": f"attachment;filename={latin(file.name[:78])}",
        "Last-Modified": formatdate(file.created, usegmt=True),
        "ETag": tag,
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
        "X-Content-Type-Options": "nosniff",
    }
    size = len(file.content)
    if suffix := _broken_suffix(request.headers.get("Range") or "", size, quirks):
        headers |= {
            "Content-Length": str(suffix),
            "Content-Range": f"bytes {size - suffix}-{size - 1}/{size}",
        }
        return Answer(206, headers, file.content)
    ranges = _ranges(request.headers.get("Range"), size, quirks)
    if ranges and not _still_fits(request.headers.get("If-Range"), tag, file, quirks):
        ranges = []
    if not ranges:
        if not quirks.quotes_etag:
            headers["Content-Range"] = f"bytes 0-{size - 1}/{size}"
        return Answer(200, headers, file.content)
    if len(ranges) == 1:
        start, end = ranges[0]
        headers["Content-Range"] = f"bytes {start}-{end}/{size}"
        return Answer(206, headers, file.content[start : end + 1])
    headers["Content-Type"] = f"multipart/byteranges; boundary={BOUNDARY}"
    parts = [
        f"\r\n--{BOUNDARY}\r\nContent-Range: bytes {start}-{end}/{size}\r\n\r\n".encode()
        + file.content[start : end + 1]
        for start, end in sorted(ranges)
    ]
    return Answer(206, headers, b"".join(parts) + f"\r\n--{BOUNDARY}--".encode())


def _ranges(header: str | None, size: int, quirks: Quirks) -> list[tuple[int, int]]:
    if header is None:
        return []
    if not RANGES.fullmatch(header):
        raise _unsatisfiable(size)
    ranges = []
    for part in header.removeprefix("bytes=").split(","):
        first, last = part.split("-")
        if not first and last and int(last) > size:
            raise _too_long(size, quirks)
        if not first and (not last or int(last) == 0):
            raise _unsatisfiable(size)
        start = int(first) if first else size - int(last)
        end = min(int(last), size - 1) if first and last else size - 1
        if start > end:
            raise _unsatisfiable(size)
        ranges.append((start, end))
    if ranges == [(0, size - 1)] and not quirks.quotes_etag:
        return []
    in_order = sorted(ranges)
    overlap = any(before[1] >= after[0] for before, after in pairwise(in_order))
    if overlap and quirks.quotes_etag:
        raise _unsatisfiable(size)
    return ranges


def _still_fits(condition: str | None, tag: str, file: File, quirks: Quirks) -> bool:
    if condition is None or condition == tag:
        return True
    if quirks.quotes_etag:
        return False
    try:
        return int(parsedate_to_datetime(condition).timestamp()) >= int(file.created)
    except ValueError:
        return False


def _broken_suffix(header: str, size: int, quirks: Quirks) -> int:
    """Return the length of a suffix that is longer than the file, 0 unless this version answers it and breaks off."""
    found = re.fullmatch(r"bytes=-(\d+)", header)
    length = int(found[1]) if found and quirks.long_suffix_status == 206 else 0
    return length if length > size else 0


def latin(name: str) -> str:
    """Return a file name as a header can carry it."""
    return name.encode("latin-1", "replace").decode("latin-1")


def _unsatisfiable(size: int) -> Refusal:
    """Return 416 with the size, so that a client can see that it has all."""
    refusal = Refusal(416)
    refusal.headers["Content-Range"] = f"bytes */{size}"
    return refusal


def _too_long(size: int, quirks: Quirks) -> Refusal:
    """Return what a suffix longer than the file gets."""
    if quirks.long_suffix_status == 416:
        return _unsatisfiable(size)
    return Refusal(quirks.long_suffix_status, plain=True)
