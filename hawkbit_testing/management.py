# SPDX-License-Identifier: LGPL-2.1-or-later
"""A hawkBit that runs elsewhere, driven through its Management API as the double is driven directly."""

import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from hawkbit_testing.actions import FINAL, Entry, action_type
from hawkbit_testing.software import DistributionSet, Files, Module, Window, contents

T = TypeVar("T")
#: Words for an action that goes on. It may be over all the same, such as one that was read again after its end.
GOING = {
    "canceling",
    "cancel_rejected",
    "download",
    "retrieved",
    "running",
    "wait_for_confirmation",
    "warning",
}
DDI_DOCUMENT = "/v3/api-docs/Direct%20Device%20Integration%20API"
#: Keys of the tenant's configuration.
TARGET_TOKENS = "authentication.targettoken.enabled"
GATEWAY, GATEWAY_TOKEN = "authentication.gatewaytoken.enabled", "authentication.gatewaytoken.key"
CONFIRMATION_FLOW = "user.confirmation.flow.enabled"
AUTOCLOSE = "repository.actions.autoclose.enabled"


class RefusedError(Exception):
    """The Management API refuses; the text has what was asked and what was answered.

    Attributes:
        status: the HTTP status.
    """

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class NotPutBackError(Exception):
    """Settings of the tenant are not as they were before.

    Attributes:
        keys: which, each with what went wrong.
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        said = "; ".join(f"{key}: {why}" for key, why in keys.items())
        super().__init__(f"these settings of the tenant could not be put back: {said}")
        self.keys = keys


class Server:
    """A tenant of a hawkBit server, through its Management API.

    Args:
        user, password: of an operator who may do all that is asked for.
        version: such as "1.1", if the server does not tell it.

    Attributes:
        tenant: its name.
    """

    def __init__(self, url: str, user: str, password: str, version: str = "") -> None:
        self.url = url.rstrip("/")
        self.tenant = "DEFAULT"
        self._given_version = version
        self._http = httpx.Client(auth=(user, password), timeout=60, trust_env=False)
        self._made: list[str] = []

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def answers(self) -> bool:
        """Say whether the Management API answers."""
        try:
            answer = self._http.get(f"{self.url}/rest/v1/targets?limit=1")
        except httpx.TransportError:
            return False
        return answer.status_code == 200 and "json" in answer.headers.get("Content-Type", "")

    @property
    def host(self) -> str:
        """Host and port of `url`."""
        return self.url.split("://", 1)[1]

    # what kind of server it is

    @cached_property
    def document(self) -> dict[str, Any]:
        """Its OpenAPI document of the DDI; empty if it has none (0.3)."""
        answer = self._http.get(self.url + DDI_DOCUMENT)
        return dict(answer.json()) if answer.status_code == 200 else {}

    @cached_property
    def version(self) -> tuple[int, int]:
        """The first two numbers of its version: as given, or from what its document says.

        0.10 and 1.0 have the same document and are told as 1.0.
        """
        stated = self._given_version or self.document.get("info", {}).get("version", "")
        if found := re.match(r"(\d+)\.(\d+)", stated):
            return int(found[1]), int(found[2])
        if not self.document:
            return 0, 3
        if not self.has_installed_base:
            return 0, 5
        if not self.has_timestamp:
            return 0, 6
        components = self.document.get("components", {})
        polling = components.get("schemas", {}).get("DdiPolling", {}).get("properties", {})
        if polling.get("sleep", {}).get("pattern") == "HH:MM:SS":
            return (0, 9) if "Token" in components.get("securitySchemes", {}) else (0, 8)
        named = self._http.get(self.url + DDI_DOCUMENT).headers.get("Content-Type", "")
        return (1, 0) if "charset" in named else (1, 1)

    @property
    def has_installed_base(self) -> bool:
        """Whether a controller may tell what is installed (`PUT installedBase`, since 0.6)."""
        paths = self.document.get("paths", {})
        return any(path.endswith("/installedBase") and "put" in item for path, item in paths.items())

    @property
    def has_confirmation(self) -> bool:
        """Whether it knows the confirmation flow (`confirmationBase`, not in 0.3)."""
        return any("confirmationBase" in path for path in self.document.get("paths", {}))

    @property
    def has_timestamp(self) -> bool:
        """Whether feedback carries `timestamp`, a number, instead of `time`, a text (since 0.8)."""
        schemas = self.document.get("components", {}).get("schemas", {})
        return "timestamp" in schemas.get("DdiActionFeedback", {}).get("properties", {})

    # the tenant's settings

    def rest(self, method: str, path: str, **options: Any) -> Any:
        """Send a request below `/rest/v1` and return the decoded answer, None if it is empty.

        Raises:
            RefusedError: with the answer, if its status is 400 or more.
        """
        answer = self._http.request(method, f"{self.url}/rest/v1{path}", **options)
        if answer.status_code >= 400:
            said = f"{method} {path}: {answer.status_code} {answer.text[:500]}"
            raise RefusedError(said, answer.status_code)
        return answer.json() if answer.content else None

    def configure(self, key: str, value: object) -> None:
        """Set a key of the tenant's configuration, such as `authentication.gatewaytoken.enabled`."""
        self.rest("PUT", f"/system/configs/{key}", json={"value": value})

    def configuration(self, key: str) -> Any:
        """Return a key of the tenant's configuration."""
        return self.rest("GET", f"/system/configs/{key}")["value"]

    def unconfigure(self, key: str) -> None:
        """Set a key of the tenant's configuration back to the server's default."""
        self.rest("DELETE", f"/system/configs/{key}")

    def settings(self, keys: Iterable[str]) -> dict[str, Any]:
        """Return what the tenant has set of these keys, None for a default of the server, to be put back later.

        A key that the server does not know is left out.
        """
        found = {}
        for key in keys:
            try:
                told = self.rest("GET", f"/system/configs/{key}")
            except RefusedError:
                continue
            found[key] = None if told["global"] else told["value"]
        return found

    def put_back(self, settings: Mapping[str, Any]) -> None:
        """Set keys of the tenant's configuration as `settings` returned them.

        Raises:
            NotPutBackError: some could not be set; the others are.
        """
        left = {}
        for key, value in settings.items():
            try:
                if value is None:
                    self.unconfigure(key)
                else:
                    self.configure(key, value)
            except (RefusedError, httpx.HTTPError) as error:
                left[key] = str(error) or type(error).__name__
        if left:
            raise NotPutBackError(left)

    @property
    def sleep(self) -> str:
        """What polls tell as the interval, `HH:MM:SS`; stock servers take 00:00:30 at the least."""
        return str(self.configuration("pollingTime"))

    @sleep.setter
    def sleep(self, interval: str) -> None:
        self.configure("pollingTime", interval)

    @property
    def target_tokens(self) -> bool:
        """Whether targets' own tokens are accepted; off by default on newer servers."""
        return bool(self.configuration(TARGET_TOKENS))

    @target_tokens.setter
    def target_tokens(self, accepted: bool) -> None:
        self.configure(TARGET_TOKENS, accepted)

    @property
    def gateway_token(self) -> str | None:
        """The token that lets every controller in; None if there is none."""
        return str(self.configuration(GATEWAY_TOKEN)) if self.configuration(GATEWAY) else None

    @gateway_token.setter
    def gateway_token(self, token: str | None) -> None:
        self.configure(GATEWAY, token is not None)
        if token is not None:
            self.configure(GATEWAY_TOKEN, token)

    @property
    def confirmation_flow(self) -> bool:
        """Whether controllers must confirm what is assigned."""
        return bool(self.configuration(CONFIRMATION_FLOW))

    @confirmation_flow.setter
    def confirmation_flow(self, wanted: bool) -> None:
        self.configure(CONFIRMATION_FLOW, wanted)

    @property
    def autoclose(self) -> bool:
        """Whether a new assignment ends the older ones instead of asking for their cancelation."""
        return bool(self.configuration(AUTOCLOSE))

    @autoclose.setter
    def autoclose(self, wanted: bool) -> None:
        self.configure(AUTOCLOSE, wanted)

    # what an operator makes

    def target(self, id: str | None = None, token: str | None = None) -> "Target":  # noqa: A002
        """Return the target of this id, created unless it is there.

        Args:
            id: the controller's id, drawn unless given.
            token: its security token, drawn unless given; of a target that is there it becomes the new one.
        """
        known = self._known(id) if id else None
        if known is not None:
            if token:
                known.token = token
            return known
        target = Target(self, id or f"rig-{secrets.token_hex(4)}", token or secrets.token_hex(16))
        self._made.append(target.path)
        body = {"controllerId": target.id, "name": target.id, "securityToken": target.token}
        self.rest("POST", "/targets", json=[body])
        return target

    def forget(self, id: str) -> None:  # noqa: A002
        """Delete the target of this id, if there is one."""
        self._delete(f"/targets/{quote(id, safe='')}")

    def _known(self, id: str) -> "Target | None":  # noqa: A002
        try:
            found = self.rest("GET", f"/targets/{quote(id, safe='')}")
        except RefusedError as error:
            if error.status != 404:
                raise
            return None
        return Target(self, id, str(found.get("securityToken", "")))

    def module(
        self,
        files: Files,
        type: str = "os",  # noqa: A002
        name: str | None = None,
        version: str = "1",
    ) -> Module:
        """Create a software module with artifacts by file name, or one file; its name is drawn unless given."""
        name = name or f"module-{secrets.token_hex(4)}"
        body = {"name": name, "version": version, "type": type}
        number = int(self.rest("POST", "/softwaremodules", json=[body])[0]["id"])
        self._made.append(f"/softwaremodules/{number}")
        for file, content in contents(files).items():
            upload = {"file": (file, content, "application/octet-stream")}
            self.rest("POST", f"/softwaremodules/{number}/artifacts", files=upload)
        return Module(number, type, name, version)

    def distribution_set(
        self, *modules: Module, name: str | None = None, version: str = "1"
    ) -> DistributionSet:
        """Create a distribution set of some modules, of which one is of type `os`; its name is drawn unless given."""
        name = name or f"set-{secrets.token_hex(4)}"
        body = {
            "name": name,
            "version": version,
            "type": "os" if len(modules) == 1 else "os_app",
            "modules": [{"id": module.id} for module in modules],
        }
        number = int(self.rest("POST", "/distributionsets", json=[body])[0]["id"])
        self._made.append(f"/distributionsets/{number}")
        return DistributionSet(number, name, version, modules)

    def remove_all(self) -> None:
        """Delete what was made here, the newest first; what is gone already is passed over.

        Raises:
            RefusedError: the server keeps something; all else is deleted.
        """
        kept: RefusedError | None = None
        while self._made:
            try:
                self._delete(self._made.pop())
            except RefusedError as error:
                kept = error
        if kept is not None:
            raise kept

    def _delete(self, path: str) -> None:
        try:
            self.rest("DELETE", path)
        except RefusedError as error:
            if error.status != 404:
                raise


