# SPDX-License-Identifier: LGPL-2.1-or-later
"""Answers over a real socket that are endless, slow, compressed or cut: bounded in size and time."""

import asyncio
import contextlib
import gzip
import json
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hawkbit_ddi import Client, DdiError, TransportError, UnreadableAnswerError, errors, get_controller_base
from hawkbit_ddi.exchange import MAX_ANSWER

POLL = json.dumps({"config": {"polling": {"sleep": "00:05:00"}}}).encode()
Script = Callable[[socket.socket, threading.Event], None]


@pytest.fixture
def serve() -> Iterator[Callable[[Script], str]]:
    """Starts a server that answers each connection with a script; gives its URL."""
    done = threading.Event()
    with contextlib.ExitStack() as stack:

        def start(script: Script) -> str:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def run() -> None:
                with contextlib.suppress(OSError):
                    while True:
                        connection, _ = listener.accept()
                        with connection, contextlib.suppress(OSError):
                            connection.recv(65536)
                            script(connection, done)

            threading.Thread(target=run, daemon=True).start()
            return f"http://127.0.0.1:{listener.getsockname()[1]}"

        stack.callback(done.set)
        yield start


def poll(url: str, *, asynchronous: bool, **options: Any) -> Any:
    """Poll once."""
    client = Client(url, "dev-1", trust_env=False, **options)
    if not asynchronous:
        with client:
            return get_controller_base.sync_detailed(client=client)

    async def run() -> Any:
        async with client:
            return await get_controller_base.asyncio_detailed(client=client)

    return asyncio.run(run())


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


both = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "asyncio"])


@both
def test_an_endless_body_is_cut_off(serve: Callable[[Script], str], asynchronous: bool) -> None:
    """A body without end is read up to the bound and then refused."""

    def script(connection: socket.socket, done: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not done.is_set():
            connection.sendall(b" " * 65536)

    with pytest.raises(UnreadableAnswerError, match=f"longer than {MAX_ANSWER} bytes") as caught:
        poll(serve(script), asynchronous=asynchronous)
    assert len(caught.value.content) == MAX_ANSWER


@both
def test_an_endless_refusal_is_still_a_refusal(serve: Callable[[Script], str], asynchronous: bool) -> None:
    """The status counts, whatever the body."""

    def script(connection: socket.socket, done: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 410 Gone\r\n\r\n")
        while not done.is_set():
            connection.sendall(b" " * 65536)

    with pytest.raises(errors.GoneError):
        poll(serve(script), asynchronous=asynchronous)


@both
@pytest.mark.parametrize("part", ["status line", "headers", "body", "chunks"])
def test_a_dripping_answer_ends_in_time(
    serve: Callable[[Script], str], part: str, asynchronous: bool
) -> None:
    """One byte now and then, in any part of the answer, holds nobody longer than total_timeout."""
    start = {
        "status line": b"",
        "headers": b"HTTP/1.1 200 OK\r\n",
        "body": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
        "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    }
    drop = {"status line": b"H", "headers": b"x", "body": b" ", "chunks": b"1\r\n \r\n"}

    def script(connection: socket.socket, done: threading.Event) -> None:
        connection.sendall(start[part])
        while not done.wait(0.1):
            connection.sendall(drop[part])

    before = time.monotonic()
    with pytest.raises(TransportError, match="too long"):
        poll(serve(script), asynchronous=asynchronous, total_timeout=1.0)
    assert time.monotonic() - before < 4


@both
def test_silence_ends_in_time(serve: Callable[[Script], str], asynchronous: bool) -> None:
    """A server that accepts and says nothing is given up after the timeout of a single wait."""
    before = time.monotonic()
    with pytest.raises(TransportError, match=r"(?i)tim.*out"):
        poll(serve(lambda _, done: done.wait(10) and None), asynchronous=asynchronous, timeout=1.0)
    assert time.monotonic() - before < 4


@both
@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(POLL, mtime=0)),
        ("x-gzip", gzip.compress(POLL, mtime=0)),
        ("deflate", zlib.compress(POLL)),
        ("identity", POLL),
    ],
)
def test_a_compressed_answer_is_read(
    serve: Callable[[Script], str], encoding: str, body: bytes, asynchronous: bool
) -> None:
    """A proxy may compress although identity was asked for."""
    url = serve(lambda connection, _: connection.sendall(answer(body, f"Content-Encoding: {encoding}")))
    response = poll(url, asynchronous=asynchronous)
    assert response.parsed.config.polling.sleep == "00:05:00"
    assert response.content == POLL


