# SPDX-License-Identifier: LGPL-2.1-or-later
"""What hawkBit's links say, and which of them leads to a file. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, quote_plus, unquote, urlsplit

#: What can be an action's id: hawkBit's are positive numbers, goosebit's may be -1.
_ID = re.compile(r"-?[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", re.ASCII)
#: Hexadecimal digits of each hash.
_DIGITS = {"sha256": 64, "sha1": 40, "md5": 32}


def action_id(text: str | None) -> str | None:
    """Return a text if it can be the id of an action, otherwise None."""
    return text if text and _ID.fullmatch(text) else None


def action_of(href: str) -> str | None:
    """Return the id of the action that a link names at the end of its path (DDI), None if it names none."""
    try:
        path = urlsplit(href).path
    except ValueError:
        return None
    return action_id(unquote(path.rstrip("/").rpartition("/")[2]))


def file_link(links: Mapping[str, str]) -> str | None:
    """Choose the link to a file.

    DDI's documentation names the relation `download`, stock hawkBit gives `download-http`, over TLS as well, and
    operators may name it as they like.

    Args:
        links: href by relation.

    Returns:
        The href of `download`, otherwise of `download-http`, otherwise of any that is no checksum's; None without.
    """
    for relation in ("download", "download-http"):
        if relation in links:
            return links[relation]
    return next((href for name, href in links.items() if not name.startswith("md5sum")), None)


def with_spaces(href: str, filename: str) -> str:
    """Mend hawkBit's link to a file whose name holds spaces.

    It writes `+` for them, under which it does not find the file; under `%20` it does.

    Args:
        href: the link.
        filename: the file's name, as the server says.

    Returns:
        The link, with `%20` for the blanks if it ends in the form-encoded name.
    """
    ending = quote_plus(filename)
    if " " not in filename or not href.endswith(f"/{ending}"):
        return href
    return href.removesuffix(ending) + quote(filename, safe="")


def hashes(told: Mapping[str, str | None]) -> dict[str, str]:
    """Return those hashes that have the form of one, in lower case, by algorithm.

    A wrong one would refuse the right bundle for ever.
    """
    return {
        name: value.lower()
        for name, value in told.items()
        if value and name in _DIGITS and re.fullmatch(f"[0-9A-Fa-f]{{{_DIGITS[name]}}}", value)
    }
