# SPDX-License-Identifier: LGPL-2.1-or-later
"""GLib's key file dialect, read as rauc-hawkbit-updater's configuration is read.

This module knows groups, keys, escapes, how GLib reads numbers and how the C program reads booleans, but
not what a key means. It quotes neither a value nor a line, because either may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import frozen

#: What GLib takes for white space (`g_ascii_isspace`): no vertical tab, nothing beyond ASCII.
WHITE = " \t\n\f\r"

_GROUP = re.compile(r"\[([^\]]*)\][ \t]*")
_GROUP_NAME = re.compile(r"[^\[\]\x00-\x1f\x7f]+")
_KEY_NAME = re.compile(r"[^=\[\]]+(\[[\w\-.@]*\])?")
_INTEGER = re.compile(r"([+-]?[0-9]{1,18})(?:[ \t\n\f\r].*)?", re.DOTALL)
_ESCAPES = {"s": " ", "n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
_TRUE = frozenset({"1", "yes", "true", "on"})
_FALSE = frozenset({"0", "no", "false", "off"})


@frozen
class Entry:
    """The raw value of a key, and the line (from 1) that it comes from."""

    raw: str
    line: int


@frozen
class KeyFile:
    """What a key file says.

    Attributes:
        groups: entries by group and key; doubled groups are merged, the last of doubled keys wins.
        mistakes: (line, sentence) for each line that GLib would refuse.
    """

    groups: Mapping[str, Mapping[str, Entry]]
    mistakes: tuple[tuple[int, str], ...]


def read(text: str) -> KeyFile:
    """Take the text of a key file apart.

    Returns:
        Groups and mistakes. Keys for a locale (`key[de]`) are left out, as GLib does without a locale.
    """
    groups: dict[str, dict[str, Entry]] = {}
    mistakes: list[tuple[int, str]] = []
    current: dict[str, Entry] | None = None
    # GLib refuses a byte order mark; an editor's whim is no reason to stop a board.
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        content = line.removesuffix("\r").lstrip(WHITE)
        if not content or content.startswith("#"):  # `;` begins no comment in GLib
            continue
        group = _GROUP.fullmatch(content)
        if group:
            current = groups.setdefault(group[1], {})
            if not _GROUP_NAME.fullmatch(group[1]):
                mistakes.append((number, "is not a section's name; write [client] or [device]"))
            continue
        key, equals, value = content.partition("=")
        key = key.rstrip(WHITE)
        if not equals or not key:
            what = "is neither a [section] nor key = value; begin comments with # on a line of their own"
            mistakes.append((number, what))
            continue
        if current is None:
            mistakes.append((number, "stands before the first section; put [client] above it"))
            continue
        name = _KEY_NAME.fullmatch(key)
        if name is None:
            mistakes.append((number, "has brackets in its key; write key = value"))
        elif name[1] is None:
            # GLib hands values on as C strings, which end at a NUL.
            current[key] = Entry(value.lstrip(WHITE).partition("\0")[0], number)
    return KeyFile(groups, tuple(mistakes))


def unescape(raw: str) -> tuple[str, bool]:
    r"""Resolve a value's escapes as `g_key_file_get_string` does, and cut trailing white space.

    Returns:
        The text, and whether all escapes are known ones (\s \n \t \r \\). An unknown one is kept as
        it is; a backslash at the end is dropped.
    """
    known = True

    def resolve(match: re.Match[str]) -> str:
        nonlocal known
        if match[1] in _ESCAPES:
            return _ESCAPES[match[1]]
        known = False
        return match[0] if match[1] else ""

    text = re.sub(r"\\(.?)", resolve, raw, flags=re.DOTALL)
    return text.rstrip(WHITE), known


def boolean(text: str) -> bool | None:
    """Read a boolean as rauc-hawkbit-updater (yes, no, any case) and rauc-hawkbit (on, off) do.

    Returns:
        None if it is neither true nor false.
    """
    word = text.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    return None


def integer(raw: str) -> int | None:
    """Read a whole number as `g_key_file_get_integer` does: what follows white space is ignored.

    Returns:
        None if it is no number.
    """
    match = _INTEGER.fullmatch(raw)
    return int(match[1]) if match else None