@both
@pytest.mark.parametrize(
    ("encoding", "body", "problem"),
    [
        ("gzip", gzip.compress(b" " * (MAX_ANSWER + 1)), "longer than"),
        ("gzip", gzip.compress(POLL, mtime=0)[:-12], "cut"),
        ("gzip", b"plain", "not compressed as"),
        ("br", b"plain", "unknown way"),
        ("gzip, gzip", b"plain", "unknown way"),
    ],
    ids=["long", "cut", "lie", "unknown", "twice"],
)
def test_a_badly_compressed_answer_is_refused(
    serve: Callable[[Script], str], encoding: str, body: bytes, problem: str, asynchronous: bool
) -> None:
    """Bombs, cuts and unknown compressions are unreadable, and never unpacked beyond the bound."""
    url = serve(lambda connection, _: connection.sendall(answer(body, f"Content-Encoding: {encoding}")))
    with pytest.raises(UnreadableAnswerError, match=problem) as caught:
        poll(url, asynchronous=asynchronous)
    assert len(caught.value.content) <= MAX_ANSWER


def test_a_bomb_is_not_unpacked(serve: Callable[[Script], str]) -> None:
    """400 MiB of blanks in 400 KiB cost no more memory than the bound allows."""
    bomb = answer(gzip.compress(b" " * (MAX_ANSWER * 100)), "Content-Encoding: gzip")
    url = serve(lambda connection, _: connection.sendall(bomb))
    tracemalloc.start()
    with pytest.raises(UnreadableAnswerError, match="longer than"):
        poll(url, asynchronous=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * MAX_ANSWER


HOSTILE = {
    "nothing": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "HTTP/0.9": b"<html></html>",
    "cut headers": b"HTTP/1.1 200 OK\r\nContent-",
    "cut body": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    "cut chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "bad length": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "NUL in header": b"HTTP/1.1 200 OK\r\nX: \0\r\nContent-Length: 2\r\n\r\n{}",
    "huge header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
    "status 99": b"HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n",
    "status 1000": b"HTTP/1.1 1000 High\r\nContent-Length: 0\r\n\r\n",
    "status 101": b"HTTP/1.1 101 Switching\r\n\r\n",
    "bad location": b"HTTP/1.1 302 Found\r\nLocation: https://[::1\r\nContent-Length: 0\r\n\r\n",
    "odd location": b"HTTP/1.1 302 Found\r\nLocation: \xff\xfe://x\r\nContent-Length: 0\r\n\r\n",
    "idna location": b"HTTP/1.1 302 Found\r\nLocation: https://"
    + b"xn--" * 30
    + b"/\r\nContent-Length: 0\r\n\r\n",
    "long location": b"HTTP/1.1 302 Found\r\nLocation: https://h/"
    + b"a" * 70000
    + b"\r\nContent-Length: 0\r\n\r\n",
    "port location": b"HTTP/1.1 302 Found\r\nLocation: https://h:99999999/\r\nContent-Length: 0\r\n\r\n",
    "bad date": b"HTTP/1.1 503 X\r\nRetry-After: Mon, 99 Foo 99999 99:99:99 GMT\r\nContent-Length: 0\r\n\r\n",
    "cookies": b"HTTP/1.1 200 OK\r\nSet-Cookie: \xff=;;;expires=\xfe\r\nContent-Length: 2\r\n\r\n[]",
    "charset": b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=\xff\r\nContent-Length: 2\r\n\r\n[]",
}


@both
@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_answer_ends_in_the_documented_tree(
    serve: Callable[[Script], str], raw: bytes, asynchronous: bool
) -> None:
    """Whatever comes over the wire, a caller who catches DdiError has caught it, with a sentence."""
    with pytest.raises(DdiError) as caught:
        poll(serve(lambda connection, _: connection.sendall(raw)), asynchronous=asynchronous, timeout=5.0)
    assert len(str(caught.value).split()) > 3
    assert "\n" not in str(caught.value)


@both
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1",
        "https://127.0.0.1:1",
        "http://no-such-host.invalid",
        "http://" + "a" * 64 + ".example",
    ],
)
def test_an_unreachable_server_is_a_transport_error(url: str, asynchronous: bool) -> None:
    """Refused connections, unknown and impossible names are told in a sentence."""
    with pytest.raises(TransportError, match=r"got no answer: .+"):
        poll(url, asynchronous=asynchronous, timeout=5.0)


@both
def test_no_tls_where_tls_is_due(serve: Callable[[Script], str], asynchronous: bool) -> None:
    """A plain server under https is a TransportError."""
    url = serve(lambda connection, _: connection.sendall(answer(POLL))).replace("http:", "https:")
    with pytest.raises(TransportError, match=r"(?i)ssl|tls"):
        poll(url, asynchronous=asynchronous, timeout=5.0)
