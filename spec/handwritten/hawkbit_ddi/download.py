# SPDX-License-Identifier: LGPL-2.1-or-later
# Edited in spec/handwritten/ and copied from there by scripts/regenerate.
"""Files as a stream, hashed and checked while they arrive.

`Transfer` says what to ask for and what an answer means (RFC 9110, sections 13.1.5 and 14), without any I/O.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, TypeGuard

import httpx

from .errors import LinkError, MismatchError, TransportError, UnreadableAnswerError
from .exchange import SENDING, apieces, aread, pieces, read, transport_errors
from .links import presentable

if TYPE_CHECKING:
    from hawkbit_ddi.models import Artifact, Hashes, Link

    from .client import Client

_HASHES = {"sha256": 64, "sha1": 40, "md5": 32}  # the strongest first, with their hexadecimal digits
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
_CONTENT_RANGE = re.compile(r"bytes +(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII | re.IGNORECASE)
_UNSATISFIED = re.compile(r"bytes +\*/(\d{1,18})", re.ASCII | re.IGNORECASE)
_REDIRECTS = 5


class Download:
    """One file of the server, on its way or complete."""

    url: str
    """The URL of the file; redirects may lead elsewhere."""

    size: int | None
    """Bytes of the whole file, as announced or as the server says; None as long as neither is known."""

    position: int
    """How many bytes of the file, counted from its beginning, are here or were left out."""

    etag: str | None
    """The file's tag exactly as received; None if there is none."""

    algorithm: str
    """The strongest hash that was announced; `sha256` if none was."""

    @property
    def digest(self) -> str:
        """The hash of what was read, in hexadecimal."""
        return self._hash.hexdigest()

    def __init__(self, url: str, size: int | None, hashes: Hashes | None) -> None:
        self.url, self.size, self.position, self.etag = url, size, 0, None
        self.algorithm, self._expected = _strongest(hashes)
        self._hash = hashlib.new(self.algorithm, usedforsecurity=False)


