# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bodies of DDI: how a deployment is told, and how feedback is read."""

import re
from typing import Any
from urllib.parse import quote_plus

from hawkbit_testing.actions import Action, now_ms
from hawkbit_testing.feedback import Report
from hawkbit_testing.quirks import Quirks, Refusal
from hawkbit_testing.software import File, Module

EXECUTIONS = {
    "closed",
    "proceeding",
    "canceled",
    "scheduled",
    "rejected",
    "resumed",
    "downloaded",
    "download",
}
RESULTS = {"success", "failure", "none"}
#: What hawkBit's validator takes for markup: a whole tag, and what begins like a comment or a processing
#: instruction. A lone `<`, `<1>`, `</b>` or `a<b` is none.
MARKUP = re.compile(r"<[A-Za-z][^>]*>|<[?!]|</[^A-Za-z>]")
#: The same since 0.8: such as `<?xml` passes unless it is closed.
NEWER_MARKUP = re.compile(r"<[?!]?[A-Za-z][^>]*>|<[?!](?![A-Za-z])|</[^A-Za-z>]")
PARTS = {"application": "bApp", "runtime": "jvm"}


def handling(action: Action, own: str) -> dict[str, Any]:
    """Return the member `deployment` of an action; `own` is the controller's path in its links."""
    window = action.window_state
    closed = window == "unavailable" or action.type == "downloadonly"
    told: dict[str, Any] = {"download": action.urgency, "update": "skip" if closed else action.urgency}
    if window is not None:
        told["maintenanceWindow"] = window
    return told | {"chunks": [_chunk(module, own) for module in action.distribution_set.modules]}


def _chunk(module: Module, own: str) -> dict[str, Any]:
    chunk = {
        "part": PARTS.get(module.type, module.type),
        "version": module.version,
        "name": module.name,
        "artifacts": [artifact(module, file, own) for file in module.files.values()],
    }
    return chunk | {"encrypted": True} if module.encrypted else chunk


def artifact(module: Module, file: File, own: str) -> dict[str, Any]:
    """Return an artifact as payloads and listings tell it; `own` is the controller's path in its links."""
    # Form-encoded: a space becomes a `+`, under which the server does not find the file.
    href = f"{own}/softwaremodules/{module.id}/artifacts/{quote_plus(file.name)}"
    return {
        "filename": file.name,
        "hashes": {name: file.digest(name) for name in ("sha1", "md5", "sha256")},
        "size": len(file.content),
        "_links": {"download-http": {"href": href}, "md5sum-http": {"href": f"{href}.MD5SUM"}},
    }


def read_feedback(document: dict[str, Any], quirks: Quirks) -> Report:
    """Read the body of feedback.

    Raises:
        Refusal: 400, if a member is missing, of a wrong type, or holds markup.
    """
    unreadable = Refusal(400, "rest.body.notReadable", "The given request body is not well formed")
    status = document.get("status")
    result = status.get("result") if isinstance(status, dict) else None
    if not isinstance(status, dict) or not isinstance(result, dict):
        raise unreadable
    details, code = status.get("details") or [], status.get("code")
    at = document.get("timestamp") if quirks.knows_timestamp else None
    if isinstance(details, str) and quirks.text_details:
        details = [details]
    if (
        status.get("execution") not in EXECUTIONS
        or result.get("finished") not in RESULTS
        or not isinstance(details, list)
        or not isinstance(result.get("progress") or {}, dict)
        or (quirks.knows_code and code is not None and not _is_int32(code))
        or (quirks.wants_id and document.get("id") is not None and not str(document["id"]).isdigit())
        or (at is not None and not isinstance(at, int))
    ):
        raise unreadable
    texts = [text for text in details if isinstance(text, str)]
    markup = NEWER_MARKUP if quirks.passes_open_markup else MARKUP
    if any(markup.search(text) for text in texts):
        raise Refusal(400, "repo.constraintViolation", "detailMessages: no HTML allowed")
    pieces = [text[at : at + 512] for text in texts for at in range(0, max(len(text), 1), 512)]
    number = int(code) if code is not None and quirks.knows_code else None
    if number is not None:
        pieces.append(f"Device reported status code: {number}")
    when = now_ms() if at is None else at
    return Report(status["execution"], result["finished"], tuple(pieces), number, when)


def _is_int32(value: object) -> bool:
    try:
        return -(2**31) <= int(value) < 2**31  # type: ignore[call-overload,no-any-return]
    except (TypeError, ValueError):
        return False
