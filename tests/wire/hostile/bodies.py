# SPDX-License-Identifier: LGPL-2.1-or-later
"""What servers may send in place of the right answer, as a table: bodies, members, ranges, links, names."""

import copy
import gzip
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from wire.hostile.corpus import ARTIFACT, CANCEL, DEPLOYMENT, POLL
from wire.hostile.ground import BUNDLE

from hawkbit_testing import faults
from hawkbit_testing.wire import Fault

JSON = {"Content-Type": "application/json"}
OCTETS = {"Content-Type": "application/octet-stream"}

#: Anything but the JSON object that is due; each for every operation that reads.
BODIES: dict[str, Callable[[], Fault]] = {
    "empty": lambda: faults.answer(200, b"", JSON),
    "null": lambda: faults.answer(200, b"null", JSON),
    "list": lambda: faults.answer(200, b"[]", JSON),
    "text": lambda: faults.answer(200, b'"x"', JSON),
    "number": lambda: faults.answer(200, b"42", JSON),
    "NaN": lambda: faults.answer(200, b'{"id": NaN, "config": Infinity}', JSON),
    "huge number": lambda: faults.answer(200, b'{"id": ' + b"9" * 5000 + b"}", JSON),
    "html": faults.html,
    "cut at once": lambda: faults.cut(0),
    "cut in the middle": lambda: faults.cut(10),
    "latin-1": lambda: faults.body(lambda content: content.replace(b"{", b'{"\xe9": "\xe9",', 1)),
    "utf-16": lambda: faults.body(lambda content: content.decode().encode("utf-16")),
    "byte order mark": lambda: faults.body(lambda content: b"\xef\xbb\xbf" + content),
    "gzip unasked": faults.compressed,
    "gzip that is none": lambda: faults.answer(200, b"no gzip", JSON | {"Content-Encoding": "gzip"}),
    "gzip bomb": lambda: faults.answer(
        200, gzip.compress(b" " * (64 << 20), 1), JSON | {"Content-Encoding": "gzip"}
    ),
    "unknown encoding": lambda: faults.answer(200, b"x", JSON | {"Content-Encoding": "snappy"}),
    "deeply nested": lambda: faults.answer(200, b"[" * 200_000, JSON),
    "deep object": lambda: faults.answer(200, b'{"a":' * 50_000 + b"1" + b"}" * 50_000, JSON),
    "endless": faults.endless,
    "trickle": lambda: faults.trickle(1, 0.05),
    "chunked": faults.chunked,
    "hang up": faults.hang_up,
    "garbage": lambda: faults.raw(b"\x00\xff\x13garbage\r\n\r\n"),
    "another protocol": lambda: faults.raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "HTTP/1.0": lambda: faults.raw(b"HTTP/1.0 200 OK\r\n\r\n"),
    "HTTP/9": lambda: faults.raw(b"HTTP/9.9 200 OK\r\n\r\n{}"),
    "two lengths": lambda: faults.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\n{}"),
    "negative length": lambda: faults.raw(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}"),
    "header bomb": lambda: faults.raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000),
    "long header": lambda: faults.raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1_000_000),
    "control characters": lambda: faults.answer(400, b'{"message": "\\u001b[31mred\\u0000\\r\\n<6>x"}', JSON),
    "long message": lambda: faults.answer(400, b'{"message": "' + b"x" * 100_000 + b'"}', JSON),
    "cookies": lambda: faults.headers({"Set-Cookie": "session=1; Path=/"}),
}

#: What a member may be instead.
WRONG: dict[str, Any] = {
    "null": None,
    "number": -7,
    "text": "x",
    "long text": "y" * 5000,
    "list": [[]],
    "object": {"a": {}},
    "gone": ...,
}


