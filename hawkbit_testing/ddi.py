# SPDX-License-Identifier: LGPL-2.1-or-later
"""The operations of DDI: from a request to an answer, under the lock of the server."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote

from hawkbit_testing import artifacts
from hawkbit_testing.bodies import handling, read_feedback
from hawkbit_testing.state import Action, Limits, Module, Quirks, Refusal, Report, Target
from hawkbit_testing.wire import Answer, Request

ROUTES = (
    ("GET", "", "poll"),
    ("PUT", "configData", "config_data"),
    ("GET", "deploymentBase/*", "deployment"),
    ("POST", "deploymentBase/*/feedback", "feedback"),
    ("GET", "cancelAction/*", "cancelation"),
    ("POST", "cancelAction/*/feedback", "cancel_feedback"),
    ("GET", "installedBase/*", "installed"),
    ("GET", "confirmationBase", "confirmation_base"),
    ("GET", "confirmationBase/*", "confirmation"),
    ("POST", "confirmationBase/*/feedback", "confirm"),
    ("GET", "softwaremodules/*/artifacts/*", "artifact"),
    ("HEAD", "softwaremodules/*/artifacts/*", "artifact"),
)
#: Paths that came after 0.3.0M7.
NEW = (["installedBase"], ["confirmationBase"])
ATTRIBUTE = re.compile(r"[A-Za-z0-9\s!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_{|}]*")


class Knowledge(Protocol):
    """What the operations need of the server."""

    quirks: Quirks
    limits: Limits
    sleep: str
    tenant: str

    def authenticate(self, controller: str, authorization: str | None) -> Target | None:
        """Return the target, None where it does not exist yet. Raises: Refusal."""

    def create_target(self, id: str | None = None, token: str | None = None) -> Target:  # noqa: A002
        """Register a target."""


def respond(server: Knowledge, request: Request) -> Answer:
    """Answer one request."""
    try:
        answer = _route(server, request)
    except Refusal as refusal:
        return _refused(refusal, server.quirks)
    is_artifact = "artifacts" in request.parts[4:]
    if request.method == "GET" and answer.status == 200 and not is_artifact:
        answer.headers["Content-Type"] = _media_type(request.headers.get("Accept", ""), server.quirks)
        tag = f'"0{hashlib.md5(answer.body).hexdigest()}"'  # type: ignore[arg-type]
        known = request.headers.get("If-None-Match", "")
        if tag in [part.strip().removeprefix("W/") for part in known.split(",")]:
            return Answer(304, {"ETag": tag})
        answer.headers["ETag"] = tag
    return answer


def _refused(refusal: Refusal, quirks: Quirks) -> Answer:
    headers: dict[str, str] = dict(getattr(refusal, "headers", {}))
    if refusal.code is None:
        return Answer(refusal.status, headers)
    code = refusal.code
    if quirks.version <= (0, 6):
        code = code.replace("entityNotFound", "entitiyNotFound")
    document = {
        "exceptionClass": "org.eclipse.hawkbit.repository.exception.SomeException",
        "errorCode": f"hawkbit.server.error.{code}",
        "message": refusal.message,
    }
    return _json(document, refusal.status) if not headers else Answer(refusal.status, headers)


def _json(document: Any, status: int = 200) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(document).encode())


def _media_type(accepted: str, quirks: Quirks) -> str:
    kind = "application/json" if "application/json" in accepted else "application/hal+json"
    return f"{kind};charset=UTF-8" if quirks.names_charset else kind


def _route(server: Knowledge, request: Request) -> Answer:
    parts = request.parts
    if len(parts) < 4 or parts[1:3] != ["controller", "v1"] or parts[0].upper() != server.tenant.upper():
        raise Refusal(401 if parts[1:3] == ["controller", "v1"] else 404)
    target = server.authenticate(parts[3], request.headers.get("Authorization"))
    rest = parts[4:]
    if target is None:
        if rest not in ([], ["confirmationBase"]):
            raise Refusal(404, "repo.entityNotFound", "Target does not exist.")
        target = server.create_target(parts[3])
    for method, path, name in ROUTES:
        pattern = path.split("/") if path else []
        if method == request.method and len(pattern) == len(rest):
            arguments = [part for part, wanted in zip(rest, pattern, strict=True) if wanted == "*"]
            fits = all(wanted in {"*", part} for part, wanted in zip(rest, pattern, strict=True))
            if fits and (server.quirks.installed_base or pattern[:1] not in NEW):
                answer: Answer = getattr(_Operations(server, request, target), name)(*arguments)
                return answer
    raise Refusal(404)


class _Operations:
    def __init__(self, server: Knowledge, request: Request, target: Target) -> None:
        self.server = server
        self.request = request
        self.target = target
        self.quirks = server.quirks
        # Links repeat the tenant's case and the Host of the request; API links escape the id.
        tenant = request.parts[0]
        self.own = f"{request.base}/{quote(tenant, safe='')}/controller/v1/{quote(target.id, safe='')}"
        self.raw_own = f"{request.base}/{tenant}/controller/v1/{target.id}"

    def poll(self) -> Answer:
        if self.target.update_status == "unknown":
            self.target.update_status = "registered"
        links: dict[str, dict[str, str]] = {}
        action = self.target.selected
        if action is not None:
            links |= self._link_to(action)
        installed = self.target.installed
        if self.quirks.installed_base and installed is not None and installed.status == "finished":
            links["installedBase"] = {"href": f"{self.own}/installedBase/{installed.id}"}
        if self.target.request_attributes:
            links["configData"] = {"href": f"{self.own}/configData"}
        document: dict[str, Any] = {"config": {"polling": {"sleep": self.server.sleep}}}
        if links:
            document["_links"] = links
        return _json(document)

    def _link_to(self, action: Action) -> dict[str, dict[str, str]]:
        if action.canceling:
            return {"cancelAction": {"href": f"{self.own}/cancelAction/{action.id}"}}
        waits = action.status == "wait_for_confirmation"
        name = "confirmationBase" if waits else "deploymentBase"
        stamp = hash((action.id, action.revision)) % 2**31
        return {name: {"href": f"{self.own}/{name}/{action.id}?c={stamp}"}}

    def config_data(self) -> Answer:
        document = self._body()
        data, mode = document.get("data"), document.get("mode", "merge")
        if not isinstance(data, dict) or not data or mode not in {"merge", "replace", "remove"}:
            raise Refusal(400, "rest.body.notReadable", "The given request body is not well formed")
        if any(isinstance(value, dict | list) for value in data.values()):
            raise Refusal(400, "rest.body.notReadable", "The given request body is not well formed")
        texts = {key: None if value is None else str(value) for key, value in data.items()}
        for text in [*texts, *(value for value in texts.values() if value is not None)]:
            if len(text) > 128 or (self.quirks.checks_attributes and not ATTRIBUTE.fullmatch(text)):
                raise Refusal(400, "repo.invalidTargetAttributes", "The given target attributes are invalid")
        merged: Mapping[str, str | None] = texts
        if mode == "remove":
            merged = {key: value for key, value in self.target.attributes.items() if key not in texts}
        elif mode == "merge":
            merged = self.target.attributes | texts
        kept = {key: value for key, value in merged.items() if value is not None}
        if len(kept) > self.server.limits.attributes and len(kept) > len(self.target.attributes):
            raise Refusal(self.quirks.quota_status, "quota.tooManyEntries", "Quota exceeded")
        self.target.attributes = kept
        self.target.request_attributes = False
        return Answer()

    def deployment(self, number: str) -> Answer:
        action = self.target.find(number)
        if action.canceling or action.status == "wait_for_confirmation":
            raise Refusal(404)
        answer = self._payload(action, "deployment")
        action.retrieved()
        return answer

    def installed(self, number: str) -> Answer:
        action = self.target.find(number)
        if action.active or action.canceling:
            raise Refusal(404)
        return self._payload(action, "deployment")

    def confirmation(self, number: str) -> Answer:
        action = self.target.find(number)
        if not action.active or action.status != "wait_for_confirmation":
            raise Refusal(404)
        return self._payload(action, "confirmation")

    def confirmation_base(self) -> Answer:
        action = self.target.selected
        links = {"activateAutoConfirm": {"href": f"{self.own}/confirmationBase/activateAutoConfirm"}}
        if action is not None and action.status == "wait_for_confirmation":
            links |= self._link_to(action)
        return _json({"autoConfirm": {"active": False, "activatedAt": 0}, "_links": links})

    def confirm(self, number: str) -> Answer:
        action = self.target.find(number)
        document = self._body()
        said, details = document.get("confirmation"), document.get("details") or []
        if said not in {"confirmed", "denied"}:
            raise Refusal(400, "rest.body.notReadable", "The given request body is not well formed")
        if not action.active:
            raise Refusal(410)
        if action.status != "wait_for_confirmation":
            raise Refusal(404)
        action.check_room(details, closing=False)
        action.add("running" if said == "confirmed" else "wait_for_confirmation", details, change=True)
        return Answer()

    def cancelation(self, number: str) -> Answer:
        action = self.target.find(number)
        if not action.canceling:
            raise Refusal(404)
        action.add("retrieved", ("Update Server: Target retrieved cancel action and should start now.",))
        document = {"id": str(action.id), "cancelAction": {"stopId": str(action.id)}}
        return _json(document)

    def feedback(self, number: str) -> Answer:
        action, report = self._report(number)
        action.feedback(report)
        return Answer()

    def cancel_feedback(self, number: str) -> Answer:
        action, report = self._report(number)
        action.cancel_feedback(report)
        return Answer()

    def _report(self, number: str) -> tuple[Action, Report]:
        document = self._body()
        report = read_feedback(document, self.quirks)
        action = self.target.find(number)
        if self.quirks.wants_id and str(document.get("id")) != str(action.id):
            raise Refusal(404)
        return action, report

    def artifact(self, number: str, name: str) -> Answer:
        # A `+` in a path stays one, although the server's own links have it for a space.
        module = next((one for one in self._served() if str(one[1].id) == number), None)
        if module is None:
            raise Refusal(404, "repo.entityNotFound", "SoftwareModule does not exist.")
        action, found = module
        if name.endswith(".MD5SUM") and name.removesuffix(".MD5SUM") in found.files:
            file = found.files[name.removesuffix(".MD5SUM")]
            action.add("download", ("Update Server: Target downloads checksum.",))
            text = f"{file.digest('md5')}  {file.name}"
            return Answer(
                200,
                {} if self.quirks.wants_id else {"Content-Type": "text/plain"},
                text.encode("ascii", "replace"),
            )
        if name not in found.files:
            raise Refusal(404)
        answer = artifacts.serve(self.request, found.files[name], self.quirks)
        if self.quirks.logs_ranges or "Range" not in self.request.headers:
            action.check_room((), closing=False)
            action.add("download", (f"Update Server: Target downloads {name}",))
        return answer

    def _served(self) -> list[tuple[Action, Module]]:
        if self.quirks.serves_after_end:
            actions = [action for action in self.target.actions if not action.canceling]
        else:
            actions = [action for action in self.target.actions if action.active and not action.canceling]
        return [(action, module) for action in reversed(actions) for module in action.modules]

    def _payload(self, action: Action, member: str) -> Answer:
        query = self.request.query
        try:
            wanted = int(query.get("actionHistory") or 0)
            int(query.get("c") or 0)
        except ValueError:
            raise Refusal(400, "rest.body.notReadable", "not a number") from None
        document = {"id": str(action.id), member: handling(action, self.raw_own)}
        messages = action.latest_messages(100 if wanted < 0 else min(wanted, 100))
        if messages:
            document["actionHistory"] = {"status": action.status.upper(), "messages": messages}
        return _json(document)

    def _body(self) -> dict[str, Any]:
        kind = (self.request.headers.get("Content-Type") or "").partition(";")[0].strip()
        if kind != "application/json":
            raise Refusal(415)
        try:
            document = json.loads(self.request.body)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise Refusal(400, "rest.body.notReadable", "The given request body is not well formed")
        return document