class Transfer(Download):
    """What to ask for, and what an answer means.

    Args:
        url: The URL of the file.
        size: The bytes that it must have; None if that is not known.
        hashes: The hashes that it must have; the strongest counts. None if they are not known.

    Raises:
        MismatchError: the strongest hash is not a hash at all.
    """

    def __init__(self, url: str, size: int | None, hashes: Hashes | None) -> None:
        super().__init__(url, size, hashes)
        self.name = f"GET {presentable(url)}"
        """How messages name this request."""
        self.stale = False
        """Whether what was read so far is no part of the file, which has to be fetched anew then."""
        self.checked = self._expected is not None
        """Whether a hash will tell if all bytes are right."""
        self._answer: httpx.Response | None = None
        self._from_start = True
        self._hops = 0
        self._respelled = False

    def skip(self, start: int, etag: str | None) -> None:
        """Leave out the first `start` bytes, of the file with this tag; the hash can't be checked then.

        Raises:
            ValueError: `start` is negative.
        """
        if start < 0:
            raise ValueError(f"start must be 0 or more bytes, not {start}")
        self.position, self.etag, self._from_start = start, etag, start == 0

    def headers(self) -> dict[str, str]:
        """Return the headers of the request.

        Even the first request names a range: it leaves no entry in the action's history (hawkBit 0.8 and later).
        If-Range takes strong tags only (RFC 9110, section 13.1.5); up to hawkBit 0.9 they have no quotes.
        """
        headers = {"Accept": "application/octet-stream, */*;q=0.1", "Range": f"bytes={self.position}-"}
        if self.position and is_strong(self.etag):
            headers["If-Range"] = self.etag
        return headers

    def onward(self, answer: httpx.Response) -> httpx.Request | None:
        """Return the request that an answer leads to; None if it is the last answer.

        Redirects are followed, at most 5 and none from https to http. hawkBit writes a space in a file's name as `+`
        into its links, and answers 404 to them: those are asked for once more with `%20`.
        """
        following = answer.next_request
        if following is not None:
            self._hops += 1
            downgraded = answer.url.scheme == "https" != following.url.scheme
            return None if downgraded or self._hops > _REDIRECTS else following
        path, mark, query = answer.url.raw_path.partition(b"?")
        folder, slash, file_name = path.rpartition(b"/")
        if answer.status_code != 404 or b"+" not in file_name or self._respelled:
            return None
        self._respelled = True
        path = folder + slash + file_name.replace(b"+", b"%20")
        request = answer.request
        url = request.url.copy_with(raw_path=path + mark + query)
        return httpx.Request("GET", url, headers=request.headers, extensions=request.extensions)

    def is_refused(self, answer: httpx.Response) -> bool:
        """Tell whether the status is a refusal; 416 is no refusal if it says that all is here."""
        if answer.status_code == 416:
            whole = _UNSATISFIED.fullmatch(answer.headers.get("content-range", "").strip())
            self.stale = self.position != (int(whole[1]) if whole else self.size)
            return self.stale
        return not answer.is_success

    def begin(self, answer: httpx.Response) -> None:
        """Take up the headers of an answer that is no refusal; its body then begins at `position`.

        Raises:
            UnreadableAnswerError: the body is not the file, or not the part of it that was asked for.
            MismatchError: the file's size is not the announced one.
        """
        headers = answer.headers
        length = None if "transfer-encoding" in headers else _number(headers.get("content-length"))
        problem = ""
        if answer.status_code == 416:
            self._has(self.position)
        elif answer.status_code not in {200, 206}:
            problem = "it is no file"
        elif headers.get("content-encoding", "identity").strip().lower() != "identity":
            problem = "it is compressed, which nobody asked for"
        elif answer.status_code == 206:
            problem = self._part(headers, length)
            self.stale = bool(problem)
        elif _is_page(headers) and (length is None or length != self.size):
            problem = "it is a page of HTML"
        else:
            self._has(length)
            self.skip(0, None)
            self._hash = hashlib.new(self.algorithm, usedforsecurity=False)
        if problem:
            sentence = f"the answer {answer.status_code} to {self.name} can't be used: {problem}"
            raise UnreadableAnswerError(sentence, status=answer.status_code, headers=headers, content=b"")
        self.etag = headers.get("etag", self.etag)
        self._answer = answer

    def _part(self, headers: Mapping[str, str], length: int | None) -> str:
        match = _CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
        if match is None:
            return "it doesn't say which part it is"
        first, last, total = int(match[1]), int(match[2]), _number(match[3])
        if first != self.position or last < first or length not in {None, last - first + 1}:
            return f"{match[0]!r} is not the part that was asked for"
        if is_strong(self.etag) and headers.get("etag", self.etag) != self.etag:
            return "it is a part of another file"
        if total is not None and last >= total:
            return f"{match[0]!r} is impossible"
        self._has(total)
        return ""

    def _has(self, size: int | None) -> None:
        if size is not None and self.size is not None and size != self.size:
            raise MismatchError(f"{self.name}: {self.size} bytes were announced, the server has {size}")
        self.size = self.size if size is None else size

    def take(self, piece: bytes) -> None:
        """Count and hash the next bytes of the file.

        Raises:
            MismatchError: the file is longer than it should be.
        """
        if self.size is not None and self.position + len(piece) > self.size:
            self.stale = True
            raise MismatchError(f"{self.name}: there is more than the announced {self.size} bytes")
        self._hash.update(piece)
        self.position += len(piece)

    def end(self) -> None:
        """Check that all is here and right.

        Raises:
            TransportError: bytes are missing.
            MismatchError: the hash is not the announced one.
        """
        if self.size is not None and self.position < self.size:
            raise TransportError(f"{self.name} ended at {self.position} of {self.size} bytes")
        if self._from_start and self._expected not in {None, self.digest}:
            self.stale = True
            raise MismatchError(
                f"{self.name}: {self.algorithm} is {self.digest}, announced was {self._expected}"
            )


class DownloadStream(Transfer):
    """A file whose bytes arrive while one iterates over it, once; at the end size and hash are checked.

    A `Download` that is still going on. The iteration raises TransportError if the connection breaks: `position` and
    `etag` tell how to go on.
    """

    def __iter__(self) -> Iterator[bytes]:
        if self._answer is not None and self._answer.status_code != 416:
            with transport_errors(self.name, outcome="broke off"):
                for piece in pieces(self._answer):
                    self.take(piece)
                    yield piece
        self.end()