def members(document: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to each member of a document."""
    entries = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in entries:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from members(value, (*path, key))


def replaced(document: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """A document with another value at a place."""
    changed = copy.deepcopy(document)
    place = changed
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return changed


LINK = "http://foreign.invalid/x"
#: Where a link to the artifact may lead; FOREIGN stands for a server of somebody else's.
LINKS = {
    "foreign": "FOREIGN/bundle",
    "foreign with a query": "FOREIGN/bundle?X-Signature=secret",
    "foreign that poses as ours": "FOREIGN/DEFAULT/controller/v1/dev-1/softwaremodules/1/artifacts/system.raucb",
    "user in the link": "http://user:password@127.0.0.1:1/bundle",
    "file": "file:///etc/passwd",
    "ftp": "ftp://127.0.0.1/bundle",
    "javascript": "javascript:alert(1)",
    "data": "data:application/octet-stream,x",
    "empty": "",
    "relative": "../../../etc/passwd",
    "no host": "http:///bundle",
    "closed port": "http://127.0.0.1:1/bundle",
    "bad port": "http://127.0.0.1:99999/bundle",
    "no such host": "http://host.invalid/bundle",
    "brackets": "http://[::1/bundle",
    "line feed": "http://127.0.0.1:1/\r\nX-Injected: 1",
    "long": "http://127.0.0.1:1/" + "x" * 100_000,
    "beyond ASCII": "http://bücher.invalid/ü",
    "spaces": "http://127.0.0.1:1/a b {c}",
}

#: What a file may be called.
NAMES = (
    "../../../../etc/passwd.raucb",
    "/etc/passwd",
    "..",
    ".",
    "",
    "a\x00b.raucb",
    "a\nb.raucb",
    "\x1b[31mred.raucb",
    "x" * 5000,
    "<script>.raucb",
    "ü\u202e\u2028.raucb",
    "C:\\windows\\system.raucb",
)

#: How the answer to the download may lie.
DOWNLOADS: dict[str, Callable[[], Fault]] = {
    "range of another start": lambda: faults.headers(
        {"Content-Range": f"bytes 5-{len(BUNDLE) - 1}/{len(BUNDLE)}"}
    ),
    "range of another total": lambda: faults.headers({"Content-Range": f"bytes 0-{len(BUNDLE) - 1}/9999999"}),
    "range that is none": lambda: faults.headers({"Content-Range": "bytes garbage"}),
    "no range": lambda: faults.headers({"Content-Range": None}),
    "longer length": lambda: faults.headers({"Content-Length": str(len(BUNDLE) + 100)}),
    "shorter length": lambda: faults.headers({"Content-Length": str(len(BUNDLE) - 100)}),
    "length that is none": lambda: faults.headers({"Content-Length": "many"}),
    "several parts": lambda: faults.headers({"Content-Type": "multipart/byteranges; boundary=x"}),
    "compressed": faults.compressed,
    "chunked": faults.chunked,
    "endless": lambda: faults.endless(b"\x00" * 65536),
    "other bytes": lambda: faults.body(lambda content: bytes(len(content))),
    "one bit": lambda: faults.body(lambda content: content[:-1] + bytes([content[-1] ^ 1])),
    "cut": lambda: faults.cut(100_000),
    "html": faults.html,
    "hang up": faults.hang_up,
    "not satisfiable": lambda: faults.answer(416, b"", {"Content-Range": "bytes */5"}),
    "redirect to itself": lambda: faults.redirect(
        "/DEFAULT/controller/v1/dev-1/softwaremodules/1/artifacts/x"
    ),
    "redirect to a file": lambda: faults.redirect("file:///etc/passwd"),
    "redirect to nowhere": lambda: faults.redirect(""),
    "redirect without a place": lambda: faults.answer(302),
    "redirect to garbage": lambda: faults.redirect("http://[bad"),
}


def bodies() -> Iterable[tuple[str, str, Callable[[], Fault]]]:
    """Each body to each operation that reads JSON."""
    for name, where in (("poll", POLL), ("deployment", DEPLOYMENT), ("cancel", CANCEL)):
        for body, fault in BODIES.items():
            yield f"{name} {body}", where, fault


def downloads() -> Iterable[tuple[str, str, Callable[[], Fault]]]:
    """Each lie to the download."""
    for name, fault in DOWNLOADS.items():
        yield f"artifact {name}", ARTIFACT, fault
