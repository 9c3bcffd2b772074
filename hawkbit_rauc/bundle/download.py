# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bytes to the disk: one bundle, received, hashed and written in one pass, resumed, made durable.

httpx does headers, redirects, TLS and the pool, in a thread of our own; the body comes from the
connection's own socket if that gives exactly the body's bytes. `ranges` decides what a server's answers mean,
`part_file` what is on the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
from attrs import define, frozen

from hawkbit_rauc.bundle import ranges, redirects
from hawkbit_rauc.bundle.hashed_file import BLOCK
from hawkbit_rauc.bundle.part_file import Part, files_beside
from hawkbit_rauc.errors import DownloadError, MismatchError, OfferGoneError, PassingError
from hawkbit_rauc.model import Artifact
from hawkbit_rauc.net.threads import in_thread
from hawkbit_rauc.net.urls import shown
from hawkbit_rauc.ports import Progress

log = logging.getLogger(__name__)

#: Requests after the first one within one fetch; then the story polls before it goes on.
RESUMES = 3
#: Seconds between two reports of the progress.
TICK = 0.25
#: Seconds before a resume within one fetch.
PAUSE = 1.0
#: Seconds of a standstill that may be made up for above the speed limit.
CATCH_UP = 0.05
#: Seconds of silence that end an exchange if the configuration bounds them in no way.
_LONGEST_SILENCE = 3600.0


@frozen
class Downloads:
    """Implements `ports.Downloads` over HTTP.

    Args:
        location: where the bundle will lie.
        http: sends the requests; it knows where credentials may go, and its timeouts count.
        resume: go on with a part that is there already, rather than start over.
        speed_limit: bytes per second, 0 for none.
        low_speed_time, low_speed_rate: give up when fewer bytes per second than the rate arrived over
            this many seconds; 0 for never (curl's LOW_SPEED_TIME and LOW_SPEED_LIMIT).
        boot_id: of this boot: of a part that another boot has written, only what was safely on the disk counts.
    """

    location: Path
    http: httpx.Client
    resume: bool = True
    speed_limit: int = 0
    low_speed_time: float = 0
    low_speed_rate: float = 0
    boot_id: str = ""

    async def fetch(self, artifact: Artifact, progress: Progress, *, ahead: bool = False) -> Path:  # noqa: ARG002
        """Bring a bundle to the disk, verified and durable; what is there already is resumed.

        Args:
            artifact: what to fetch; its hash and size are checked unless hawkBit decrypts it on the way.
            progress: told the bytes that are here and the total (0: unknown) four times a second at most.
            ahead: of its installation; it goes to the disk in any case.

        Returns:
            The location.

        Raises:
            DownloadError: it did not arrive, or can't be written; what is here is kept for a resume.
            MismatchError: it arrived, but hash or size are not the announced ones.
            SpaceError: there is too little room.
            OfferGoneError: 404 or 410 (DDI: canceled or closed meanwhile).
        """
        loop, stop = asyncio.get_running_loop(), threading.Event()

        def tell(done: int, total: int) -> None:
            if not stop.is_set():  # what was under way when the fetch was cancelled
                progress(done, total)

        def report(done: int, total: int) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(tell, done, total)

        transfer = _Transfer(self, artifact, stop, _Pace(self, artifact, stop, report))
        running = asyncio.ensure_future(in_thread(transfer.run))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            transfer.interrupt()  # a thread can't be cancelled: it is woken, and abandoned if it does not end
            await asyncio.wait({running}, timeout=1.0)
            if not running.cancel() and not running.cancelled():
                running.exception()  # nobody else will ask for it
            raise

    def discard(self, *, older_than: float = 0) -> None:
        """Remove the bundle, its part and the note, if older than so many seconds; nothing to remove is fine."""
        for path in (self.location, *files_beside(self.location)):
            try:
                if not older_than or time.time() - path.lstat().st_mtime > older_than:
                    path.unlink()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                log.warning("can't remove %s: %s", path, error.strerror)


# ---------------------------------------------------------------- the transfer


@frozen
class _Cut:
    """The exchange ended early; what arrived is on the disk."""

    why: str


class _Patience:
    """A read timeout in whole seconds that shrinks until the headers are here.

    httpx bounds each read, not all of them: a server that sends a header's letter from time to time would hold a
    thread for ever. httpcore hands the timeout to `socket.settimeout` before each read, which asks for `__index__`.
    """

    def __init__(self, single: float) -> None:
        self.single = single
        self.end = time.monotonic() + single

    def __index__(self) -> int:
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return max(1, math.ceil(min(left, self.single)))


