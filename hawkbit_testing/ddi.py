# SPDX-License-Identifier: LGPL-2.1-or-later
"""The operations of DDI: from a request to an answer, under the lock of the server."""

import hashlib
import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from hawkbit_testing import artifacts
from hawkbit_testing.actions import Action
from hawkbit_testing.bodies import artifact, handling, read_feedback
from hawkbit_testing.feedback import Feedback, Report, consent_to_all
from hawkbit_testing.polling import sleep_for
from hawkbit_testing.quirks import Quirks, Refusal
from hawkbit_testing.software import DistributionSet, File, Module
from hawkbit_testing.target import AutoConfirmation, Target
from hawkbit_testing.tenant import Tenant
from hawkbit_testing.wire import Answer, Request

#: Method, path, name of the operation, and what the server's version must have for it.
ROUTES = (
    ("GET", "", "poll", None),
    ("PUT", "configData", "config_data", None),
    ("GET", "deploymentBase/*", "deployment", None),
    ("POST", "deploymentBase/*/feedback", "feedback", None),
    ("GET", "cancelAction/*", "cancelation", None),
    ("POST", "cancelAction/*/feedback", "cancel_feedback", None),
    ("GET", "installedBase/*", "installed", "confirmation"),
    ("PUT", "installedBase", "tell_installed", "takes_installed"),
    ("GET", "confirmationBase", "confirmation_base", "confirmation"),
    ("GET", "confirmationBase/*", "confirmation", "confirmation"),
    ("POST", "confirmationBase/*/feedback", "confirm", "confirmation"),
    ("POST", "confirmationBase/activateAutoConfirm", "activate_auto_confirm", "confirmation"),
    ("POST", "confirmationBase/deactivateAutoConfirm", "deactivate_auto_confirm", "confirmation"),
    ("GET", "softwaremodules/*/artifacts", "artifact_list", None),
    ("GET", "softwaremodules/*/artifacts/*", "artifact", None),
)
#: What registers a controller that the server does not know.
REGISTERS = ("poll", "confirmation_base")
JSON_TYPES = ("application/hal+json", "application/json", "application/*", "*/*")
ATTRIBUTE = re.compile(r"[A-Za-z0-9\s!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_{|}]*")


def respond(tenant: Tenant, request: Request) -> Answer:
    """Answer one request."""
    try:
        answer = _route(tenant, request)
    except Refusal as refusal:
        return _refused(refusal, request, tenant.quirks)
    is_artifact = "artifacts" in request.parts[4:]
    if request.method == "GET" and answer.status == 200 and not is_artifact:
        tag = f'"0{hashlib.md5(answer.body).hexdigest()}"'  # type: ignore[arg-type]
        known = request.headers.get("If-None-Match", "")
        if tag in [part.strip().removeprefix("W/") for part in known.split(",")]:
            return Answer(304, {"ETag": tag})
        answer.headers["ETag"] = tag
    return answer


def _refused(refusal: Refusal, request: Request, quirks: Quirks) -> Answer:
    if refusal.plain:
        phrase = HTTPStatus(refusal.status).phrase
        document = {"status": refusal.status, "error": phrase, "message": "", "path": request.path}
        return _json(document, refusal.status)
    if refusal.code is None:
        return Answer(refusal.status, dict(refusal.headers))
    if not _json_types(request):
        return Answer(500)  # the refusal can't be told in what is accepted
    code = refusal.code
    if quirks.version <= (0, 6):
        code = code.replace("entityNotFound", "entitiyNotFound")
    return _json(
        {
            "exceptionClass": "org.eclipse.hawkbit.repository.exception.SomeException",
            "errorCode": f"hawkbit.server.error.{code}",
            "message": refusal.message,
        },
        refusal.status,
    )


def _json(document: Any, status: int = 200) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(document).encode())


def _route(tenant: Tenant, request: Request) -> Answer:
    parts = request.parts
    if parts[1:3] != ["controller", "v1"] or len(parts) < 4 or not parts[3]:
        raise Refusal(404, plain=True)
    if parts[0].upper() != tenant.tenant.upper():
        raise Refusal(401)
    controller = parts[3] if tenant.quirks.decodes_ids else request.path.split("/")[4]
    target = tenant.authenticate(parts[3], request.headers.get("Authorization"), token_of=controller)
    name, arguments = _operation(tenant.quirks, request.method, parts[4:])
    if target is None:
        if name == "tell_installed":
            # The server looks for the distribution set first, and falls over the target.
            target = Target(parts[3], "", tenant)
            _Operations(tenant, request, target).chosen()
            raise Refusal(500, plain=True)
        if name not in REGISTERS:
            raise Refusal(
                404, "repo.entityNotFound", f"Target with given identifier {{{parts[3]}}} does not exist."
            )
        if len(parts[3]) > 128:
            raise Refusal(400, "repo.constraintViolation", "name: size must be between 1 and 128")
        target = tenant.target(parts[3])
        target.update_status = "registered"
    answer: Answer = getattr(_Operations(tenant, request, target), name)(*arguments)
    return answer


