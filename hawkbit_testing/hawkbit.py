# SPDX-License-Identifier: LGPL-2.1-or-later
"""The double: a tenant of hawkBit and the ways to it."""

import re
import ssl
from types import TracebackType
from typing import TYPE_CHECKING, Self

from hawkbit_testing import ddi
from hawkbit_testing.quirks import VERSIONS, Limits, Quirks
from hawkbit_testing.tenant import Tenant
from hawkbit_testing.wire import Exchange, Fault, Request, Web

if TYPE_CHECKING:
    from hawkbit_testing.transport import Transport


class Hawkbit(Tenant):
    """A hawkBit of a given version; safe to drive from any thread while clients talk to it.

    Its `transport` needs no socket; used as a context manager it listens on a loopback socket as well.

    Args:
        version: "0.3" to "1.1".
        sleep: what polls tell as the interval.
        gateway_token: lets every controller of the tenant in, and register itself.
        limits: the quotas.
        ssl_context: serve TLS with this.

    Raises:
        ValueError: the version is none that the double knows.
    """

    def __init__(
        self,
        version: str = VERSIONS[-1],
        *,
        sleep: str = "00:05:00",
        gateway_token: str | None = None,
        limits: Limits | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(Quirks.of(version), limits or Limits(), sleep, gateway_token)
        self._web = Web(lambda request: ddi.respond(self, request), self.changed, ssl_context)

    def __enter__(self) -> Self:
        self._web.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._web.down()

    @property
    def transport(self) -> "Transport":
        """A transport for `httpx.Client` and `httpx.AsyncClient`; it answers for every host."""
        from hawkbit_testing.transport import Transport  # noqa: PLC0415  who uses the socket needs no httpx

        return Transport(self._web.answer)

    @property
    def listening(self) -> bool:
        """Whether there is a socket at `url`."""
        return self._web.listening

    @property
    def url(self) -> str:
        """The server's address. Until it has listened for the first time, only the transport knows it."""
        return self._web.url

    @property
    def host(self) -> str:
        """Host and port of `url`."""
        return self.url.split("://", 1)[1]

    def down(self) -> None:
        """Refuse connections and cut those that are open."""
        self._web.down()

    def up(self) -> None:
        """Listen again, on the same port."""
        self._web.up()

    def fault(self, match: str, fault: Fault, times: int | None = 1) -> None:
        """Let something go wrong with requests to come.

        Args:
            match: regular expression found in "METHOD /path?query".
            fault: one of `hawkbit_testing.faults`, or a function like them.
            times: how often, None for always.
        """
        self._web.fault(match, fault, times)

    def clear_faults(self) -> None:
        """Let everything go right again."""
        self._web.clear_faults()

    def requests(self, match: str = "") -> list[Request]:
        """Return the requests so far whose "METHOD /path?query" matches."""
        return [exchange.request for exchange in self.exchanges(match)]

    def exchanges(self, match: str = "") -> list[Exchange]:
        """Return the requests so far whose "METHOD /path?query" matches, with their answers."""
        with self.changed:
            return [one for one in self._web.exchanges if re.search(match, one.request.line)]

    def wait_for_request(self, match: str, count: int = 1, timeout: float = 30) -> Request:
        """Wait until so many requests matched, and return the last.

        Raises:
            TimeoutError: there were fewer after `timeout` seconds.
        """
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.requests(match)) >= count, timeout):
                lines = [request.line for request in self.requests()]
                raise TimeoutError(f"no {count} requests {match!r} in {timeout} s: {lines[-20:]}")
            return self.requests(match)[-1]
