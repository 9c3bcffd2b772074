# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the one HTTP client that speaks for the controller, and says where its token goes."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

import hawkbit_ddi as sdk
import httpx

from hawkbit_rauc.hawkbit.ddi import Hawkbit
from hawkbit_rauc.hawkbit.identity import identity_of
from hawkbit_rauc.net.urls import origin_of

#: What DDI knows below a controller's path besides artifacts.
_API = ("configData", "deploymentBase", "cancelAction", "installedBase", "confirmationBase")


def connect(
    base_url: str,
    controller: str,
    *,
    connect_timeout: float,
    timeout: float,
    tenant: str = "DEFAULT",
    target_token: str | None = None,
    gateway_token: str | None = None,
    client_certificate: tuple[str, str, str | None] | None = None,
    verify: bool = True,
    ca_file: str | None = None,
    proxy: str | None = None,
    send_download_authentication: bool = True,
    download_origins: Iterable[str] = (),
) -> Hawkbit:
    """Make the one HTTP client, with its one TLS context, and speak for one controller with it.

    Nothing is sent before the first call. At most one way to authenticate can be given.

    Args:
        base_url: scheme, host, port and path prefix of hawkBit.
        controller: the controller's id.
        tenant: hawkBit's tenant.
        target_token: the controller's own token.
        gateway_token: the tenant's token.
        client_certificate: paths of certificate and key, PEM, and the key's password if it has one.
        verify: whether the server's certificate is checked.
        ca_file: authorities to check it with, or a folder of them as openssl-rehash(1) makes it; None for httpx's.
        proxy: URL of a proxy for all requests, None for what the environment says.
        connect_timeout: seconds for a connection.
        timeout: seconds for each wait of an answer.
        send_download_authentication: whether downloads carry the token.
        download_origins: further origins (as `net.urls.origin_of` writes them) whose downloads carry it.

    Returns:
        The adapter; close it at the end.

    Raises:
        ValueError: an argument can't work; the message says why.
    """
    client = sdk.Client(
        base_url,
        controller,
        tenant=tenant,
        target_token=target_token,
        gateway_token=gateway_token,
        client_certificate=client_certificate,
        verify=(ca_file or True) if verify else False,
        proxy=proxy,
        timeout=httpx.Timeout(timeout, connect=connect_timeout),
        total_timeout=2 * timeout,  # httpx bounds each read only: an answer could drip in for ever
    )
    token = f"TargetToken {target_token}" if target_token else f"GatewayToken {gateway_token}"
    # As httpx gives paths: without escapes.
    root = f"{urlsplit(base_url).path.rstrip('/')}/{tenant}/controller/v1/{controller}"
    origins = frozenset(download_origins)

    def authenticate_download(request: httpx.Request) -> None:
        # Runs after the SDK's own guard, which has taken the token off for all but hawkBit's origin. A file may lie
        # there too, and its link may begin as the controller's own: what follows tells DDI and files apart.
        path = request.url.path
        if path == root:
            return
        if path.startswith(f"{root}/") and path.removeprefix(f"{root}/").split("/")[0] in _API:
            return
        if not send_download_authentication:
            request.headers.pop("Authorization", None)
        elif origin_of(urlsplit(str(request.url))) in origins and (target_token or gateway_token):
            request.headers["Authorization"] = token

    if origins or not send_download_authentication:
        hooks = client.http.event_hooks
        client.http.event_hooks = {**hooks, "request": [*hooks["request"], authenticate_download]}
    secrets = tuple(secret for secret in (target_token, gateway_token) if secret)
    return Hawkbit(client, identity_of(client.base_url, tenant, controller), secrets=secrets)
