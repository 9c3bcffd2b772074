# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where a document of DDI comes from: a running hawkBit, or a file."""

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

GROUP = "/v3/api-docs/Direct%20Device%20Integration%20API"
"""The path at which stock hawkBit (0.5 and later) serves the document of DDI."""

LONGEST = 32 * 2**20
"""Bytes of a document, at most."""

PATIENCE = 60.0
"""Seconds that a document may take to arrive."""


def server_address(url: str) -> str:
    """Return a server's address without a slash at its end.

    Raises:
        SystemExit: it can't be one, or holds a user, which messages would show.
    """
    try:
        parts = urlsplit(url)
        right = (
            parts.scheme in {"http", "https"} and parts.hostname and not parts.query and not parts.fragment
        )
    except ValueError:
        right = False
    if not right:
        raise SystemExit(
            "--hawkbit needs http:// or https:// and a host, such as https://hawkbit.example.com"
        )
    if "@" in parts.netloc:
        raise SystemExit(
            "--hawkbit must not hold a user; give --user, and HAWKBIT_PASSWORD in the environment"
        )
    return url.rstrip("/")


def from_server(address: str, user: str | None, password: str | None) -> list[tuple[str, Any]]:
    """Return the documents that a hawkBit serves, each with its URL: those that it lists, or those at the usual paths.

    Args:
        address: The server's address, with the path prefix under which it is reached, if any.
        user: Sent with the password, to this server only; None sends neither.
        password: The user's password.

    Raises:
        SystemExit: there is no server, or what answers is no hawkBit with documents.
    """
    auth = (user, password or "") if user else None
    with httpx.Client(auth=auth, timeout=PATIENCE / 4, headers={"Accept": "application/json"}) as client:
        groups = _groups(_json(client, address + "/v3/api-docs/swagger-config"), urlsplit(address).path)
        # Without its page for people (springdoc.swagger-ui.enabled=false) a server lists no groups.
        urls = [address + group for group in groups or [GROUP, "/v3/api-docs"]]
        found = [(url, document) for url in urls if (document := _json(client, url)) is not None]
    if not found:
        raise SystemExit(
            f"{address} serves no API documents: it answers 404 to {', '.join(url[len(address) :] for url in urls)}; "
            "is it hawkBit's address, and is hawkbit.server.swagger.enabled left on?"
        )
    return found


def from_file(path: Path) -> Any:
    """Return the document that a JSON or YAML file holds.

    Raises:
        SystemExit: the file can't be read, or is neither.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if text.lstrip().startswith("{") else YAML(typ="safe", pure=True).load(text)
    except OSError as error:
        raise SystemExit(f"{path} can't be read: {error.strerror}") from error
    except (ValueError, RecursionError, YAMLError) as error:
        raise SystemExit(f"{path} is neither JSON nor YAML: {_line(error)}") from error


def _groups(config: Any, prefix: str) -> list[str]:
    """Return the paths of the groups in springdoc's list, below the server's address."""
    listed = config.get("urls") if isinstance(config, dict) else None
    if not isinstance(listed, list):
        return []
    # A server behind a proxy may name itself wrongly, so only the paths count.
    paths = [urlsplit(str(group.get("url"))).path for group in listed if isinstance(group, dict)]
    return [path.removeprefix(prefix) for path in paths if path.startswith(prefix + "/")]


def _json(client: httpx.Client, url: str) -> Any:
    """Return the JSON at a URL; None if there is nothing."""
    deadline = time.monotonic() + PATIENCE
    body = b""
    try:
        with client.stream("GET", url) as answer:
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > LONGEST or time.monotonic() > deadline:
                    raise SystemExit(f"{url} doesn't end within {LONGEST >> 20} MiB and {PATIENCE:.0f} s")
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise SystemExit(f"{url} can't be fetched: {_line(error)}") from error
    if answer.status_code == httpx.codes.NOT_FOUND:
        return None
    if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        raise SystemExit(
            f"{url} answers {answer.status_code}; give --user, and HAWKBIT_PASSWORD in the environment, "
            "of a user who may read it"
        )
    if answer.is_redirect:
        raise SystemExit(
            f"{url} redirects to {answer.headers.get('location', 'nowhere').partition('?')[0][:200]}; give the address there"
        )
    if answer.status_code != httpx.codes.OK:
        raise SystemExit(f"{url} answers {answer.status_code}; try again when the server is well")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        kind = answer.headers.get("content-type", "").partition(";")[0] or "something"
        raise SystemExit(f"{url} sends {kind} that is no JSON; is it hawkBit's address?") from None


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
