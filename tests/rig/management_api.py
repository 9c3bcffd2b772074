# SPDX-License-Identifier: LGPL-2.1-or-later
"""hawkBit's Management API in front of the double, as far as `hawkbit_testing.management` asks for it.

Its words are those of each version: what an action is told as changed in 0.5 and in 0.10. So the driver is tried
on servers that can't be started here.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from typing import Any

from hawkbit_testing import Hawkbit, Target, Window
from hawkbit_testing.actions import Action, Entry
from hawkbit_testing.ddi import respond
from hawkbit_testing.management import AUTOCLOSE, CONFIRMATION_FLOW, GATEWAY, GATEWAY_TOKEN, TARGET_TOKENS
from hawkbit_testing.software import DistributionSet, Module
from hawkbit_testing.wire import Answer, Request, Web

Json = Any


class RefusedError(Exception):
    """The API refuses.

    Attributes:
        status: the HTTP status.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class ManagedHawkbit(Hawkbit):
    """The double with a Management API.

    Attributes:
        settings: what the tenant has set of its configuration, by key.
    """

    def __init__(self, version: str = "1.1") -> None:
        super().__init__(version)
        self._web = Web(self._respond, self.changed)
        self.settings: dict[str, Json] = {TARGET_TOKENS: True}
        self._defaults: dict[str, Json] = {
            TARGET_TOKENS: False,
            GATEWAY: False,
            GATEWAY_TOKEN: "",
            AUTOCLOSE: False,
        }
        if self.quirks.confirmation:
            self._defaults[CONFIRMATION_FLOW] = False

    def _respond(self, request: Request) -> Answer:
        if not request.path.startswith("/rest/v1/"):
            return respond(self, request)
        try:
            told = self._told(request)
        except RefusedError as refused:
            return Answer(refused.status, {"Content-Type": "application/json"}, b'{"errorCode": "refused"}')
        if told is None:
            return Answer(204)
        return Answer(200, {"Content-Type": "application/json"}, json.dumps(told).encode())

    def _told(self, request: Request) -> Json:
        path = request.path.removeprefix("/rest/v1")
        for method, pattern, operation in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and method == request.method:
                return operation(self, request, *found.groups())
        raise RefusedError(404)

    # the tenant

    def read_setting(self, request: Request, key: str) -> Json:
        if key not in self._defaults:
            raise RefusedError(400)  # as for multi.assignments.enabled since 0.10
        return {"value": self.settings.get(key, self._defaults[key]), "global": key not in self.settings}

    def write_setting(self, request: Request, key: str) -> Json:
        if key not in self._defaults:
            raise RefusedError(400)
        self.settings[key] = request.json()["value"]
        self._apply()

    def drop_setting(self, request: Request, key: str) -> Json:
        self.settings.pop(key, None)
        self._apply()

    def _apply(self) -> None:
        now = self._defaults | self.settings
        self.target_tokens, self.autoclose = now[TARGET_TOKENS], now[AUTOCLOSE]
        self.gateway_token = now[GATEWAY_TOKEN] if now[GATEWAY] else None
        self.confirmation_flow = now.get(CONFIRMATION_FLOW, False)

    # targets

    def list_targets(self, request: Request) -> Json:
        return {"content": [_target(target) for target in self.targets.values()], "total": len(self.targets)}

    def make_targets(self, request: Request) -> Json:
        return [_target(self.target(one["controllerId"], one["securityToken"])) for one in request.json()]

    def read_target(self, request: Request, name: str) -> Json:
        return _target(self._known(name))

    def write_target(self, request: Request, name: str) -> Json:
        target, wanted = self._known(name), request.json()
        target.token = wanted.get("securityToken", target.token)
        target.request_attributes = wanted.get("requestAttributes", target.request_attributes)
        return _target(target)

    def drop_target(self, request: Request, name: str) -> Json:
        self._known(name).delete()

    def read_attributes(self, request: Request, name: str) -> Json:
        return self._known(name).attributes or None

    def read_installed(self, request: Request, name: str) -> Json:
        found = self._known(name).installed
        return {"id": found.id, "name": found.name, "version": found.version} if found else None

    def _known(self, name: str) -> Target:
        if name not in self.targets:
            raise RefusedError(404)
        return self.targets[name]

    # actions

    def list_actions(self, request: Request, name: str) -> Json:
        actions = self._known(name).actions
        if request.query["sort"] == "id:DESC":
            actions = actions[::-1]
        told = [self._action(action) for action in actions[: int(request.query["limit"])]]
        return {"content": told, "total": len(actions)}

    def read_action(self, request: Request, name: str, number: str) -> Json:
        return self._action(self._known(name).find(int(number)))

    def read_history(self, request: Request, name: str, number: str) -> Json:
        entries = self._known(name).find(int(number)).history()
        first, count = int(request.query["offset"]), int(request.query["limit"])
        told = [_entry(place, entry) for place, entry in enumerate(entries)]
        return {"content": told[first : first + count], "total": len(told)}

    def cancel_action(self, request: Request, name: str, number: str) -> Json:
        action = self._known(name).find(int(number))
        if request.query.get("force") == "true":
            action.force_quit()
        elif action.active and not action.canceling:
            action.cancel()
        else:
            raise RefusedError(405)

    def force_action(self, request: Request, name: str, number: str) -> Json:
        action = self._known(name).find(int(number))
        action.force()
        return self._action(action)

    def _action(self, action: Action) -> Json:
        told: dict[str, Json] = {"id": action.id, "type": "update"}
        if self.version >= (0, 10):
            return told | {"active": action.active, "status": action.status}
        told["status"] = "pending" if action.active else "finished"
        return told if self.version <= (0, 3) else told | {"detailStatus": action.status}

    # software

    def make_modules(self, request: Request) -> Json:
        made = [self.module({}, one["type"], one["name"], one["version"]) for one in request.json()]
        return [{"id": module.id} for module in made]

    def upload(self, request: Request, number: str) -> Json:
        head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
        (part,) = message_from_bytes(head + request.body).get_payload()
        other = self.module({part.get_filename(): part.get_payload(decode=True)})
        self.modules.remove(other)
        module = next(one for one in self.modules if one.id == int(number))
        module.files.update(other.files)
        return {"id": other.id}

    def make_sets(self, request: Request) -> Json:
        made = [self._set(one) for one in request.json()]
        return [{"id": one.id} for one in made]

    def _set(self, wanted: Json) -> DistributionSet:
        numbers = [one["id"] for one in wanted["modules"]]
        modules: list[Module] = [one for one in self.modules if one.id in numbers]
        return self.distribution_set(*modules, name=wanted["name"], version=wanted["version"])

    def assign(self, request: Request, number: str) -> Json:
        chosen = next(one for one in self.distribution_sets if one.id == int(number))
        (wanted,) = request.json()
        target, kind = self._known(wanted["id"]), wanted["type"]
        if target.assigned is chosen:
            return {"assigned": 0, "alreadyAssigned": 1}
        at = wanted.get("forcetime")
        try:
            target.assign(
                chosen,
                forced=kind != "soft",
                download_only=kind == "downloadonly",
                force_time=datetime.fromtimestamp(at / 1000, UTC) if at is not None else None,
                window=_window(wanted["maintenanceWindow"]) if "maintenanceWindow" in wanted else None,
                weight=wanted.get("weight"),
                confirmation_required=wanted.get("confirmationRequired", True),
            )
        except ValueError:
            raise RefusedError(400) from None
        return {"assigned": 1, "alreadyAssigned": 0}

    def drop_software(self, request: Request, number: str) -> Json:
        pass  # what is assigned to nobody any more does no harm


