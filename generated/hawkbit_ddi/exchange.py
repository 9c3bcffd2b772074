# SPDX-License-Identifier: LGPL-2.1-or-later
# Edited in spec/handwritten/ and copied from there by scripts/regenerate.
"""One answer from the network: its body bounded in size and time, its errors translated."""

from __future__ import annotations

import math
import re
import time
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager

import httpx

from .errors import TransportError
from .links import presentable

MAX_ANSWER = 4 * 1024 * 1024
"""The longest body in bytes that is read into memory."""

READING = (httpx.HTTPError, httpx.StreamError, TimeoutError)
"""What goes wrong while an answer is read."""

SENDING = (*READING, httpx.InvalidURL, OSError, ValueError)
"""What goes wrong before that, also below httpx: a redirect to a host name that no resolver takes, for instance."""

_TOO_LONG = f"it is longer than {MAX_ANSWER} bytes"


class Deadline:
    """A read timeout that shrinks, so that an answer that drips in, headers included, ends in time.

    httpcore hands the timeout of a request to `socket.settimeout` before each read, unchanged. That takes
    anything with an `__index__`, and so asks this object how much time is left, in whole seconds.

    Args:
        seconds: How long the whole answer may take.
        single: How long each wait may take; None for as long as the whole answer.
    """

    def __init__(self, seconds: float, single: float | None) -> None:
        self._end = time.monotonic() + seconds
        self._single = seconds if single is None else single

    def __index__(self) -> int:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer takes too long to arrive")
        return max(1, math.ceil(min(left, self._single)))


class Body:
    """Collects the pieces of one body as they come from the network."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._length = 0

    def takes(self, piece: bytes) -> bool:
        """Keep a piece and tell whether to go on: false if the body is too long now."""
        self._pieces.append(piece)
        self._length += len(piece)
        return self._length <= MAX_ANSWER

    def content(self, answer: httpx.Response) -> tuple[bytes, str]:
        """Return what has arrived, decompressed, and what is wrong with it, if anything.

        No compression was asked for; a proxy may compress all the same.
        """
        content = b"".join(self._pieces)[:MAX_ANSWER]
        encoding = answer.headers.get("content-encoding", "").strip().lower()
        if self._length > MAX_ANSWER:
            return content, _TOO_LONG
        decompressed = hasattr(answer, "_content")  # httpx has read it already
        if not content or encoding in {"", "identity"} or decompressed:
            return content, ""
        if encoding not in {"gzip", "x-gzip", "deflate"}:
            return content, "it is compressed in an unknown way"
        try:
            inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip and zlib alike
            plain = inflate.decompress(content, MAX_ANSWER + 1)
        except zlib.error:
            return content, "it is not compressed as its headers say"
        if len(plain) > MAX_ANSWER:
            return plain[:MAX_ANSWER], _TOO_LONG
        return plain, "" if inflate.eof else "it is cut"


def pieces(answer: httpx.Response) -> Iterable[bytes]:
    """Return the body's bytes as they arrive; all at once if a transport for tests has read them already."""
    return [answer.content] if answer.is_stream_consumed else answer.iter_raw()


async def apieces(answer: httpx.Response) -> AsyncIterator[bytes]:
    """Do as `pieces` does, asynchronously."""
    if answer.is_stream_consumed:
        yield answer.content
        return
    async for piece in answer.aiter_raw():
        yield piece


def read(answer: httpx.Response) -> Body:
    """Read an answer's body, and no more of it than MAX_ANSWER allows."""
    body = Body()
    for piece in pieces(answer):
        if not body.takes(piece):
            break
    return body


async def aread(answer: httpx.Response) -> Body:
    """Do as `read` does, asynchronously."""
    body = Body()
    async for piece in apieces(answer):
        if not body.takes(piece):
            break
    return body


@contextmanager
def transport_errors(
    what: str, kinds: tuple[type[Exception], ...] = READING, outcome: str = "got no answer"
) -> Iterator[None]:
    """Turn errors of these kinds into TransportError, whose sentence begins with the request and its outcome."""
    try:
        yield
    except kinds as error:
        # httpx's timeouts often come without words: ConnectTimeout reads "connect timeout".
        reason = presentable(str(error)) or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()
        raise TransportError(f"{what} {outcome}: {reason}") from error
