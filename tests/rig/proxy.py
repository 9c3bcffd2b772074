# SPDX-License-Identifier: LGPL-2.1-or-later
"""A TCP proxy in front of a server, so that a test can take the server away without stopping it."""

import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

CHUNK = 64 * 1024


class Proxy:
    """Forwards connections to `upstream` (host:port) until told otherwise.

    `host` is its own host:port. All methods act on open connections and on new ones.
    """

    def __init__(self, upstream: str) -> None:
        name, port = upstream.rsplit(":", 1)
        self._upstream = (name, int(port))
        self._changed = threading.Condition()
        self._stalled = False
        self._limit: int | None = None
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self._port = 0
        self.connections = 0
        self.received = 0

    def __enter__(self) -> Self:
        self.restore()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()

    @property
    def host(self) -> str:
        """What a configuration names instead of the server."""
        return f"127.0.0.1:{self._port}"

    def cut(self) -> None:
        """Reset all connections and refuse new ones, as when the server's machine is switched off."""
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            self._listener.close()
            self._listener = None
        self.reset()

    def reset(self) -> None:
        """Reset all connections; new ones are welcome."""
        with self._changed:
            for connection in self._open:
                with suppress(OSError):
                    linger = struct.pack("ii", 1, 0)  # closing sends a reset
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    connection.shutdown(socket.SHUT_RDWR)
            self._changed.notify_all()

    def restore(self) -> None:
        """Take connections (again), at the same port; nothing is stalled or limited any more."""
        with self._changed:
            self._stalled = False
            self._limit = None
            self._changed.notify_all()
        if self._listener is None:
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self._port))
            listener.listen(64)
            self._listener = listener
            self._port = listener.getsockname()[1]
            threading.Thread(target=self._accept, args=(listener,), name="proxy", daemon=True).start()

    def stall(self) -> None:
        """Take connections, but forward nothing any more, as a network that swallows packets does."""
        with self._changed:
            self._stalled = True

    def limit(self, count: int) -> None:
        """Let `count` more bytes through from the server, then reset the connections: once.

        `received` counts those that have come through, and `wait_received` waits for them.
        """
        with self._changed:
            self._limit = self.received + count

    def wait_received(self, count: int, timeout: float = 30) -> None:
        """Wait until `count` bytes have come through from the server since the proxy began.

        Raises:
            TimeoutError: if they have not, `timeout` seconds later.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self.received >= count, timeout):
                raise TimeoutError(f"{self.received} bytes came through, not {count}, in {timeout:g} s")

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                self.connections += 1
                try:
                    server = socket.create_connection(self._upstream, timeout=10)
                except OSError:
                    client.close()
                    continue
                server.settimeout(None)
                for connection in (client, server):
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open |= {client, server}
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(
                        target=self._forward, args=(source, sink, source is server), daemon=True
                    ).start()

    def _forward(self, source: socket.socket, sink: socket.socket, down: bool) -> None:
        try:
            with suppress(OSError):
                while data := source.recv(CHUNK):
                    sink.sendall(self._pass(data) if down else self._wait(data))
                    if down and self._limit is not None and self.received >= self._limit:
                        self._limit = None
                        self.reset()
                        return
                sink.shutdown(socket.SHUT_WR)
        finally:
            with self._changed:
                self._open.discard(source)
            source.close()

    def _wait(self, data: bytes) -> bytes:
        with self._changed:
            self._changed.wait_for(lambda: not self._stalled or self._listener is None)
        return data

    def _pass(self, data: bytes) -> bytes:
        self._wait(data)
        with self._changed:
            if self._limit is not None:
                data = data[: max(self._limit - self.received, 0)]
            self.received += len(data)
            self._changed.notify_all()
        return data