def _target(target: Target) -> Json:
    return {
        "controllerId": target.id,
        "securityToken": target.token,
        "updateStatus": target.update_status,
        "requestAttributes": target.request_attributes,
    }


def _entry(number: int, entry: Entry) -> Json:
    told = {"id": number, "type": entry.type, "messages": list(entry.messages), "timestamp": entry.at}
    return told if entry.code is None else told | {"code": entry.code}


def _window(wanted: Json) -> Window:
    second, minute, hour, day, month, _, year = wanted["schedule"].split()
    hours, minutes, seconds = map(int, wanted["duration"].split(":"))
    start = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    return Window(start, timedelta(hours=hours, minutes=minutes, seconds=seconds))


ROUTES: tuple[tuple[str, str, Callable[..., Json]], ...] = (
    ("GET", "/system/configs/(.*)", ManagedHawkbit.read_setting),
    ("PUT", "/system/configs/(.*)", ManagedHawkbit.write_setting),
    ("DELETE", "/system/configs/(.*)", ManagedHawkbit.drop_setting),
    ("GET", "/targets", ManagedHawkbit.list_targets),
    ("POST", "/targets", ManagedHawkbit.make_targets),
    ("GET", "/targets/([^/]+)", ManagedHawkbit.read_target),
    ("PUT", "/targets/([^/]+)", ManagedHawkbit.write_target),
    ("DELETE", "/targets/([^/]+)", ManagedHawkbit.drop_target),
    ("GET", "/targets/([^/]+)/attributes", ManagedHawkbit.read_attributes),
    ("GET", "/targets/([^/]+)/installedDS", ManagedHawkbit.read_installed),
    ("GET", "/targets/([^/]+)/actions", ManagedHawkbit.list_actions),
    ("GET", r"/targets/([^/]+)/actions/(\d+)", ManagedHawkbit.read_action),
    ("PUT", r"/targets/([^/]+)/actions/(\d+)", ManagedHawkbit.force_action),
    ("DELETE", r"/targets/([^/]+)/actions/(\d+)", ManagedHawkbit.cancel_action),
    ("GET", r"/targets/([^/]+)/actions/(\d+)/status", ManagedHawkbit.read_history),
    ("POST", "/softwaremodules", ManagedHawkbit.make_modules),
    ("POST", r"/softwaremodules/(\d+)/artifacts", ManagedHawkbit.upload),
    ("DELETE", r"/softwaremodules/(\d+)", ManagedHawkbit.drop_software),
    ("POST", "/distributionsets", ManagedHawkbit.make_sets),
    ("POST", r"/distributionsets/(\d+)/assignedTargets", ManagedHawkbit.assign),
    ("DELETE", r"/distributionsets/(\d+)", ManagedHawkbit.drop_software),
)
