# SPDX-License-Identifier: LGPL-2.1-or-later
"""A file server on a real socket that honours ranges, and lies or fails as a script says."""

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import BinaryIO, Self

from attrs import define, field, frozen


@frozen
class Fault:
    """What is different about one answer.

    Attributes:
        status: instead of what the request deserves; then `body` is sent as it is.
        body: instead of the file.
        headers: added or replaced, by lower-case name; None takes one away.
        ignore_range: answer 200 with the whole file.
        chunked: send it chunked, without a length.
        cut: close the connection after this many bytes of the body; -1 before the headers.
        stall: send nothing more after this many bytes of the body; -1 no headers.
        piece, pause: send this many bytes at a time and wait that many seconds after each.
        drip: send the headers a byte at a time with `pause` after each.
    """

    status: int | None = None
    body: bytes | None = None
    headers: Mapping[str, str | None] = field(factory=dict)
    ignore_range: bool = False
    chunked: bool = False
    cut: int | None = None
    stall: int | None = None
    piece: int = 65536
    pause: float = 0.0
    drip: bool = False


@frozen
class Request:
    """What a client asked for."""

    target: str
    headers: Mapping[str, str]


@define(eq=False)
class FlakyServer:
    """Serves `data` at any path; the first answers follow `script`, one fault each (None: none)."""

    data: bytes
    script: list[Fault | None] = field(factory=list)
    etag: str | None = '"v1"'
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(factory=list)
    sent: int = 0
    stalled: threading.Event = field(factory=threading.Event)
    hung_up: threading.Event = field(factory=threading.Event)
    _ended: threading.Event = field(factory=threading.Event)
    _restarting: threading.Event = field(factory=threading.Event)
    _listener: socket.socket = field(init=False)

    def __enter__(self) -> Self:
        self._listen(0)
        return self

    def _listen(self, port: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", port))
        # What the client never reads shall not count as sent.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        threading.Thread(target=self._accept, daemon=True).start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._hang_up()

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def restart(self, away: float) -> None:
        """Take no new connection for so many seconds; an answer that is being sent breaks off."""
        port = self._listener.getsockname()[1]
        self._restarting.set()
        self._hang_up()
        self._ended.wait(away)
        self._restarting.clear()
        self._listen(port)

    @property
    def url(self) -> str:
        scheme = "https" if self.tls else "http"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}/bundle.raucb"

    @property
    def ranges(self) -> list[str | None]:
        return [request.headers.get("range") for request in self.requests]

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as lines:
                while request := self._read(lines):
                    self.requests.append(request)
                    fault = self.script.pop(0) if self.script else None
                    if not self._answer(connection, request, fault or Fault()):
                        return
        except OSError:
            self.hung_up.set()

    @staticmethod
    def _read(lines: BinaryIO) -> Request | None:
        first = lines.readline().decode()
        if not first.strip():
            return None
        headers = {}
        while (line := lines.readline().decode("latin-1").strip()) != "":
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return Request(first.split()[1], headers)

    def _honest(self, request: Request, fault: Fault) -> tuple[int, dict[str, str | None], bytes]:
        headers: dict[str, str | None] = {"content-type": "application/octet-stream", "etag": self.etag}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
        condition = request.headers.get("if-range")
        if fault.ignore_range or not wanted or (condition is not None and condition != self.etag):
            return 200, headers, self.data
        start, size = int(wanted[1]), len(self.data)
        if start >= size:
            return 416, {**headers, "content-range": f"bytes */{size}"}, b""
        end = min(int(wanted[2] or size - 1), size - 1)
        return 206, {**headers, "content-range": f"bytes {start}-{end}/{size}"}, self.data[start : end + 1]

    def _answer(self, connection: socket.socket, request: Request, fault: Fault) -> bool:
        """Send one answer; whether the connection may go on."""
        status, headers, body = self._honest(request, fault)
        if fault.status is not None:
            status, headers, body = fault.status, {}, b""
        body = body if fault.body is None else fault.body
        framing = {"transfer-encoding": "chunked"} if fault.chunked else {"content-length": str(len(body))}
        headers = {**headers, **framing, **fault.headers}
        head = f"HTTP/1.1 {status} X\r\n"
        head += (
            "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value is not None) + "\r\n"
        )
        if fault.cut == -1:
            return False
        if fault.stall == -1:
            return self._stall(connection)
        for piece in [bytes([byte]) for byte in head.encode()] if fault.drip else [head.encode()]:
            connection.sendall(piece)
            if fault.drip and self._ended.wait(fault.pause):
                return False
        self._send_body(connection, body, fault)
        if fault.stall is not None:
            return self._stall(connection)
        return fault.cut is None and "content-length" not in fault.headers

    def _send_body(self, connection: socket.socket, body: bytes, fault: Fault) -> None:
        end = min((n for n in (fault.cut, fault.stall) if n is not None), default=len(body))
        for at in range(0, min(end, len(body)), fault.piece):
            piece = body[at : min(at + fault.piece, end)]
            connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if fault.chunked else piece)
            self.sent += len(piece)
            if self._restarting.is_set():
                raise ConnectionError
            if fault.pause and self._ended.wait(fault.pause):
                return
        if fault.chunked and fault.cut is None and fault.stall is None:
            connection.sendall(b"0\r\n\r\n")

    def _stall(self, connection: socket.socket) -> bool:
        self.stalled.set()
        connection.settimeout(30)
        connection.recv(1)
        self.hung_up.set()
        return False