class _Pace:
    """Tells the progress, holds the speed limit, and gives up on a connection that hardly moves.

    Args:
        settings: the limits.
        artifact: what is fetched.
        stop: set to end a pause.
        report: told the bytes that are here, and the total.
    """

    def __init__(
        self,
        settings: Downloads,
        artifact: Artifact,
        stop: threading.Event,
        report: Callable[[int, int], None],
    ) -> None:
        self._settings = settings
        self._url = artifact.url
        self._stop = stop
        self.report = report
        self._reported = -math.inf
        #: When the speed limit allows the next block.
        self._due = 0.0
        #: Since when, and with how many bytes here, the low speed is measured.
        self._window = (0.0, 0)

    def begin(self, have: int) -> None:
        """Start the clocks of one exchange."""
        self._due = time.monotonic()
        self._window = (self._due, have)

    def keep(self, have: int, total: int | None, count: int) -> None:
        """Take notice of a block, and wait until the next one may come.

        Args:
            have: bytes that are here.
            total: bytes of the whole, None if that is not known.
            count: bytes of the block.

        Raises:
            DownloadError: too few bytes came for too long.
        """
        now = time.monotonic()
        if now - self._reported >= TICK:
            self._reported = now
            self.report(have, total or 0)
        if self._settings.speed_limit:
            self._due = max(self._due, now - CATCH_UP) + count / self._settings.speed_limit
            self._stop.wait(max(0.0, self._due - now))
        begun, had = self._window
        if self._settings.low_speed_time and now - begun >= self._settings.low_speed_time:
            rate = (have - had) / (now - begun)
            if rate < self._settings.low_speed_rate:
                place = shown(self._url)
                raise DownloadError(f"{place}: only {rate:.0f} bytes per second for {now - begun:.0f} s")
            self._window = (now, have)