class Target:
    """A target of a server; `id` is the controller's."""

    def __init__(self, server: Server, id: str, token: str) -> None:  # noqa: A002
        self._server = server
        self._rest = server.rest
        self._token = token
        self.id = id
        self.path = f"/targets/{quote(id, safe='')}"

    @property
    def token(self) -> str:
        """Its security token; another one makes the old one refused."""
        return self._token

    @token.setter
    def token(self, token: str) -> None:
        self._rest("PUT", self.path, json={"securityToken": token})
        self._token = token

    def json(self) -> dict[str, Any]:
        """Return the target as the Management API tells it."""
        answer: dict[str, Any] = self._rest("GET", self.path)
        return answer

    @property
    def update_status(self) -> str:
        """`unknown`, `registered`, `pending`, `in_sync` or `error`."""
        return str(self.json()["updateStatus"])

    @property
    def attributes(self) -> dict[str, str]:
        """What the controller told of itself."""
        return dict(self._rest("GET", f"{self.path}/attributes") or {})

    @property
    def request_attributes(self) -> bool:
        """Whether the controller is asked for its attributes."""
        return bool(self.json()["requestAttributes"])

    @request_attributes.setter
    def request_attributes(self, wanted: bool) -> None:
        self._rest("PUT", self.path, json={"requestAttributes": wanted})

    @property
    def installed(self) -> DistributionSet | None:
        """The distribution set that is installed."""
        told = self._rest("GET", f"{self.path}/installedDS")
        return DistributionSet(int(told["id"]), told["name"], told["version"]) if told else None

    @property
    def actions(self) -> list["Action"]:
        """Its actions, the oldest first."""
        content = self._rest("GET", f"{self.path}/actions?limit=100&sort=id:ASC")["content"]
        return [Action(self._rest, self, int(action["id"])) for action in content]

    def assign(
        self,
        bundle: Files | DistributionSet,
        *,
        forced: bool = True,
        force_time: datetime | None = None,
        download_only: bool = False,
        window: Window | None = None,
        weight: int | None = None,
        confirmation_required: bool = True,
    ) -> "Action":
        """Assign something to the target and return the new action.

        Args:
            bundle: artifacts by file name, one file, or a distribution set.
            forced: whether the controller must install it, or is asked to (soft).
            force_time: when a soft action becomes forced.
            download_only: whether it is to be fetched and not installed.
            window: when it may be installed, instead of always.
            weight: heavier actions go first.
            confirmation_required: whether the controller is asked for consent if the tenant has
                `confirmation_flow`.

        Raises:
            ValueError: the set is assigned already, or the arguments contradict each other.
            RefusedError: the server does not take it.
        """
        kind = action_type(forced=forced, force_time=force_time, download_only=download_only)
        server = self._server
        chosen = bundle
        if not isinstance(chosen, DistributionSet):
            chosen = server.distribution_set(server.module(chosen))
        body: dict[str, object] = {"id": self.id, "type": kind}
        if force_time is not None:
            body["forcetime"] = int(force_time.timestamp() * 1000)
        if window is not None:
            body["maintenanceWindow"] = _schedule(window)
        if weight is not None:
            body["weight"] = weight
        if not confirmation_required:
            body["confirmationRequired"] = False
        told = self._rest("POST", f"/distributionsets/{chosen.id}/assignedTargets", json=[body])
        if told and told.get("alreadyAssigned"):
            raise ValueError(f"{chosen.name}:{chosen.version} is assigned to {self.id} already")
        newest = self._rest("GET", f"{self.path}/actions?limit=1&sort=id:DESC")["content"][0]
        return Action(self._rest, self, int(newest["id"]))

    def delete(self) -> None:
        """Delete the target and its actions."""
        self._rest("DELETE", self.path)