class AsyncDownloadStream(Transfer):
    """A file whose bytes arrive while one iterates over it asynchronously; see DownloadStream."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._answer is not None and self._answer.status_code != 416:
            with transport_errors(self.name, outcome="broke off"):
                async for piece in apieces(self._answer):
                    self.take(piece)
                    yield piece
        self.end()


def artifact_link(links: Mapping[str, Link]) -> str | None:
    """Return the link to a file: `download`, else `download-http`, else any that is no checksum's; None if there is none.

    Operators name the relations: stock hawkBit sends `download-http` only, even over TLS.
    """
    for relation in ("download", "download-http", *links):
        if relation in links and not relation.startswith("md5sum"):
            return links[relation].href
    return None


def is_strong(etag: str | None) -> TypeGuard[str]:
    """Tell whether a tag stands for exact bytes and can be sent back; also one without quotes (hawkBit up to 0.9)."""
    if not etag or etag.startswith("W/"):
        return False
    return etag.isascii() and etag.isprintable() and etag == etag.strip()


def _strongest(hashes: Hashes | None) -> tuple[str, str | None]:
    for algorithm, digits in _HASHES.items():
        announced: str | None = getattr(hashes, algorithm, None)
        if announced:
            announced = announced.strip().lower()
            if len(announced) != digits or not set(announced) <= set("0123456789abcdef"):
                raise MismatchError(
                    f"the {algorithm} {presentable(announced)!r} has not {digits} hexadecimal digits"
                )
            return algorithm, announced
    return "sha256", None


def _is_page(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "text/html"


def _number(text: str | None) -> int | None:
    return int(text) if text and _NUMBER.fullmatch(text) else None


def wanted(
    client: Client, source: Artifact | str, size: int | None, hashes: Hashes | None
) -> tuple[str, int | None, Hashes | None]:
    """Return URL, size and hashes of what is to be downloaded; an artifact brings its own.

    Raises:
        LinkError: there is no link that can be fetched.
    """
    if isinstance(source, str):
        return client.rebase(source), size, hashes
    href = artifact_link(source.links)
    if href is None:
        raise LinkError(f"the artifact {presentable(source.filename or '')!r} has no link for a download")
    # A later document may give the size another type.
    announced = source.size if isinstance(source.size, int) else None
    return (
        client.rebase(href),
        announced if size is None else size,
        source.hashes if hashes is None else hashes,
    )


@contextmanager
def stream(
    client: Client,
    source: Artifact | str,
    size: int | None,
    hashes: Hashes | None,
    start: int,
    etag: str | None,
) -> Iterator[DownloadStream]:
    """Do as `Client.download_stream` says."""
    file = DownloadStream(*wanted(client, source, size, hashes))
    file.skip(start, etag)
    with fetched(client, file):
        yield file


@asynccontextmanager
async def astream(
    client: Client,
    source: Artifact | str,
    size: int | None,
    hashes: Hashes | None,
    start: int,
    etag: str | None,
) -> AsyncIterator[AsyncDownloadStream]:
    """Do as `stream` does, asynchronously."""
    file = AsyncDownloadStream(*wanted(client, source, size, hashes))
    file.skip(start, etag)
    async with afetched(client, file):
        yield file


@contextmanager
def fetched(client: Client, file: DownloadStream) -> Iterator[None]:
    """Send the request and have the file ready to be iterated over."""
    with transport_errors(file.name, SENDING):
        request = client.http.build_request("GET", file.url, headers=file.headers())
        answer = client.http.send(request, stream=True)
        while following := file.onward(answer):
            answer.close()
            answer = client.http.send(following, stream=True)
    try:
        if file.is_refused(answer):
            with transport_errors(file.name):
                body = read(answer)
            raise client._refusal(file.name, answer, body)  # noqa: SLF001
        file.begin(answer)
        yield
    finally:
        answer.close()


@asynccontextmanager
async def afetched(client: Client, file: AsyncDownloadStream) -> AsyncIterator[None]:
    """Do as `fetched` does, asynchronously."""
    with transport_errors(file.name, SENDING):
        request = client.async_http.build_request("GET", file.url, headers=file.headers())
        answer = await client.async_http.send(request, stream=True)
        while following := file.onward(answer):
            await answer.aclose()
            answer = await client.async_http.send(following, stream=True)
    try:
        if file.is_refused(answer):
            with transport_errors(file.name):
                body = await aread(answer)
            raise client._refusal(file.name, answer, body)  # noqa: SLF001
        file.begin(answer)
        yield
    finally:
        await answer.aclose()
