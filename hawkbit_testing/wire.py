# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests and answers, and the loopback server that carries them over a socket."""

import contextlib
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

from attrs import define, field, frozen


@frozen
class Request:
    """What a controller sent, without the time it takes to read it."""

    method: str
    target: str
    headers: Message
    body: bytes
    base: str

    @property
    def path(self) -> str:
        """The path as sent, without the query."""
        return urlsplit(self.target).path

    @property
    def parts(self) -> list[str]:
        """The path's segments, decoded."""
        return [unquote(part) for part in self.path.split("/")[1:]]

    @property
    def query(self) -> dict[str, str]:
        """The query; the last of doubled keys counts."""
        pairs = parse_qs(urlsplit(self.target).query, keep_blank_values=True)
        return {name: values[-1] for name, values in pairs.items()}

    @property
    def line(self) -> str:
        """Method and target, as faults and waits match them."""
        return f"{self.method} {self.target}"

    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


@define
class Answer:
    """What goes back, to the byte.

    Attributes:
        status: the HTTP status.
        headers: the headers; Content-Length is added unless it is here or the body is chunked.
        body: bytes, or pieces that are produced as they are sent (without a Content-Length of their own:
            give one, or the end of the connection is the end of the body).
        chunked: send with `Transfer-Encoding: chunked`.
        cut: bytes of the body after which the connection is cut; 0 cuts after the headers.
        silent: send nothing at all and cut the connection.
        raw: bytes to send instead of all the rest.
        before: called before anything is sent.
    """

    status: int = 200
    headers: dict[str, str] = field(factory=dict)
    body: bytes | Iterable[bytes] = b""
    chunked: bool = False
    cut: int | None = None
    silent: bool = False
    raw: bytes | None = None
    before: Callable[[], None] | None = None

    @property
    def length(self) -> str | None:
        """What Content-Length says, if it is given."""
        names = {name.lower(): value for name, value in self.headers.items()}
        return names.get("content-length")

    def json(self) -> Any:
        """The decoded body."""
        return json.loads(cast("bytes", self.body))


class CutError(Exception):
    """The connection is to be cut at this point."""


def sent(answer: Answer) -> Iterator[bytes]:
    """Yield the body of an answer as far as it goes, without empty pieces.

    Raises:
        CutError: after the last piece, if the connection is cut then: `cut` says so, or the length that is
            announced is not that of the body.
    """
    left = answer.cut
    for piece in [answer.body] if isinstance(answer.body, bytes) else answer.body:
        part = piece if left is None else piece[:left]
        if part:
            yield part
        if left is not None:
            left -= len(part)
            if left == 0:
                break
    lies = isinstance(answer.body, bytes) and answer.length not in {None, str(len(answer.body))}
    if answer.cut is not None or (lies and not answer.chunked):
        raise CutError


Handle = Callable[[], Answer]
Fault = Callable[[Request, Handle], Answer]


@frozen
class Exchange:
    """A request with what was answered, as the log keeps it."""

    request: Request
    status: int


class Web:
    """What is asked of a server and answered, the faults between, and the socket that both go over.

    Args:
        changed: guards all state, and is notified after each request.
        context: serves TLS.

    Attributes:
        exchanges: all that was asked, in the order of the answers.
    """

    def __init__(
        self,
        respond: Callable[[Request], Answer],
        changed: threading.Condition | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.changed = changed or threading.Condition(threading.RLock())
        self.exchanges: list[Exchange] = []
        self._respond = respond
        self._context = context
        self._faults: list[tuple[re.Pattern[str], Fault, list[int]]] = []
        self._server: _Server | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """The server's address. Until it has listened for the first time, only a transport knows it."""
        scheme = "https" if self._context else "http"
        return f"{scheme}://127.0.0.1:{self._port}" if self._port else f"{scheme}://hawkbit.test"

    @property
    def listening(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    def up(self) -> None:
        """Listen, on the same port again after `down`."""
        self._server = _Server(self, self._port, self._context)
        self._port = self._server.server_address[1]
        serve = self._server.serve_forever
        threading.Thread(target=serve, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def down(self) -> None:
        """Refuse connections and cut those that are open."""
        if self._server is not None:
            server, self._server = self._server, None
            server.shutdown()
            server.server_close()
            server.cut_connections()

    def fault(self, match: str, fault: Fault, times: int | None = 1) -> None:
        """Let something go wrong with requests to come.

        Args:
            match: regular expression found in "METHOD /path?query".
            fault: what happens, see `hawkbit_testing.faults`.
            times: how often, None for always.
        """
        with self.changed:
            self._faults.append((re.compile(match), fault, [times if times is not None else -1]))

    def clear_faults(self) -> None:
        """Let everything go right again."""
        with self.changed:
            self._faults.clear()

    def answer(self, request: Request) -> Answer:
        """Answer one request, by way of the first fault that matches, and note it down."""

        def handle() -> Answer:
            with self.changed:
                return self._respond(request)

        fault = self._take_fault(request)
        answer = fault(request, handle) if fault else handle()
        with self.changed:
            self.exchanges.append(Exchange(request, answer.status))
            self.changed.notify_all()
        return answer

    def _take_fault(self, request: Request) -> Fault | None:
        with self.changed:
            for pattern, fault, left in self._faults:
                if left[0] and pattern.search(request.line):
                    left[0] -= 1
                    return fault
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    block_on_close = False

    def __init__(self, web: Web, port: int, context: ssl.SSLContext | None) -> None:
        self.web = web
        self.context = context
        self.connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Connection)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self.context:
            # The handshake waits for the client, so it belongs into the connection's own thread.
            connection = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self.connections.add(connection)
        return connection, address

    def cut_connections(self) -> None:
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # the client went away


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        pass

    def _do(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        scheme = "https" if self.server.context else "http"
        base = f"{scheme}://{self.headers.get('Host')}"
        request = Request(self.command, self.path, self.headers, body, base)
        self._send(self.server.web.answer(request))

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _do  # noqa: N815  the base class's names

    def _send(self, answer: Answer) -> None:
        if answer.before:
            answer.before()
        if answer.raw is not None:
            self.wfile.write(answer.raw)
        if answer.silent or answer.raw is not None:
            self._cut()
            return
        self.send_response_only(answer.status, None)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif answer.length is None and isinstance(answer.body, bytes):
            self.send_header("Content-Length", str(len(answer.body)))
        elif answer.length is None:
            self.close_connection = True
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self._send_body(answer)

    def _send_body(self, answer: Answer) -> None:
        try:
            for part in sent(answer):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part) if answer.chunked else part)
        except CutError:
            self._cut()
        else:
            if answer.chunked:
                self.wfile.write(b"0\r\n\r\n")

    def _cut(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
