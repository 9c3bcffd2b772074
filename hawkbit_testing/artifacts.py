# SPDX-License-Identifier: LGPL-2.1-or-later
"""How artifacts are served: tags, ranges and conditions, old rules and new."""

import re
from email.utils import formatdate, parsedate_to_datetime

from hawkbit_testing.state import File, Quirks, Refusal
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
    if wanted and wanted != "*" and bare not in [part.strip() for part in wanted.split(",")]:
        raise Refusal(412)
    headers = {
        "Content-Disposition": f"attachment;filename={file.name[:78]}",
        "Last-Modified": formatdate(file.created, usegmt=True),
        "ETag": tag,
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
        "X-Content-Type-Options": "nosniff",
    }
    size = len(file.content)
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
        if not first and (not last or not 0 < int(last) <= size):
            raise _unsatisfiable(size)
        start = int(first) if first else size - int(last)
        end = min(int(last), size - 1) if first and last else size - 1
        if start > end:
            raise _unsatisfiable(size)
        ranges.append((start, end))
    if ranges == [(0, size - 1)] and not quirks.quotes_etag:
        return []
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


class _Unsatisfiable(Refusal):
    """416 with the size, so that a client can see that it has all."""

    def __init__(self, size: int) -> None:
        super().__init__(416)
        self.headers = {"Content-Range": f"bytes */{size}"}


def _unsatisfiable(size: int) -> Refusal:
    return _Unsatisfiable(size)
