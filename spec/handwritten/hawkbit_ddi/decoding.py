# SPDX-License-Identifier: LGPL-2.1-or-later
# Edited in spec/handwritten/ and copied from there by scripts/regenerate.
"""How answers are read: what is absent, null or of an unexpected type is left out, never an error.

The small readers return None for what they can't use. Only a body that is no JSON, or whose outermost value is
not of the expected kind, is an error (ValueError here, UnreadableAnswerError for callers).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

_INT64_DIGITS = 19


def anything(value: Any) -> Any:
    """Return the value as it is."""
    return value


def text(value: Any) -> str | None:
    """Return a string; numbers, such as an id sent as one, become strings."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


def integer(value: Any) -> int | None:
    """Return an integer; whole floats and short strings of digits become one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _INT64_DIGITS:
        return int(value)
    return None


def boolean(value: Any) -> bool | None:
    """Return true or false; nothing else is taken for either."""
    return value if isinstance(value, bool) else None


def member(value: Any, read: Callable[[Mapping[str, Any]], T]) -> T:
    """Return a nested object; it is empty if there is none, so that chains of members never fail."""
    return read(value if isinstance(value, dict) else {})


def array(read: Callable[[Any], T | None]) -> Callable[[Any], list[T]]:
    """Return a reader of arrays that drops the elements it can't use; empty if there is no array."""

    def read_all(value: Any) -> list[T]:
        found = [read(item) for item in value] if isinstance(value, list) else []
        return [item for item in found if item is not None]

    return read_all


def objects(read: Callable[[Mapping[str, Any]], T]) -> Callable[[Any], list[T]]:
    """Return a reader of arrays of objects that drops all else."""
    return array(lambda item: read(item) if isinstance(item, dict) else None)


def mapping(read: Callable[[Any], T | None]) -> Callable[[Any], dict[str, T]]:
    """Return a reader of objects with free names; empty if there is no object."""

    def read_all(value: Any) -> dict[str, T]:
        found = {name: read(item) for name, item in value.items()} if isinstance(value, dict) else {}
        return {name: item for name, item in found.items() if item is not None}

    return read_all


def links(read: Callable[[Mapping[str, Any]], T]) -> Callable[[Any], dict[str, T]]:
    """Return a reader of `_links`: one link for each relation, the first that has an href.

    hawkBit sends an array if two download protocols are configured with the same relation.
    """

    def first(value: Any) -> T | None:
        for link in value if isinstance(value, list) else [value]:
            if isinstance(link, dict) and isinstance(link.get("href"), str) and link["href"].strip():
                return read(link)
        return None

    return mapping(first)


def read_object(read: Callable[[Mapping[str, Any]], T]) -> Callable[[bytes], T]:
    """Return a reader of bodies that hold one JSON object."""

    def read_body(body: bytes) -> T:
        value = _json(body)
        if not isinstance(value, dict):
            raise ValueError(f"a JSON object was expected, not {_kind(value)}")  # noqa: TRY004
        return read(value)

    return read_body


def read_array(read: Callable[[Mapping[str, Any]], T]) -> Callable[[bytes], list[T]]:
    """Return a reader of bodies that hold a JSON array of objects."""

    def read_body(body: bytes) -> list[T]:
        value = _json(body)
        if not isinstance(value, list):
            raise ValueError(f"a JSON array was expected, not {_kind(value)}")  # noqa: TRY004
        return objects(read)(value)

    return read_body


def read_text(body: bytes) -> str:
    """Read a short plain text."""
    answer = body.decode()
    if not answer.strip() or answer.lstrip().startswith("<"):
        raise ValueError("plain text was expected, not " + ("markup" if answer.strip() else "an empty body"))
    return answer


def read_nothing(body: bytes) -> None:
    """Read the answer to a write: empty from hawkBit, JSON from other servers.

    Anything else, such as the page of a captive portal, does not mean that the server has the report.
    """
    if body.strip():
        _json(body)


def _json(body: bytes) -> Any:
    if not body.strip():
        raise ValueError("a JSON body was expected, not an empty one")
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("the JSON body is nested too deeply") from None
    except ValueError:
        what = "markup" if body.lstrip().startswith(b"<") else "cut or garbled data"
        raise ValueError(f"a JSON body was expected, not {what}") from None


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}
    return kinds.get(type(value), "a number")
