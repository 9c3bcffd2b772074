# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bodies of DDI: how a deployment is told, and how feedback is read."""

import re
from typing import Any
from urllib.parse import quote_plus

from hawkbit_testing.state import Action, File, Module, Quirks, Refusal, Report

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
#: What hawkBit's validator takes for markup; a lone `<`, `<1>` or `</b>` is none.
MARKUP = re.compile(r"<[A-Za-z?!]")
PARTS = {"application": "bApp", "runtime": "jvm"}


def handling(action: Action, own: str) -> dict[str, Any]:
    """Return the member `deployment` of an action; `own` is the controller's path in its links."""
    closed = action.window == "unavailable" or action.type == "downloadonly"
    told: dict[str, Any] = {"download": action.urgency, "update": "skip" if closed else action.urgency}
    if action.window is not None:
        told["maintenanceWindow"] = action.window
    return told | {"chunks": [_chunk(module, own) for module in action.modules]}


def _chunk(module: Module, own: str) -> dict[str, Any]:
    chunk = {
        "part": PARTS.get(module.type, module.type),
        "version": module.version,
        "name": module.name,
        "artifacts": [_artifact(module, file, own) for file in module.files.values()],
    }
    return chunk | {"encrypted": True} if module.encrypted else chunk


def _artifact(module: Module, file: File, own: str) -> dict[str, Any]:
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
        Refusal: 400, where a member is missing, of a wrong type, or holds markup.
    """
    unreadable = Refusal(400, "rest.body.notReadable", "The given request body is not well formed")
    status = document.get("status")
    result = status.get("result") if isinstance(status, dict) else None
    if not isinstance(status, dict) or not isinstance(result, dict):
        raise unreadable
    details, code = status.get("details") or [], status.get("code")
    if isinstance(details, str) and quirks.text_details:
        details = [details]
    if (
        status.get("execution") not in EXECUTIONS
        or result.get("finished") not in RESULTS
        or not isinstance(details, list)
        or not isinstance(result.get("progress") or {}, dict)
        or (code is not None and not -(2**31) <= int(code) < 2**31)
    ):
        raise unreadable
    texts = [text for text in details if isinstance(text, str)]
    if any(MARKUP.search(text) for text in texts):
        raise Refusal(400, "repo.constraintViolation", "detailMessages: no HTML allowed")
    pieces = [text[at : at + 512] for text in texts for at in range(0, max(len(text), 1), 512)]
    if code is not None and quirks.knows_code:
        pieces.append(f"Update Server: Device reported status code: {code}")
        return Report(status["execution"], result["finished"], tuple(pieces), int(code))
    return Report(status["execution"], result["finished"], tuple(pieces))
