# SPDX-License-Identifier: LGPL-2.1-or-later
"""Redirects on the way to a bundle: a few are followed, and none that would take TLS away."""

from __future__ import annotations

import httpx

from hawkbit_rauc.errors import DownloadError
from hawkbit_rauc.net.urls import shown

#: Redirects of one request.
MOST = 5


def follow(http: httpx.Client, request: httpx.Request) -> httpx.Response:
    """Send a request and follow redirects, but none from https to http.

    Not left to httpx, which would follow those too.

    Args:
        http: sends them; it decides anew for each place whether credentials may go there.
        request: the first one.

    Returns:
        The first answer that is no redirect, its body not read yet; `request` of it is the last request.

    Raises:
        DownloadError: a redirect that is not followed, or too many.
        httpx.HTTPError: no answer.
    """
    url = str(request.url)
    for _ in range(MOST + 1):
        answer = http.send(request, stream=True, follow_redirects=False)
        if answer.next_request is None:
            return answer
        answer.close()
        following = answer.next_request
        if request.url.scheme == "https" and following.url.scheme != "https":
            raise DownloadError(f"{shown(url)}: redirected from https to {shown(str(following.url))}")
        request = following
    raise DownloadError(f"{shown(url)}: redirected more than {MOST} times")
