# SPDX-License-Identifier: LGPL-2.1-or-later
# Edited in spec/handwritten/ and copied from there by scripts/regenerate.
"""The client: one controller of one tenant on one server."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import cached_property
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar, cast

import httpx

from . import decoding, links
from .credentials import Credentials, tls_context
from .errors import LinkError, StatusError, UnreadableAnswerError, status_error
from .exchange import SENDING, Body, Deadline, aread, read, transport_errors
from .types import Call, Response

if TYPE_CHECKING:
    from hawkbit_ddi.models import Artifact, Hashes

    from .download import AsyncDownloadStream, Download, DownloadStream

T = TypeVar("T")
Model = TypeVar("Model", bound="_Answer")

DEFAULT_TIMEOUT = httpx.Timeout(60.0, connect=20.0)
"""Seconds to wait for a connection, and for each piece sent or received."""

_HEADERS = {
    "Accept-Encoding": "identity",  # compression breaks the ranges and lengths of downloads, and hides endless answers
    "User-Agent": f"hawkbit-ddi (python-httpx/{httpx.__version__})",
}
_KEEPALIVE = 60.0  # longer than the poll interval while an action runs


class _Answer(Protocol):
    @classmethod
    def from_dict(cls, answer: Mapping[str, Any]) -> Self: ...


class Client:
    """Speaks DDI for one controller, synchronously and asynchronously.

    Use it as a context manager, or call `close` or `aclose`. Nothing is opened before the first request. Redirects
    are not followed, cookies are not kept, `.netrc` is not read.

    Args:
        base_url: The server's address with `http` or `https`, and the path prefix under which it is reached, if any.
        controller_id: The controller's id on the server.
        tenant: The server's tenant; hawkBit ignores its case.
        target_token: The controller's own token.
        gateway_token: The token that all controllers of the tenant share.
        client_certificate: Paths of a certificate and its key in PEM, and the key's password if it has one. Give at
            most one of the three ways to authenticate, and none if a reverse proxy does it.
        verify: True checks the server's certificate as httpx does; a path names a file or folder of other
            authorities; an SSLContext is used as it is; False checks nothing.
        timeout: Seconds for each single wait, or an httpx.Timeout.
        total_timeout: Seconds that one whole answer may take; streams and downloads have no such limit.
        proxy: The URL of a proxy for all requests: `http://`, `https://` or `socks5://`, with user and password if
            it wants them.
        headers: Further headers, sent like the credentials to the configured origin only.
        trust_env: Whether to obey the environment's proxy and certificate variables.
        transport: Another transport for `http`, in tests for instance.
        async_transport: Another transport for `async_http`.

    Raises:
        ValueError: an argument can't work; the message says why.
    """

    def __init__(
        self,
        base_url: str,
        controller_id: str,
        *,
        tenant: str = "DEFAULT",
        target_token: str | None = None,
        gateway_token: str | None = None,
        client_certificate: tuple[str, str] | tuple[str, str, str | None] | None = None,
        verify: bool | str | ssl.SSLContext = True,
        timeout: httpx.Timeout | float = DEFAULT_TIMEOUT,
        total_timeout: float = 120.0,
        proxy: str | None = None,
        headers: Mapping[str, str] | None = None,
        trust_env: bool = True,
        transport: httpx.BaseTransport | None = None,
        async_transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        if sum(c is not None for c in (target_token, gateway_token, client_certificate)) > 1:
            raise ValueError("give only one of target_token, gateway_token and client_certificate")
        self.base_url = links.base(base_url)
        """The server's address with its path prefix, without a slash at the end."""
        self.controller_id = links.identifier(controller_id, "the controller id")
        """The controller's id."""
        self.tenant = links.identifier(tenant, "the tenant")
        """The server's tenant."""
        self._root = f"/{links.segment(tenant)}/controller/v1/{links.segment(controller_id)}"
        self._credentials = Credentials(self.base_url, target_token, gateway_token, headers or {})
        self._certificate = client_certificate
        self._verify = verify
        self._timeout = timeout if isinstance(timeout, httpx.Timeout) else httpx.Timeout(timeout)
        self._total_timeout = total_timeout
        self._proxy = None if proxy is None else links.proxy(proxy)
        self._trust_env = trust_env
        self._transport = transport
        self._async_transport = async_transport
        if client_certificate or isinstance(verify, str):
            _ = self.ssl_context  # mistakes in files are told now

    def __repr__(self) -> str:
        """Name server, tenant and controller, and no secret."""
        return f"Client({self.base_url!r}, {self.controller_id!r}, tenant={self.tenant!r})"

    @cached_property
    def ssl_context(self) -> ssl.SSLContext:
        """The one TLS context of all connections."""
        return tls_context(self._verify, self._certificate, trust_env=self._trust_env)

    @cached_property
    def http(self) -> httpx.Client:
        """The synchronous httpx client: for whatever is neither an operation nor a download.

        It adds the credentials to requests for the configured origin and takes them off all others, redirects
        included.
        """
        return httpx.Client(
            transport=self._transport,
            event_hooks={"request": [self._credentials.guard]},
            **self._http_options(),
        )

    @cached_property
    def async_http(self) -> httpx.AsyncClient:
        """The asynchronous httpx client; see `http`."""
        return httpx.AsyncClient(
            transport=self._async_transport,
            event_hooks={"request": [self._credentials.aguard]},
            **self._http_options(),
        )

    def _http_options(self) -> dict[str, Any]:
        # httpx up to 0.25 calls it `proxies`.
        keyword = "proxy" if "proxy" in (httpx.Client.__init__.__kwdefaults__ or {}) else "proxies"
        return {
            "auth": httpx.Auth(),  # does nothing, and keeps httpx from looking into .netrc and URLs
            "cookies": CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            "follow_redirects": False,
            "headers": _HEADERS,
            "limits": httpx.Limits(keepalive_expiry=_KEEPALIVE),
            "timeout": self._timeout,
            "trust_env": self._trust_env,
            "verify": self.ssl_context,
            keyword: self._proxy,
        }

    def close(self) -> None:
        """Close the synchronous connections."""
        if "http" in self.__dict__:
            self.http.close()

    async def aclose(self) -> None:
        """Close the asynchronous connections."""
        if "async_http" in self.__dict__:
            await self.async_http.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # Links

    def rebase(self, href: str) -> str:
        """Return the URL at which a link of the server is to be fetched.

        A link to the controller's own path is rebuilt on the configured base URL, as servers behind proxies often
        name themselves wrongly. Any other is returned as it is, for artifacts on other hosts.

        Raises:
            LinkError: it is no http or https link.
        """
        path = links.own_path(href, self.tenant, self.controller_id)
        if path is not None:
            return self._url(path)
        if links.is_web_link(href):
            return href
        raise LinkError(f"the link {links.presentable(href)!r} is no http or https link")

    def follow(self, href: str, model: type[Model], *, action_history: int | None = None) -> Model:
        """Fetch what a link of the server leads to, by way of the configured origin.

        Args:
            href: The link, such as `base.links["deploymentBase"].href`, with its query.
            model: The class of the answer, such as `DeploymentBase`.
            action_history: How many of the newest messages of the action's history to ask for, at most 100.

        Returns:
            The answer.

        Raises:
            LinkError: the link is not below this controller's own path.
            StatusError: the server refused; one subclass for each status.
            UnreadableAnswerError: the answer is not what DDI says.
            TransportError: there was no answer.
        """
        return self.send(self._link(href, model, action_history)).parsed

    async def afollow(self, href: str, model: type[Model], *, action_history: int | None = None) -> Model:
        """Do as `follow` does, asynchronously."""
        return (await self.asend(self._link(href, model, action_history))).parsed

    def _link(self, href: str, model: type[Model], action_history: int | None) -> Call[Model]:
        path = links.own_path(href, self.tenant, self.controller_id)
        if path is None:
            raise LinkError(f"the link {links.presentable(href)!r} is not below this controller's own path")
        if action_history is not None:
            path = links.with_query(path, "actionHistory", str(action_history))
        return Call("GET", path, decoding.read_object(model.from_dict))

    # Downloads

    @contextmanager
    def download_stream(
        self,
        source: Artifact | str,
        *,
        start: int = 0,
        etag: str | None = None,
        size: int | None = None,
        hashes: Hashes | None = None,
    ) -> Iterator[DownloadStream]:
        """Fetch a file and give its bytes as they arrive; size and hash are checked at the end of the iteration.

        Links to the controller's own path are fetched from the configured origin, all others as they are and
        without the credentials. Redirects are followed, but none from https to http.

        Args:
            source: An artifact, or a link. Give the link if the chunk is `encrypted`: size and hashes of its
                artifacts describe other bytes than are sent.
            start: How many bytes to leave out at the beginning. The hash can't be checked then. The server may send
                all of the file nevertheless: the stream's `position` tells.
            etag: The tag of the file whose first bytes are here already, exactly as received. If the server has
                another file now, it sends all of it, and `position` is 0.
            size: The bytes that the file must have; if left out, the artifact's.
            hashes: The hashes that the file must have, of which the strongest counts; if left out, the artifact's.

        Returns:
            The file; iterate over it, once.

        Raises:
            MismatchError: size or hash are not the announced ones.
            LinkError: the artifact has no link, or it is no http or https link.
            StatusError: the server refused; one subclass for each status.
            UnreadableAnswerError: the answer is not the file.
            TransportError: there was no answer, or it broke off.
            ValueError: `start` is negative.
        """
        from . import download  # noqa: PLC0415  # only programs that download have to load it

        with download.stream(self, source, size, hashes, start, etag) as file:
            yield file

    @asynccontextmanager
    async def adownload_stream(
        self,
        source: Artifact | str,
        *,
        start: int = 0,
        etag: str | None = None,
        size: int | None = None,
        hashes: Hashes | None = None,
    ) -> AsyncIterator[AsyncDownloadStream]:
        """Do as `download_stream` does, asynchronously."""
        from . import download  # noqa: PLC0415

        async with download.astream(self, source, size, hashes, start, etag) as file:
            yield file

    def download(
        self,
        source: Artifact | str,
        path: str | os.PathLike[str],
        *,
        size: int | None = None,
        hashes: Hashes | None = None,
    ) -> Download:
        """Fetch a file onto the disk, going on with what a former call left there.

        The bytes are collected beside the file's place, in `NAME.part`, with the tag in `NAME.part.etag`. The file
        gets its name, in place of an older one, when it is complete and right. Call again after an error: the
        request then asks for what is missing (Range, If-Range). Bytes of a former call count only if a hash or the tag
        can tell that they belong to the file; if they turn out wrong, all is fetched anew, once.

        Args:
            source: An artifact, or a link; see `download_stream`.
            path: The path of the complete file.
            size: The bytes that the file must have; if left out, the artifact's.
            hashes: The hashes that the file must have, of which the strongest counts; if left out, the artifact's.

        Returns:
            What was fetched, with its size, tag and hash.

        Raises:
            OSError: the disk can't keep the file.
            DdiError: as for `download_stream`.
        """
        from . import part  # noqa: PLC0415

        return part.save(self, source, size, hashes, path)

    async def adownload(
        self,
        source: Artifact | str,
        path: str | os.PathLike[str],
        *,
        size: int | None = None,
        hashes: Hashes | None = None,
    ) -> Download:
        """Do as `download` does, asynchronously; threads wait for the disk."""
        from . import part  # noqa: PLC0415

        return await part.asave(self, source, size, hashes, path)

    # Operations

    def send(self, call: Call[T]) -> Response[T]:
        """Do one operation and return its answer; the functions of `hawkbit_ddi.api` call this.

        Raises:
            StatusError: the server refused; one subclass for each status.
            UnreadableAnswerError: the answer is not what DDI says.
            TransportError: there was no answer.
        """
        return cast(Response[T], self.send_tagged(call))

    async def asend(self, call: Call[T]) -> Response[T]:
        """Do as `send` does, asynchronously."""
        return cast(Response[T], await self.asend_tagged(call))

    def send_tagged(self, call: Call[T]) -> Response[T | None]:
        """Do one operation that may carry If-None-Match; `parsed` is None after 304. Raises as `send`."""
        deadline = Deadline(self._total_timeout, self._timeout.read)
        with transport_errors(call.name), self._opened(call, read=deadline) as answer:
            body = read(answer)
        return self._result(call, answer, body)

    async def asend_tagged(self, call: Call[T]) -> Response[T | None]:
        """Do as `send_tagged` does, asynchronously."""
        import asyncio  # noqa: PLC0415  # as costly as httpx itself, and not needed by synchronous callers

        with transport_errors(call.name):
            try:
                async with asyncio.timeout(self._total_timeout), self._aopened(call) as answer:
                    body = await aread(answer)
            except TimeoutError:
                raise TimeoutError("the answer takes too long to arrive") from None
        return self._result(call, answer, body)

    @contextmanager
    def stream(self, call: Call[Any]) -> Iterator[httpx.Response]:
        """Do one operation and give its 2xx answer, the body not yet read. Raises as `send`."""
        with transport_errors(call.name), self._opened(call) as answer:
            if not answer.is_success:
                raise self._refusal(call.name, answer, read(answer))
            yield answer

    @asynccontextmanager
    async def astream(self, call: Call[Any]) -> AsyncIterator[httpx.Response]:
        """Do as `stream` does, asynchronously."""
        with transport_errors(call.name):
            async with self._aopened(call) as answer:
                if not answer.is_success:
                    raise self._refusal(call.name, answer, await aread(answer))
                yield answer

    @contextmanager
    def _opened(self, call: Call[Any], **timeouts: Any) -> Iterator[httpx.Response]:
        with transport_errors(call.name, SENDING):
            answer = self.http.send(self._request(self.http, call, **timeouts), stream=True)
        try:
            yield answer
        finally:
            answer.close()

    @asynccontextmanager
    async def _aopened(self, call: Call[Any]) -> AsyncIterator[httpx.Response]:
        with transport_errors(call.name, SENDING):
            answer = await self.async_http.send(self._request(self.async_http, call), stream=True)
        try:
            yield answer
        finally:
            await answer.aclose()

    def _request(
        self, http: httpx.Client | httpx.AsyncClient, call: Call[Any], **timeouts: Any
    ) -> httpx.Request:
        path = call.path
        for name, value in call.params.items():
            path = links.with_query(path, name, value)
        headers = {"Accept": "application/json", **call.headers}
        content = None
        if call.body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(call.body).encode()
        return http.build_request(
            call.method,
            self._url(path),
            headers=headers,
            content=content,
            extensions={"timeout": {**self._timeout.as_dict(), **timeouts}},
        )

    def _url(self, path: str) -> str:
        return self.base_url + self._root + path

    def _result(self, call: Call[T], answer: httpx.Response, body: Body) -> Response[T | None]:
        content, problem = body.content(answer)
        parsed: T | None = None
        if answer.status_code != 304 or "If-None-Match" not in call.headers:
            if not answer.is_success:
                raise self._refusal(call.name, answer, body)
            try:
                if problem:
                    raise ValueError(problem)  # noqa: TRY301
                parsed = call.read(content)
            except ValueError as error:
                raise UnreadableAnswerError(
                    f"the answer {answer.status_code} to {call.name} can't be read: {error}",
                    status=answer.status_code,
                    headers=answer.headers,
                    content=content,
                ) from None
        return Response(answer.status_code, answer.headers, content, parsed)

    def _refusal(self, what: str, answer: httpx.Response, body: Body) -> StatusError:
        content, _ = body.content(answer)
        clean = self._credentials.without_secrets
        return status_error(what, answer.status_code, answer.headers, content, clean)
