# SPDX-License-Identifier: LGPL-2.1-or-later
# Edited in spec/handwritten/ and copied from there by scripts/regenerate.
"""All errors of this package.

    DdiError
    ├── TransportError               no answer: name, connection, TLS, time, protocol
    ├── UnreadableAnswerError        an answer, but not what DDI says
    ├── LinkError                    a link of the server that is not followed
    ├── MismatchError                a file that is not what was announced
    └── StatusError                  the server refused; 4xx without a class of its own, too
        ├── RedirectError            3xx: the address is wrong, or a login page is in the way
        ├── BadRequestError          400
        ├── UnauthorizedError        401
        ├── ForbiddenError           403
        ├── NotFoundError            404
        ├── MethodNotAllowedError    405: for a cancel, the action is not (or no longer) being canceled
        ├── ConflictError            409
        ├── GoneError                410: the action is closed
        ├── PreconditionFailedError  412
        ├── RangeNotSatisfiableError 416
        ├── QuotaExceededError       429 with a quota's errorCode; 403 with one up to hawkBit 0.9
        ├── RateLimitedError         429 otherwise: come back later
        └── ServerError              5xx, and whatever lies above

`str(error)` is one sentence without tokens, user names or query strings.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from http.client import responses

import httpx

from .links import presentable

_LONGEST_WAIT = 31_536_000.0


class DdiError(Exception):
    """The root of all errors that this package raises for what a server or the network does."""


class TransportError(DdiError):
    """There was no answer; `__cause__` is httpx's error."""


class UnreadableAnswerError(DdiError):
    """The server answered with something that DDI doesn't know: empty, HTML, cut, endless, of the wrong kind."""

    def __init__(self, sentence: str, *, status: int, headers: httpx.Headers, content: bytes) -> None:
        super().__init__(sentence)
        self.status = status
        """The HTTP status."""
        self.headers = headers
        """The answer's headers."""
        self.content = content
        """As much of the body as was read."""


class LinkError(DdiError):
    """A link of the server leads away from the controller's own path and is not followed."""


class MismatchError(DdiError):
    """A file's size or hash is not the announced one."""


class StatusError(DdiError):
    """The server refused, with a status below 200 or above 299."""

    def __init__(
        self, sentence: str, *, status: int, headers: httpx.Headers, content: bytes, info: Mapping[str, str]
    ) -> None:
        super().__init__(sentence)
        self.status = status
        """The HTTP status, even if no standard knows it."""
        self.error_code = info.get("errorCode")
        """hawkBit's code, such as `hawkbit.server.error.repo.entityNotFound`; None if it sent none."""
        self.exception_class = info.get("exceptionClass")
        """The Java class of hawkBit's exception; None if it sent none."""
        self.message = info.get("message")
        """The server's own words; None if it sent none."""
        self.retry_after: float | None = retry_after(headers)
        """Seconds that the server asks to wait; None if it doesn't."""
        self.headers = headers
        """The answer's headers."""
        self.content = content
        """The body, or its beginning."""


class RedirectError(StatusError):
    """3xx: redirects are not followed; the base URL is wrong or a login page is in the way."""


class BadRequestError(StatusError):
    """400: the server doesn't accept what was sent."""


class UnauthorizedError(StatusError):
    """401: unknown controller or tenant, wrong credentials, or this way to authenticate is switched off."""


class ForbiddenError(StatusError):
    """403: the address is blocked, or a permission is missing."""


class NotFoundError(StatusError):
    """404: no such thing for this controller, or the action's state doesn't allow it."""


class MethodNotAllowedError(StatusError):
    """405: after feedback to a cancel, the action is not (or no longer) being canceled."""


class ConflictError(StatusError):
    """409: somebody else was faster, or it is already so."""


class GoneError(StatusError):
    """410: the action is closed; after a repeated final feedback this means that it was told already."""


class PreconditionFailedError(StatusError):
    """412: the file is not the one that If-Match names."""


class RangeNotSatisfiableError(StatusError):
    """416: the file has no such range."""


class QuotaExceededError(StatusError):
    """429 (403 up to hawkBit 0.9) with a quota's errorCode: sending the same again won't help."""


class RateLimitedError(StatusError):
    """429 without a quota's errorCode: the same request may succeed later."""


class ServerError(StatusError):
    """5xx or above: the server or a proxy failed."""


_CLASSES: Mapping[int, type[StatusError]] = {
    400: BadRequestError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    405: MethodNotAllowedError,
    409: ConflictError,
    410: GoneError,
    412: PreconditionFailedError,
    416: RangeNotSatisfiableError,
    429: RateLimitedError,
}


def status_error(
    what: str, status: int, headers: httpx.Headers, content: bytes, clean: Callable[[str], str]
) -> StatusError:
    """Return the error for a status, with a sentence that names request, status and the server's words.

    Args:
        what: The request as it is named in messages, such as `POST deploymentBase/12/feedback`.
        status: The HTTP status.
        headers: The answer's headers.
        content: The answer's body.
        clean: Takes secrets out of the server's words, which may repeat what was sent.
    """
    info = {name: clean(words) for name, words in exception_info(content).items()}
    code = info.get("errorCode", "")
    kind = _CLASSES.get(status, StatusError)
    if status in {403, 429} and ".quota." in code:
        kind = QuotaExceededError
    elif 300 <= status < 400:
        kind = RedirectError
    elif status >= 500:
        kind = ServerError
    sentence = f"{what} was answered with {status} {responses.get(status, '')}".rstrip()
    if "message" in info:
        sentence += f": {presentable(info['message'])}"
    elif kind is RedirectError and headers.get("location"):
        sentence += f" to {presentable(clean(headers['location']))}"
    if code:
        sentence += f" [{presentable(code)}]"
    return kind(sentence, status=status, headers=headers, content=content, info=info)


def exception_info(content: bytes) -> dict[str, str]:
    """Return what an error's body tells: `errorCode`, `exceptionClass` and `message`, whichever there are.

    Errors also come without a body, as HTML, and as goosebit's `detail`, which is taken for the message.
    """
    try:
        info = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(info, dict):
        return {}
    told = {
        "errorCode": info.get("errorCode"),
        "exceptionClass": info.get("exceptionClass"),
        "message": info.get("message") or info.get("detail"),
    }
    return {name: words for name, words in told.items() if isinstance(words, str) and words.strip()}


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a Retry-After header asks to wait; None if there is none or it can't be read.

    A date is counted from the answer's own Date header if it has one, as the clock here may be wrong (RFC 9110,
    section 10.2.3).
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), _LONGEST_WAIT)
    then = _date(value)
    if then is None:
        return None
    now = _date(headers.get("date", ""))
    return min(max(then - (time.time() if now is None else now), 0.0), _LONGEST_WAIT)


def _date(value: str) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None
