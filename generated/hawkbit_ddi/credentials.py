# SPDX-License-Identifier: LGPL-2.1-or-later
# Edited in spec/handwritten/ and copied from there by scripts/regenerate.
"""How the controller proves who it is: to the configured origin, and to nobody else."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from pathlib import Path

import httpx

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Credentials:
    """The headers that only the configured origin may see.

    Args:
        base_url: Its scheme, host and port are the origin.
        target_token: The controller's token, or None.
        gateway_token: The tenant's token, or None.
        headers: Further headers.

    Raises:
        ValueError: a token or header can't stand in a request.
    """

    def __init__(
        self, base_url: str, target_token: str | None, gateway_token: str | None, headers: Mapping[str, str]
    ) -> None:
        self._origin = origin(httpx.URL(base_url))
        self._headers = dict(headers)
        for what, scheme, token in (
            ("target_token", "TargetToken", target_token),
            ("gateway_token", "GatewayToken", gateway_token),
        ):
            if token is not None:
                if not token or token != token.strip() or not _HEADER_VALUE.fullmatch(token):
                    raise ValueError(
                        f"{what} must be printable ASCII without white space around it, and not empty"
                    )
                self._headers["Authorization"] = f"{scheme} {token}"
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
                raise ValueError(
                    f"the header {name!r} can't be sent: its name or value holds impossible characters"
                )

    def guard(self, request: httpx.Request) -> None:
        """Add the headers to a request for the origin; take them off any other, such as a redirected one."""
        own = origin(request.url) == self._origin
        for name, value in self._headers.items():
            if own:
                request.headers[name] = value
            elif request.headers.get(name) == value:
                del request.headers[name]

    async def aguard(self, request: httpx.Request) -> None:
        """Do as `guard` does, for the asynchronous client."""
        self.guard(request)

    def without_secrets(self, text: str) -> str:
        """Return a text with `***` in place of the headers' values, in case a server repeats them."""
        for value in self._headers.values():
            for secret in (value, value.rpartition(" ")[2]):
                if len(secret) >= 6:
                    text = text.replace(secret, "***")
        return text


def origin(url: httpx.URL) -> tuple[str, bytes, int | None]:
    """Return scheme, host and port of a URL, the default port spelled out."""
    return url.scheme, url.raw_host, url.port or _DEFAULT_PORTS.get(url.scheme)


def tls_context(
    verify: bool | str | ssl.SSLContext,
    certificate: tuple[str, str] | tuple[str, str, str | None] | None,
    *,
    trust_env: bool,
) -> ssl.SSLContext:
    """Return the TLS context for the arguments of `Client`.

    Raises:
        ValueError: a file can't be read or doesn't hold what it should, or an SSLContext is to load a certificate.
    """
    if isinstance(verify, ssl.SSLContext):
        if certificate:
            raise ValueError("with an SSLContext as verify, load the client certificate into that context")
        return verify
    if isinstance(verify, str):
        try:
            if Path(verify).is_dir():
                context = ssl.create_default_context(capath=verify)
            else:
                context = ssl.create_default_context(cafile=verify)
        except OSError as error:
            raise ValueError(f"the authorities in {verify} can't be used: {_reason(error)}") from error
    else:
        context = httpx.create_ssl_context(verify=verify, trust_env=trust_env)
    # A Python that follows the system's OpenSSL configuration may allow less by itself.
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    if certificate:
        certificate_file, key_file, *rest = certificate
        password = rest[0] if rest else None
        try:
            # Without any password, OpenSSL would ask for one on the terminal.
            context.load_cert_chain(certificate_file, key_file, password or "")
        except OSError as error:
            names = f"{certificate_file} and {key_file}"
            raise ValueError(f"the client certificate in {names} can't be used: {_reason(error)}") from error
    return context


def _reason(error: OSError) -> str:
    return getattr(error, "reason", "") or error.strerror or str(error)
