# SPDX-License-Identifier: LGPL-2.1-or-later
# Edited in spec/handwritten/ and copied from there by scripts/regenerate.
"""What one operation sends and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import httpx

T = TypeVar("T")


class Call(NamedTuple, Generic[T]):
    """One request below the controller's own path, and how its answer is read."""

    method: str
    """The HTTP method."""

    path: str
    """What follows `/{tenant}/controller/v1/{controllerId}`; each part percent-encoded."""

    read: Callable[[bytes], T]
    """Turns the body of a 2xx answer into the result; raises ValueError for a body that can't be read."""

    params: Mapping[str, str] = {}
    """The query."""

    headers: Mapping[str, str] = {}
    """Further request headers."""

    body: Mapping[str, Any] | None = None
    """The JSON object to send."""

    @property
    def name(self) -> str:
        """How messages name this request."""
        path = self.path.partition("?")[0].strip("/")
        return f"{self.method} {path}" if path else "the poll"


class Response(NamedTuple, Generic[T]):
    """The answer to one operation, with status and headers."""

    status_code: int
    """The HTTP status: 2xx, or 304 if a tag was sent and still fits."""

    headers: httpx.Headers
    """The answer's headers, by case-insensitive name."""

    content: bytes
    """The body as it was sent, decompressed."""

    parsed: T
    """The result; None after 304 and for operations that answer nothing."""

    @property
    def etag(self) -> str | None:
        """The answer's tag exactly as received; send it back as `if_none_match`. None if there is none."""
        tag: str | None = self.headers.get("etag")
        return tag
