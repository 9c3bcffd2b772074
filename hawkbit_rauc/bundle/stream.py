# SPDX-License-Identifier: LGPL-2.1-or-later
"""No bytes to the disk: RAUC fetches the bundle by itself while it installs.

Before that, both sides are asked whether it can go well: the server has to answer requests for ranges, and RAUC has
to be able to stream. RAUC tries each block for seconds, and a stream that breaks off leaves a half-written slot.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import httpx
from attrs import field, frozen

from hawkbit_rauc.bundle import ranges, redirects
from hawkbit_rauc.errors import DeploymentError, DownloadError, OfferGoneError
from hawkbit_rauc.model import Artifact, Refusal, RemoteBundle
from hawkbit_rauc.net import failures
from hawkbit_rauc.net.threads import in_thread
from hawkbit_rauc.net.urls import origin_of, shown
from hawkbit_rauc.ports import Downloads, Progress, Source

log = logging.getLogger(__name__)


@frozen
class Streams:
    """Implements `ports.Downloads` by leaving the bytes to RAUC.

    Args:
        http: asks whether the server can do it; it knows where a token may go.
        refusal: asks RAUC why it can't stream a bundle; None if it can.
        downloads: fetches a bundle that can't be streamed, if `fallback` is set.
        fallback: whether it does; otherwise the action fails, with the reason.
        origins: where the client certificate may go.
        certificate: client certificate and key, as `model.RemoteBundle` has them.
        authorities: PEM file with the authorities to check servers by, None for RAUC's own.
        verify: whether servers' certificates are checked.
    """

    http: httpx.Client
    refusal: Callable[[RemoteBundle], Awaitable[Refusal | None]]
    downloads: Downloads
    fallback: bool = False
    origins: frozenset[str] = frozenset()
    certificate: tuple[str, str] | None = field(default=None, repr=False)
    authorities: str | None = None
    verify: bool = True

    async def fetch(self, artifact: Artifact, progress: Progress, *, ahead: bool = False) -> Source:
        """See that a bundle can be streamed; its hash is left to RAUC, which checks the signature of what it installs.

        Args:
            artifact: what is to be installed.
            progress: told of a download, if it comes to that.
            ahead: it is not to be installed now, so that there is nothing to stream it into.

        Returns:
            What RAUC is to stream, or the file that it was downloaded to.

        Raises:
            DeploymentError: it can't be streamed, and is not to be downloaded.
            DownloadError: the server does not answer, or refuses.
            MismatchError: it has a file of another size than announced.
            OfferGoneError: 404 or 410 (DDI: canceled or closed meanwhile).
            InstallerError: RAUC can't be asked, or does not get at the bundle.
            PassingError: the download failed.
        """
        if ahead:
            return await self.downloads.fetch(artifact, progress, ahead=True)
        stream, why = await in_thread(self._look, artifact)
        if why is None and (refusal := await self.refusal(stream)):
            # Nobody can be asked: a bundle that is not to be downloaded is RAUC's to refuse (as with the C program).
            why = refusal.why if refusal.certain or self.fallback else None
        if why is None:
            log.info("RAUC will stream %s and check its signature", shown(stream.url))
            return stream
        if not self.fallback:
            raise DeploymentError(f"{why}; set stream_bundle = false or stream_fallback = true")
        log.warning("%s: downloading the bundle instead", why)
        return await self.downloads.fetch(artifact, progress)

    def discard(self, *, older_than: float = 0) -> None:
        """Remove what a download left on the disk."""
        self.downloads.discard(older_than=older_than)

    def _look(self, artifact: Artifact) -> tuple[RemoteBundle, str | None]:
        """Ask the server as RAUC will; blocks.

        Returns:
            The bundle in its last place, and why it can't be streamed, None if the server has nothing against it.
        """
        url = artifact.url
        if not url:
            raise DownloadError("the server gives no link from which the bundle can be streamed")
        size = None if artifact.encrypted else artifact.size
        answer = self._ask(url)
        meaning = ranges.read_answer(answer.status_code, answer.headers, 0, size)
        if isinstance(meaning, ranges.Gone) and (better := ranges.space_for_plus(url)):
            answer = self._ask(better)
            meaning = ranges.read_answer(answer.status_code, answer.headers, 0, size)
        place = shown(str(answer.url))
        if isinstance(meaning, ranges.Gone):
            raise OfferGoneError(f"{place} is not there any more")
        if isinstance(meaning, ranges.Refused):
            raise meaning.error(place)
        why = ranges.unfit_for_streaming(answer.status_code, answer.headers, size)
        return self._allowed(answer.request), f"{place} {why}" if why else None

    def _ask(self, url: str) -> httpx.Response:
        """Ask for the first bytes, wherever redirects lead.

        RAUC would send its headers, our token among them, on to wherever it is redirected (rauc#2035): so the redirects
        are followed here, and RAUC gets the last place alone, with what that place may see.
        """
        try:
            request = self.http.build_request("GET", url, headers=ranges.first_bytes())
            answer = redirects.follow(self.http, request)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError):
            # The library's own words may repeat headers or the query.
            raise DownloadError(f"{shown(url)}: the link can't be used") from None
        except (httpx.HTTPError, OSError) as error:
            place = failures.place(origin_of(urlsplit(url)))
            raise DownloadError(failures.sentence(error, place, time.time())) from error
        answer.close()
        return answer

    def _allowed(self, asked: httpx.Request) -> RemoteBundle:
        """Give RAUC what our own request was allowed to carry to the same place, and no more."""
        url, token = str(asked.url), asked.headers.get("Authorization")
        known = origin_of(urlsplit(url)) in self.origins
        certificate, key = self.certificate if self.certificate and known else (None, None)
        return RemoteBundle(
            url=url,
            headers=(f"Authorization: {token}",) if token else (),
            certificate=certificate,
            key=key,
            authorities=self.authorities,
            verify=self.verify,
        )
