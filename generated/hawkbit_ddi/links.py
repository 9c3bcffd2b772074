# SPDX-License-Identifier: LGPL-2.1-or-later
# Edited in spec/handwritten/ and copied from there by scripts/regenerate.
"""Which of the server's links are the controller's own, and how they read on the configured origin.

A server behind a proxy often names itself wrongly (scheme, host, port, path prefix). Links whose path is the
controller's own are therefore rebuilt on the base URL that the client was configured with.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

import httpx

#: What stands in a part of a path as it is, besides letters and digits (RFC 3986, pchar).
_PCHAR = "-._~!$&'()*+,;=:@"
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_LONGEST_TEXT = 4000
_LONGEST_MESSAGE = 300
_IMPOSSIBLE = re.compile(r"[\s/\\;%\x00-\x1f\x7f]")


def base(url: str) -> str:
    """Return a base URL without a slash at its end.

    Raises:
        ValueError: the URL can't be one; the message says why, without user and query.
    """
    shown = presentable(url)
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError if it is none
    except ValueError:
        raise ValueError(f"the base URL {shown!r} is no URL") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not is_web_link(url):
        raise ValueError(f"the base URL {shown!r} needs http:// or https:// and a host")
    if "@" in parts.netloc:
        raise ValueError(
            f"the base URL {shown!r} must not hold a user; use target_token, gateway_token or headers"
        )
    if parts.query or parts.fragment or re.search(r"[\s\\]|/\.\.?(/|$)", url):
        raise ValueError(
            f"the base URL {shown!r} must be scheme, host and path only, without dots and white space"
        )
    return url.rstrip("/")


def proxy(url: str) -> str:
    """Return the URL of a proxy.

    Raises:
        ValueError: the URL can't be one; the message says why, without user and password.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError if it is none
        if parts.scheme in {"http", "https", "socks5", "socks5h"} and parts.hostname:
            return url
    except ValueError:
        pass
    raise ValueError(f"the proxy {presentable(url)!r} needs http://, https:// or socks5:// and a host")


def identifier(value: str, what: str) -> str:
    """Return an id that can stand in a path.

    Raises:
        ValueError: no server can be asked for this id: hawkBit or its container refuse such paths.
    """
    if not value or value in {".", ".."} or _IMPOSSIBLE.search(value) or not _encodable(value):
        raise ValueError(
            f"{what} {value!r} can't be used: it must not be empty, '.' or '..', nor hold white space, "
            "control characters, '/', '\\', ';' or '%'"
        )
    return value


def segment(value: str) -> str:
    """Return one part of a path; only what can't stand there is percent-encoded (RFC 3986, pchar).

    hawkBit 0.3 compares the controller's id with the path as it was sent: `00%3A11` is not `00:11` to it.

    Raises:
        ValueError: the value can't be a part of a path: empty, '.' or '..'.
    """
    value = str(value)
    if not value or value in {".", ".."} or not _encodable(value):
        raise ValueError(f"{value!r} can't be a part of a path")
    return quote(value, safe=_PCHAR)


def own_path(href: str, tenant: str, controller_id: str) -> str | None:
    """Return what follows `/{tenant}/controller/v1/{controllerId}` in a link, with its query.

    Args:
        href: A link as the server sent it; characters that it should have escaped are escaped.
        tenant: Compared without regard to case, as hawkBit does.
        controller_id: May stand in the link escaped or not.

    Returns:
        None if the link is not below this controller's own path.
    """
    try:
        parts = urlsplit(href.strip())
        segments = parts.path.split("/")
        names = [unquote(part) for part in segments]
        for i in range(1, len(segments) - 3):
            if names[i].lower() != tenant.lower() or names[i + 1 : i + 4] != [
                "controller",
                "v1",
                controller_id,
            ]:
                continue
            if any(name in {".", ".."} for name in names[i + 4 :]):
                return None
            path = "".join("/" + _requote(part, "") for part in segments[i + 4 :])
            return path + ("?" + _requote(parts.query, "/?") if parts.query else "")
    except ValueError:  # no URL at all, or characters that can't be encoded
        pass
    return None


def with_query(path: str, name: str, value: str) -> str:
    """Return a path with one parameter of its query set; one of the same name is replaced."""
    path, _, query = path.partition("?")
    kept = [pair for pair in query.split("&") if pair and pair.partition("=")[0] != name]
    return f"{path}?{'&'.join([*kept, f'{name}={quote(value)}'])}"


def is_web_link(href: str) -> bool:
    """Tell whether a link is an absolute http or https URL with a host."""
    try:
        url = httpx.URL(href)
        return (
            url.scheme in {"http", "https"}
            and bool(url.host)
            and (url.port or 1) < 65536
            and _encodable(href)
        )
    except (ValueError, httpx.InvalidURL):
        return False


def presentable(text: str) -> str:
    """Return a text fit for messages: URLs without user, query and fragment, nothing unprintable, not too long."""
    text = re.sub(r"//[^/\s@?#]*@", "//", text[:_LONGEST_TEXT])
    text = re.sub(r"(\w+://[^\s?#]*|(?<!\S)/[^\s?#]*)[?#]\S*", r"\1", text)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 1] + "…"


def _requote(text: str, also: str) -> str:
    return quote(_STRAY_PERCENT.sub("%25", text), safe=_PCHAR + "%" + also)


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
