# SPDX-License-Identifier: LGPL-2.1-or-later
"""The double without a socket: a transport for httpx's clients, sync and async.

The server works in a thread of its own, so that a fault that waits ends with the client's read timeout,
and holds up no event loop.
"""

import asyncio
import contextlib
import operator
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from email.message import Message
from typing import TypeVar

import httpx

from hawkbit_testing.wire import Answer, CutError, Request, sent

T = TypeVar("T")
#: Headers that speak of a connection, which there is none.
HOP_BY_HOP = {"transfer-encoding", "connection"}


class Transport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Carries requests to a server in the same process, whatever host they name.

    Timeouts of the client bound each wait, as on a socket; an answer of raw bytes is a `RemoteProtocolError`.
    """

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        self._answer = answer

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request.

        Raises:
            httpx.TransportError: a fault cuts the connection, or the server takes too long.
        """
        asked = _asked(request, request.read())
        wait = _Wait(request)
        answer = wait(lambda: _begun(self._answer(asked)))
        return _response(answer, request, _Body(answer, wait))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request.

        Raises:
            httpx.TransportError: a fault cuts the connection, or the server takes too long.
        """
        asked = _asked(request, await request.aread())
        wait = _Wait(request)
        answer = await wait.asynchronously(lambda: _begun(self._answer(asked)))
        return _response(answer, request, _Body(answer, wait))


class _Wait:
    """Runs calls in a thread and waits no longer than the client's read timeout."""

    def __init__(self, request: httpx.Request) -> None:
        self._request = request
        self._timeout = request.extensions.get("timeout", {}).get("read")

    @property
    def _seconds(self) -> float | None:
        """How long one wait may take. The timeout may be anything that a socket takes, such as a number that shrinks."""
        if self._timeout is None or isinstance(self._timeout, float):
            return self._timeout
        return operator.index(self._timeout)

    def __call__(self, call: Callable[[], T]) -> T:
        with self._told():
            return _in_thread(call).result(self._seconds)

    async def asynchronously(self, call: Callable[[], T]) -> T:
        with self._told():
            return await asyncio.wait_for(asyncio.wrap_future(_in_thread(call)), self._seconds)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            raise httpx.ReadTimeout("The read operation timed out", request=self._request) from None
        except CutError as cut:
            text = str(cut) or "peer closed connection without sending complete message body"
            raise httpx.RemoteProtocolError(text, request=self._request) from None


class _Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    def __init__(self, answer: Answer, wait: _Wait) -> None:
        self._pieces = _received(answer)
        self._wait = wait

    def __iter__(self) -> Iterator[bytes]:
        while (piece := self._wait(lambda: next(self._pieces, None))) is not None:
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (piece := await self._wait.asynchronously(lambda: next(self._pieces, None))) is not None:
            yield piece


def _in_thread(call: Callable[[], T]) -> "Future[T]":
    future: Future[T] = Future()

    def run() -> None:
        future.set_running_or_notify_cancel()
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001  it is the caller's
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def _asked(request: httpx.Request, body: bytes) -> Request:
    headers = Message()
    for name, value in request.headers.raw:
        headers[name.decode("latin-1")] = value.decode("latin-1")
    base = f"{request.url.scheme}://{request.headers['Host']}"
    return Request(request.method, request.url.raw_path.decode("ascii"), headers, body, base)


def _begun(answer: Answer) -> Answer:
    if answer.before:
        answer.before()
    if answer.silent:
        raise CutError("Server disconnected without sending a response.")
    if answer.raw is not None:
        raise CutError("the server sent something else than an answer")
    return answer


def _response(answer: Answer, request: httpx.Request, body: _Body) -> httpx.Response:
    headers = [
        (name.encode(), value.encode("latin-1"))
        for name, value in answer.headers.items()
        if name.lower() not in HOP_BY_HOP
    ]
    if isinstance(answer.body, bytes) and not answer.chunked and answer.length is None:
        headers.append((b"Content-Length", b"%d" % len(answer.body)))
    stream = httpx.ByteStream(b"") if request.method == "HEAD" else body
    return httpx.Response(answer.status, headers=headers, stream=stream, request=request)


def _received(answer: Answer) -> Iterator[bytes]:
    """Yield what a client would take for the body, which is no more than is announced. Raises: CutError."""
    left = int(answer.length) if answer.length and answer.length.isdigit() else None
    for part in sent(answer):
        yield part if left is None else part[:left]
        if left is not None:
            left -= len(part)
            if left <= 0 and answer.cut is None:
                return