@define(eq=False)
class _Transfer:
    """One fetch, in a thread of its own."""

    settings: Downloads
    artifact: Artifact
    stop: threading.Event
    pace: _Pace
    connection: socket.socket | None = None

    def interrupt(self) -> None:
        """Have the thread end soon; called from another one."""
        self.stop.set()
        if self.connection is not None:
            with contextlib.suppress(OSError):
                # Not the ssl module's own shutdown, after which the thread would read on without TLS.
                socket.socket.shutdown(self.connection, socket.SHUT_RDWR)

    def run(self) -> Path:
        """Fetch. Raises as `Downloads.fetch`."""
        bundle = Part(self.settings.location, self.artifact, self.stop, self.settings.boot_id)
        try:
            if not bundle.open(resume=self.settings.resume):
                self._fill(bundle)
                bundle.finish()
            self.pace.report(bundle.have, bundle.have)
        finally:
            bundle.close()
        return self.settings.location

    def _fill(self, bundle: Part) -> None:
        """Ask until all bytes are here and right."""
        url = self.artifact.url
        if not url:
            raise DownloadError("the server gives no link from which the bundle can be fetched")
        started_over = False
        for resumes in range(RESUMES + 1):
            before = bundle.have
            meaning = self._exchange(url, bundle)
            trouble: OfferGoneError | PassingError
            go_on, pause = False, 0.0
            match meaning:
                case ranges.Gone():
                    trouble = OfferGoneError(f"{shown(url)} is not there any more")
                    if better := ranges.space_for_plus(url):
                        url, go_on = better, True
                case ranges.Refused():
                    trouble = meaning.error(shown(url))
                case ranges.StartOver():
                    bundle.start_over()
                    trouble, go_on = DownloadError(f"{shown(url)} can't be resumed"), True
                case _Cut():
                    trouble = DownloadError(f"{shown(url)}: {meaning.why}")
                    # A server that gave nothing is not asked again before the next poll.
                    go_on = bundle.have > before and self.settings.resume and bundle.digest is not None
                    pause = PAUSE
                case _:
                    wrong = bundle.wrong()
                    if wrong is None:
                        return
                    # Resumed bytes may be wrong without the server's fault, once: the tail of a part may be torn.
                    go_on = bundle.resumed and not started_over
                    kind = DownloadError if go_on else MismatchError
                    trouble = kind(f"{shown(url)}: {wrong}")
                    bundle.start_over()
                    started_over = True
            if resumes == RESUMES or not go_on:
                raise trouble
            log.info("%s; asking again from %s", trouble, ranges.amount(bundle.have))
            self.stop.wait(pause)

    def _exchange(self, url: str, bundle: Part) -> ranges.Meaning | _Cut:
        """Do one request and take its body; `Take` means that all is here."""
        if bundle.have > 0 and bundle.have == bundle.size:
            # The power was cut between the last byte and the bundle's name: there is nothing to ask for.
            return ranges.Complete()
        bundle.check_room()
        idle = min(
            self.settings.http.timeout.read or _LONGEST_SILENCE,
            self.settings.low_speed_time or _LONGEST_SILENCE,
        )
        patience = _Patience(idle)
        try:
            with contextlib.closing(self._answer(url, bundle, patience)) as answer:
                meaning = ranges.read_answer(answer.status_code, answer.headers, bundle.have, bundle.size)
                if not isinstance(meaning, ranges.Take):
                    return meaning
                patience.end = math.inf
                bundle.begin(meaning, answer.headers.get("etag"), url)
                self.pace.begin(bundle.have)
                for block in self._blocks(answer, meaning, idle, bundle.file.buffers):
                    bundle.append(block)
                    self.pace.keep(bundle.have, bundle.total, len(block))
        # ValueError: httpx and Python's own modules raise it for links and headers that make no sense.
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return _Cut(_why(error, idle))
        if bundle.total is not None and bundle.have < bundle.total:
            return _Cut(f"ended at {ranges.amount(bundle.have)} of {ranges.amount(bundle.total)}")
        return meaning

    def _answer(self, url: str, bundle: Part, patience: _Patience) -> httpx.Response:
        """Send the request and follow redirects."""
        given = self.settings.http.timeout
        timeout = {"connect": given.connect, "read": patience, "write": given.write, "pool": given.pool}
        request = self.settings.http.build_request(
            "GET",
            url,
            headers=ranges.request(bundle.have, bundle.etag),
            extensions={"timeout": timeout, "trace": self._watch},
        )
        return redirects.follow(self.settings.http, request)

    def _watch(self, event: str, info: dict[str, Any]) -> None:
        """Learn the socket from httpcore's trace, to be able to wake a thread that waits for headers."""
        # What has failed is over, and closing has to go on.
        if self.stop.is_set() and "close" not in event and not event.endswith(".failed"):
            raise DownloadError("the download was stopped")
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self.connection = info["return_value"].get_extra_info("socket")

    def _blocks(
        self, answer: httpx.Response, take: ranges.Take, idle: float, buffers: Iterator[memoryview]
    ) -> Iterator[bytes | memoryview]:
        """Give the body in pieces, from the connection's own socket if that is exact, otherwise by httpx.

        httpx's way takes some 50 times the instructions: its pieces are small, and copied.
        """
        pieces = answer.iter_raw()  # kept: dropping it would close the connection
        stream = answer.extensions.get("network_stream")
        if (
            stream is None
            or take.length is None  # chunked: the socket gives the chunks' frames too
            or not answer.http_version.startswith("HTTP/1")
            # TLS inside a TLS proxy: the socket gives the proxy's bytes.
            or isinstance(stream.get_extra_info("ssl_object"), ssl.SSLObject)
        ):
            yield from pieces
            return
        connection = self.connection = stream.get_extra_info("socket")
        piece = next(pieces, b"")  # what httpcore received together with the headers
        yield piece
        left = take.length - len(piece)
        size = BLOCK
        if limit := self.settings.speed_limit:
            size = max(1024, limit // 10)  # a large block would come at once, then nothing for a while
        connection.settimeout(idle)
        while left > 0:
            block = next(buffers)[: min(size, left)]
            filled, error = _receive(connection, block)
            if filled:
                yield block[:filled]
            if error is not None:
                raise error
            left -= filled


def _receive(connection: socket.socket, block: memoryview) -> tuple[int, OSError | None]:
    """Fill a block from a socket; on a slow link, take what came within a quarter of a second.

    Returns:
        How many bytes came, and what ended it early: bytes that came before count all the same.
    """
    filled, until = 0, time.monotonic() + TICK
    try:
        while filled < len(block) and (not filled or time.monotonic() < until):
            count = connection.recv_into(block[filled:])
            if not count:
                return filled, ConnectionError("the connection was closed early")
            filled += count
    except OSError as error:
        return filled, error
    return filled, None


def _why(error: Exception, idle: float) -> str:
    """Say in words why an exchange failed."""
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return "no connection in time"
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return f"nothing (complete) arrived for {idle:.0f} s"
    unusable = httpx.UnsupportedProtocol | httpx.LocalProtocolError | httpx.InvalidURL | ValueError
    if isinstance(error, unusable):
        return "the link can't be used"  # the library's own words may repeat headers or the query
    words = str(error).partition("\n")[0] or type(error).__name__
    return re.sub(r"^\[Errno -?\d+\] ", "", words)