class Action:
    """An action of a target."""

    def __init__(self, rest: Callable[..., Any], target: Target, number: int) -> None:
        self._rest = rest
        self.target = target
        self.id = number
        self._path = f"{target.path}/actions/{number}"

    def json(self) -> dict[str, Any]:
        """Return the action as the Management API tells it."""
        answer: dict[str, Any] = self._rest("GET", self._path)
        return answer

    def history(self) -> list[Entry]:
        """Return what was told about the action, the oldest first."""
        content: list[Mapping[str, Any]] = []
        while True:
            query = f"?limit=500&offset={len(content)}&sort=id:ASC"
            page = self._rest("GET", f"{self._path}/status{query}")
            content += page["content"]
            if not page["content"] or len(content) >= page["total"]:
                return [
                    Entry(entry["type"], tuple(filter(None, entry.get("messages") or ())), entry.get("code"))
                    for entry in content
                ]

    def messages(self) -> list[str]:
        """Return all messages of the history, the oldest first."""
        return [message for entry in self.history() for message in entry.messages]

    def outcome(self) -> str | None:
        """Return `finished`, `error` or `canceled`, or None while the action is open.

        A word that only a newer server has is returned as it is.
        """
        told = self.json()
        # Since 0.10 `active` says whether an action is over, and `status` how it stands. Before, `status` is
        # `pending` or `finished`, whatever the end, and `detailStatus` (0.5 to 0.9) says how it stands.
        if "active" in told:
            over, word = not told["active"], told["status"]
        else:
            over, word = told["status"] == "finished", told.get("detailStatus")
        if not over or word == "scheduled":  # of a rollout that has not begun yet
            return None
        if word == "downloaded":  # of an action that was to be downloaded only
            return "finished"
        if word is not None and word not in GOING:
            return str(word)
        ends = [entry.type for entry in self.history() if entry.type in FINAL]
        return ends[-1] if ends else "finished"

    def cancel(self) -> None:
        """Ask the controller to cancel."""
        self._rest("DELETE", self._path)

    def force_quit(self) -> None:
        """End a canceling action without asking the controller."""
        self._rest("DELETE", f"{self._path}?force=true")

    def force(self) -> None:
        """Turn a soft action into a forced one."""
        self._rest("PUT", self._path, json={"forceType": "forced"})

    def wait(self, timeout: float = 60) -> str:
        """Wait until the action is over and return its outcome.

        Raises:
            TimeoutError: with the history, if it is still open `timeout` seconds later.
        """
        return self._until(self.outcome, "end", timeout)

    def wait_for(
        self, condition: Callable[[list[Entry]], bool], what: str, timeout: float = 30
    ) -> list[Entry]:
        """Wait until the history fits a condition and return it.

        Raises:
            TimeoutError: with the history, if it does not fit `timeout` seconds later.
        """

        def look() -> list[Entry] | None:
            history = self.history()
            return history if condition(history) else None

        return self._until(look, what, timeout)

    def wait_for_message(self, pattern: str, timeout: float = 30) -> str:
        """Wait until a message matches a regular expression and return the first that does.

        Raises:
            TimeoutError: with the history, if there is none after `timeout` seconds.
        """

        def look() -> str | None:
            return next((text for text in self.messages() if re.search(pattern, text)), None)

        return self._until(look, f"message {pattern!r}", timeout)

    def _until(self, look: Callable[[], T | None], what: str, timeout: float) -> T:
        deadline = time.monotonic() + timeout
        while (found := look()) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"no {what} of action {self.id} within {timeout:g} s; its history: {self.history()}"
                )
            time.sleep(0.1)
        return found


def _schedule(window: Window) -> dict[str, str]:
    """Return a window as hawkBit wants it: Quartz's cron that fires once."""
    start = window.start.astimezone(UTC)
    hours, seconds = divmod(int(window.duration.total_seconds()), 3600)
    return {
        "schedule": f"{start.second} {start.minute} {start.hour} {start.day} {start.month} ? {start.year}",
        "duration": f"{hours:02}:{seconds // 60:02}:{seconds % 60:02}",
        "timezone": "+00:00",
    }
