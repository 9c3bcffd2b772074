# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can go wrong on the wire; give one of these to `Hawkbit.fault`.

A fault is a function of the request and of `handle`, which lets the server do its work and returns its
answer. Faults that call it take effect at the server, the others don't.
"""

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from attrs import define, evolve, field

from hawkbit_testing.wire import Answer, Fault, Handle, Request


def answer(status: int = 200, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Fault:
    """Answer this, and do nothing; `status` may be one that no standard knows."""
    return lambda request, handle: Answer(status, dict(headers or {}), body)


def html(status: int = 200) -> Fault:
    """Answer as a captive portal or a proxy does."""
    page = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Welcome</h1></body></html>"
    return answer(status, page, {"Content-Type": "text/html"})


def redirect(url: str, status: int = 302) -> Fault:
    """Send the client elsewhere."""
    return answer(status, headers={"Location": url})


def hang_up() -> Fault:
    """Cut the connection before anything is done."""
    return lambda request, handle: Answer(silent=True)


def lost() -> Fault:
    """Do the work, then cut the connection before the answer: the client can't know."""

    def fault(request: Request, handle: Handle) -> Answer:
        return Answer(handle().status, silent=True)

    return fault


def cut(after: int = 0) -> Fault:
    """Do the work and cut the connection after so many bytes of the body."""
    return lambda request, handle: evolve(_with_length(handle()), cut=after)


def raw(content: bytes) -> Fault:
    """Send these bytes in place of an HTTP answer, then cut the connection."""
    return lambda request, handle: Answer(raw=content)


def headers(changes: Mapping[str, str | None]) -> Fault:
    """Do the work, with other headers (None takes one away): lying lengths, ranges, types, tags."""

    def fault(request: Request, handle: Handle) -> Answer:
        was = handle()
        names = {name.lower() for name in changes}
        kept = {name: value for name, value in was.headers.items() if name.lower() not in names}
        return evolve(
            was, headers=kept | {name: value for name, value in changes.items() if value is not None}
        )

    return fault


def edit(change: Callable[[Any], Any]) -> Fault:
    """Do the work, and answer what `change` makes of the decoded JSON (None: changed in place)."""

    def fault(request: Request, handle: Handle) -> Answer:
        was = handle()
        document = was.json()
        changed = change(document)
        kept = {name: value for name, value in was.headers.items() if name.lower() != "etag"}
        return evolve(was, headers=kept, body=json.dumps(document if changed is None else changed).encode())

    return fault


def body(change: Callable[[bytes], bytes]) -> Fault:
    """Do the work, and send other bytes: flipped, cut short with a right length, wrongly encoded."""
    return lambda request, handle: _map_body(handle(), change)


def compressed() -> Fault:
    """Do the work and compress the body, asked or not, as some proxies do."""

    def fault(request: Request, handle: Handle) -> Answer:
        was = _map_body(handle(), gzip.compress)
        return evolve(was, headers=was.headers | {"Content-Encoding": "gzip"})

    return fault


def chunked() -> Fault:
    """Do the work and send the body in chunks, without a length."""

    def fault(request: Request, handle: Handle) -> Answer:
        was = handle()
        kept = {name: value for name, value in was.headers.items() if name.lower() != "content-length"}
        return evolve(was, headers=kept, chunked=True)

    return fault


def trickle(size: int = 1, seconds: float = 0.05) -> Fault:
    """Do the work and send the body so many bytes at a time with so long a pause between."""

    def pieces(content: bytes) -> Iterator[bytes]:
        for start in range(0, len(content), size):
            time.sleep(seconds)
            yield content[start : start + size]

    return _paced(pieces)


def endless(piece: bytes = b" " * 65536) -> Fault:
    """Answer 200 with a body that never ends."""

    def pieces() -> Iterator[bytes]:
        while True:
            yield piece

    return lambda request, handle: Answer(200, {"Content-Type": "application/json"}, pieces())


@define
class stall:  # noqa: N801  used like the other faults
    """Do the work and stop in the middle, until `released` is set.

    Attributes:
        after: bytes of the body that are sent before; None stops before the headers.
        reached: set when the client waits.
    """

    after: int | None = None
    reached: threading.Event = field(factory=threading.Event)
    released: threading.Event = field(factory=threading.Event)

    def __call__(self, request: Request, handle: Handle) -> Answer:
        was = handle()
        if self.after is None:
            return evolve(was, before=self._wait)
        after = self.after

        def pieces(content: bytes) -> Iterable[bytes]:
            yield content[:after]
            self._wait()
            yield content[after:]

        return _paced(pieces)(request, lambda: was)

    def _wait(self) -> None:
        self.reached.set()
        self.released.wait(120)


def _paced(pieces: Callable[[bytes], Iterable[bytes]]) -> Fault:
    def fault(request: Request, handle: Handle) -> Answer:
        was = _with_length(handle())
        return evolve(was, body=pieces(cast("bytes", was.body)))

    return fault


def _with_length(was: Answer) -> Answer:
    return evolve(was, headers=was.headers | {"Content-Length": str(len(cast("bytes", was.body)))})


def _map_body(was: Answer, change: Callable[[bytes], bytes]) -> Answer:
    kept = {name: value for name, value in was.headers.items() if name.lower() != "content-length"}
    return evolve(was, headers=kept, body=change(cast("bytes", was.body)))