def _operation(quirks: Quirks, method: str, rest: list[str]) -> tuple[str, list[str]]:
    """Return the name of the operation and what stands in its path. Raises: Refusal."""
    found = [
        (verb, path, name)
        for verb, path, name, need in ROUTES
        if _fits(path, rest) and (need is None or getattr(quirks, need))
    ]
    # A name wins over a placeholder, as `activateAutoConfirm` does over an id.
    for verb, path, name in sorted(found, key=lambda route: "*" in route[1]):
        if verb == method or (verb == "GET" and method == "HEAD"):
            wanted = path.split("/") if path else []
            return name, [part for part, pattern in zip(rest, wanted, strict=True) if pattern == "*"]
    if found:
        raise Refusal(405, plain=True)
    raise Refusal(500 if rest[-1:] == [""] and quirks.version <= (0, 3) else 404, plain=True)


def _fits(path: str, rest: list[str]) -> bool:
    wanted = path.split("/") if path else []
    return len(wanted) == len(rest) and all(
        pattern == part or (pattern == "*" and part != "") for pattern, part in zip(wanted, rest, strict=True)
    )


class _Operations:
    def __init__(self, tenant: Tenant, request: Request, target: Target) -> None:
        self.tenant = tenant
        self.request = request
        self.target = target
        self.quirks = tenant.quirks
        # Links repeat the tenant's case and the Host of the request; API links escape the id.
        name = request.parts[0]
        self.own = f"{request.base}/{quote(name, safe='')}/controller/v1/{quote(target.id, safe='')}"
        self.raw_own = f"{request.base}/{name}/controller/v1/{target.id}"

    # what is to be done

    def poll(self) -> Answer:
        if self.target.update_status == "unknown":
            self.target.update_status = "registered"
        links: dict[str, dict[str, str]] = {}
        action = self.target.selected
        if action is not None:
            action.lapse()
            links |= self._link_to(action)
        installed = self.target.installed_action
        if self.quirks.confirmation and installed is not None:
            links["installedBase"] = {"href": f"{self.own}/installedBase/{installed.id}"}
        if self.target.request_attributes:
            links["configData"] = {"href": f"{self.own}/configData"}
        sleep = sleep_for(self.tenant.sleep, action.window if action else None)
        document: dict[str, Any] = {"config": {"polling": {"sleep": sleep}}}
        if links:
            document["_links"] = links
        return self._read(document)

    def _link_to(self, action: Action) -> dict[str, dict[str, str]]:
        if action.canceling:
            return {"cancelAction": {"href": f"{self.own}/cancelAction/{action.id}"}}
        name = "confirmationBase" if action.waits else "deploymentBase"
        return {name: {"href": f"{self.own}/{name}/{action.id}?c={action.stamp}"}}

    def config_data(self) -> Answer:
        document = self._body()
        data, mode = document.get("data"), document.get("mode", "merge")
        if not isinstance(data, dict) or not data or mode not in {"merge", "replace", "remove"}:
            raise _unreadable()
        if any(isinstance(value, dict | list) for value in data.values()):
            raise _unreadable()
        texts = {key: None if value is None else _text(value) for key, value in data.items()}
        for text in [*texts, *(value for value in texts.values() if value is not None)]:
            if len(text) > 128 or (self.quirks.checks_attributes and not ATTRIBUTE.fullmatch(text)):
                raise Refusal(400, "repo.invalidTargetAttributes", "The given target attributes are invalid")
        merged: Mapping[str, str | None] = texts
        if mode == "remove":
            merged = {key: value for key, value in self.target.attributes.items() if key not in texts}
        elif mode == "merge":
            merged = self.target.attributes | texts
        kept = {key: value for key, value in merged.items() if value is not None}
        if len(kept) > self.tenant.limits.attributes and len(kept) > len(self.target.attributes):
            raise Refusal(self.quirks.quota_status, "quota.tooManyEntries", "Quota exceeded")
        self.target.attributes = kept
        self.target.request_attributes = False
        return Answer()

    # deployments

    def deployment(self, number: str) -> Answer:
        action = self._action(number)
        action.lapse()
        if action.canceling or action.waits:
            raise Refusal(404)
        answer = self._payload(action, "deployment")
        action.retrieved()
        return answer

    def feedback(self, number: str) -> Answer:
        action, report = self._report(number)
        Feedback(self.target, action).of_deployment(report)
        return Answer()

    def cancelation(self, number: str) -> Answer:
        action = self._action(number)
        if not action.canceling:
            raise Refusal(404)
        action.cancel_retrieved()
        return self._read({"id": str(action.id), "cancelAction": {"stopId": str(action.id)}})

    def cancel_feedback(self, number: str) -> Answer:
        action, report = self._report(number)
        Feedback(self.target, action).of_cancelation(report)
        return Answer()

    def _report(self, number: str) -> tuple[Action, Report]:
        wanted = self._number(number)
        document = self._body()
        report = read_feedback(document, self.quirks)
        action = self._find(wanted)
        if self.quirks.wants_id and str(document.get("id")) != str(action.id):
            raise Refusal(404)
        return action, report

    # what is installed

    def installed(self, number: str) -> Answer:
        action = self._action(number)
        if action.active or action.canceling:
            raise Refusal(404)
        return self._payload(action, "deployment")

    def tell_installed(self) -> Answer:
        return Answer(201 if self.target.tell_installed(self.chosen()) else 200)

    def chosen(self) -> DistributionSet:
        """Return the distribution set that a body names. Raises: Refusal."""
        document = self._body()
        name, version = document.get("name"), document.get("version")
        if not isinstance(name, str) or not isinstance(version, str) or not name or not version:
            raise _unreadable()
        for chosen in self.tenant.distribution_sets:
            if (chosen.name, chosen.version) == (name, version):
                if not chosen.modules:
                    raise Refusal(400, "distributionset.incomplete", "Distribution set is incomplete")
                return chosen
        raise Refusal(404, "repo.entityNotFound", "DistributionSet does not exist.")

    # consent

    def confirmation_base(self) -> Answer:
        auto = self.target.auto_confirmation
        told: dict[str, Any] = {"active": auto is not None}
        if auto is not None:
            given = {"initiator": auto.initiator, "remark": auto.remark, "activatedAt": auto.activated_at}
            told |= {name: value for name, value in given.items() if value}
        elif self.quirks.version >= (0, 8):
            told["activatedAt"] = 0
        name = "deactivateAutoConfirm" if auto else "activateAutoConfirm"
        links = {name: {"href": f"{self.own}/confirmationBase/{name}"}}
        action = self.target.selected
        if action is not None and action.waits:
            links |= self._link_to(action)
        return self._read({"autoConfirm": told, "_links": links})

    def confirmation(self, number: str) -> Answer:
        action = self._action(number)
        action.lapse()
        if not action.waits:
            raise Refusal(404)
        return self._payload(action, "confirmation")

    def confirm(self, number: str) -> Answer:
        document = self._body()
        said, details, code = (document.get(name) for name in ("confirmation", "details", "code"))
        if said not in {"confirmed", "denied"} or not isinstance(details or [], list):
            raise _unreadable()
        action = self._action(number)
        texts = [text for text in details or [] if isinstance(text, str)]
        pieces = [text[at : at + 512] for text in texts for at in range(0, max(len(text), 1), 512)]
        Feedback(self.target, action).of_confirmation(pieces, code, consents=said == "confirmed")
        return Answer()

    def activate_auto_confirm(self) -> Answer:
        document: dict[str, Any] = {}
        if "Content-Type" in self.request.headers or not self.quirks.bare_auto_confirm:
            document = self._body(optional=True)
        initiator, remark = document.get("initiator"), document.get("remark")
        for text, length in ((initiator, 64), (remark, 512)):
            if text is not None and (not isinstance(text, str) or len(text) > length):
                raise Refusal(400, "repo.constraintViolation", f"size must be between 0 and {length}")
        if self.target.auto_confirmation is not None:
            raise Refusal(409, "repo.autoConfAlreadyActive", "Auto confirmation is already active")
        if not self.request.body:
            remark = "Activated by the controller."
        self.target.auto_confirmation = AutoConfirmation(initiator or None, remark or None)
        consent_to_all(self.target)
        return Answer()

    def deactivate_auto_confirm(self) -> Answer:
        self.target.auto_confirmation = None
        return Answer()

    # files

    def artifact_list(self, number: str) -> Answer:
        listed = self.tenant.modules
        if not self.quirks.lists_to_all:
            actions = [action for action in self.target.actions if action.active]
            if done := self.target.installed_action:
                actions.append(done)
            listed = [module for action in actions for module in action.distribution_set.modules]
        for module in listed:
            if str(module.id) == number:
                return self._read([artifact(module, file, self.raw_own) for file in module.files.values()])
        raise Refusal(
            404, "repo.entityNotFound", f"SoftwareModule with given identifier {{{number}}} does not exist."
        )

    def artifact(self, number: str, name: str) -> Answer:
        # A `+` in a path stays one, although the server's own links have it for a space.
        action, module = self._served(number)
        checksum = name.removesuffix(".MD5SUM") if name.endswith(".MD5SUM") else ""
        if checksum in module.files:
            return self._checksum(action, module.files[checksum])
        if name not in module.files:
            raise Refusal(404)
        answer = artifacts.serve(self.request, module.files[name], self.quirks)
        if self.quirks.logs_ranges or "Range" not in self.request.headers:
            Feedback(self.target, action).check_room((), closing=False)
            action.downloads(name)
        return answer

    def _checksum(self, action: Action, file: File) -> Answer:
        if self.quirks.checksum_counts:
            Feedback(self.target, action).check_room((), closing=False)
        action.downloads("checksum")
        text = f"{file.digest('md5')}  {file.name}".encode("ascii", "replace")
        kind = {} if self.quirks.version <= (0, 3) else {"Content-Type": "text/plain"}
        disposition = {"Content-Disposition": f"attachment;filename={artifacts.latin(file.name)}.MD5SUM"}
        return Answer(200, disposition | kind, text)

    def _served(self, number: str) -> tuple[Action, Module]:
        """Return a module that may be fetched now, and the action that lets it. Raises: Refusal."""
        actions = [action for action in self.target.actions if not action.canceling]
        unchecked = self.quirks.serves_ranges_to_all and "Range" in self.request.headers
        if unchecked:
            actions = self.target.actions
        elif not self.quirks.serves_after_end:
            actions = [action for action in actions if action.active]
        for action in reversed(actions):
            for module in action.distribution_set.modules:
                if str(module.id) == number:
                    return action, module
        raise Refusal(
            404, "repo.entityNotFound", f"SoftwareModule with given identifier {{{number}}} does not exist."
        )

    # reading and writing

    def _payload(self, action: Action, member: str) -> Answer:
        query = self.request.query
        wanted = self._number(query.get("actionHistory") or "0")
        self._number(query.get("c") or "0")
        document: dict[str, Any] = {"id": str(action.id), member: handling(action, self.raw_own)}
        messages = action.latest_messages(100 if wanted < 0 else min(wanted, 100))
        if messages:
            document["actionHistory"] = {"status": action.status.upper(), "messages": messages}
        return self._read(document)

    def _action(self, number: str) -> Action:
        return self._find(self._number(number))

    def _find(self, number: int) -> Action:
        """Return an action of the controller. Raises: Refusal."""
        known = {action.id for target in self.tenant.targets.values() for action in target.actions}
        own = {action.id for action in self.target.actions}
        if self.quirks.hides_foreign and number in known - own:
            raise Refusal(404)
        return self.target.find(number)

    def _number(self, text: str) -> int:
        try:
            return int(text)
        except ValueError:
            if self.quirks.version <= (0, 3):
                raise Refusal(400, plain=True) from None
            raise Refusal(400, "rest.body.notReadable", "not a number") from None

    def _read(self, document: Any) -> Answer:
        """Answer what was asked for, in the wanted media type. Raises: Refusal."""
        known = _json_types(self.request)
        if not known:
            raise Refusal(406)
        kind = "application/json" if known[:1] == ["application/json"] else "application/hal+json"
        headers = {"Content-Type": f"{kind};charset=UTF-8" if self.quirks.names_charset else kind}
        return Answer(200, headers, json.dumps(document).encode())

    def _body(self, *, optional: bool = False) -> dict[str, Any]:
        kind = (self.request.headers.get("Content-Type") or "").partition(";")[0].strip()
        if kind != "application/json":
            raise Refusal(415, plain=True)
        if optional and not self.request.body:
            return {}
        try:
            document = json.loads(self.request.body)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise _unreadable()
        return document


def _json_types(request: Request) -> list[str]:
    """Return which media types of JSON are accepted, in the order of the request."""
    accepted = request.headers.get("Accept") or "*/*"
    kinds = [part.partition(";")[0].strip() for part in accepted.split(",")]
    return [kind for kind in kinds if kind in JSON_TYPES]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _unreadable() -> Refusal:
    return Refusal(400, "rest.body.notReadable", "The given request body is not well formed")
