# SPDX-License-Identifier: LGPL-2.1-or-later
"""A real hawkBit: started here, or one that runs elsewhere already; driven through its Management API."""

import os
import re
import secrets
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import httpx

from rig.action import Action
from rig.hawkbit_server import Server
from rig.process import wait_until
from rig.target import Target

AssignType = Literal["forced", "soft", "timeforced", "downloadonly"]


class Hawkbit:
    """A hawkBit server; `host` is what a controller's configuration names."""

    def __init__(self, url: str, user: str = "admin", password: str = "admin") -> None:
        """Use a server that runs already; `started` starts one."""
        self.url = url.rstrip("/")
        self.host = self.url.split("://", 1)[1]
        self.tenant = "DEFAULT"
        self._http = httpx.Client(auth=(user, password), timeout=60, trust_env=False)
        self._server: Server | None = None

    @classmethod
    def started(cls, folder: Path, properties: dict[str, object] | None = None) -> Self:
        """Start a server of our own and wait until it answers.

        Args:
            folder: what it keeps.
            properties: Spring's, such as `hawkbit.server.security.dos.filter.maxRead`.
        """
        server = Server(folder, properties or {})
        hawkbit = cls(f"http://127.0.0.1:{server.port}")
        server.wait(hawkbit.answers)
        hawkbit._server = server
        return hawkbit

    @classmethod
    def chosen(cls, folder: Path) -> Self:
        """Use the server that HAWKBIT_URL, HAWKBIT_USER and HAWKBIT_PASSWORD name, or start one."""
        url = os.environ.get("HAWKBIT_URL")
        if not url:
            return cls.started(folder)
        user, password = (os.environ.get(f"HAWKBIT_{key}", "admin") for key in ("USER", "PASSWORD"))
        hawkbit = cls(url, user, password)
        wait_until(hawkbit.answers, f"hawkBit at {url}", 180, 0.3)
        hawkbit.configure("authentication.targettoken.enabled", True)  # off by default on newer ones
        return hawkbit

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the server, if it was started here."""
        self._http.close()
        if self._server is not None:
            self._server.close()

    def answers(self) -> bool:
        """Say whether the Management API answers."""
        try:
            return self._http.get(f"{self.url}/rest/v1/targets?limit=1").status_code == 200
        except httpx.TransportError:
            return False

    # what kind of server it is

    @cached_property
    def document(self) -> dict[str, Any]:
        """Its OpenAPI document of the DDI; empty where it has none (0.3)."""
        answer = self._http.get(f"{self.url}/v3/api-docs/Direct%20Device%20Integration%20API")
        self._charset = "charset" in answer.headers.get("Content-Type", "")
        return dict(answer.json()) if answer.status_code == 200 else {}

    @cached_property
    def version(self) -> tuple[int, int]:
        """The first two numbers of its version, from HAWKBIT_VERSION, or from what its document says.

        0.10 and 1.0 have the same document and are told as 1.0.
        """
        given = os.environ.get("HAWKBIT_VERSION", "") if self._server is None else ""
        found = re.match(r"(\d+)\.(\d+)", given or self.document.get("info", {}).get("version", ""))
        if found:
            return int(found[1]), int(found[2])
        if not self.document:
            return 0, 3
        components = self.document.get("components", {})
        if not self.has_installed_base:
            return 0, 5
        if not self.has_timestamp:
            return 0, 6
        if components["schemas"]["DdiPolling"]["properties"]["sleep"].get("pattern") == "HH:MM:SS":
            return (0, 9) if "Token" in components.get("securitySchemes", {}) else (0, 8)
        return (1, 0) if self._charset else (1, 1)

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

    @property
    def quotes_etag(self) -> bool:
        """Whether an artifact's ETag stands in quotes, as the standard wants (since 0.10)."""
        return self.version >= (0, 10)

    # the Management API

    def rest(self, method: str, path: str, **options: Any) -> Any:
        """Send a request below `/rest/v1` and return the decoded answer, None if it is empty.

        Raises:
            RuntimeError: with the answer, if its status is 400 or more.
        """
        answer = self._http.request(method, f"{self.url}/rest/v1{path}", **options)
        if answer.status_code >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
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

    def set_polling(self, interval: str) -> None:
        """Set the interval that controllers are told, `HH:MM:SS`; other servers take 00:00:30 at the least."""
        self.configure("pollingTime", interval)

    def create_target(self, name: str | None = None, token: str | None = None) -> Target:
        """Create a target; both are drawn unless given."""
        target = Target(name or f"rig-{secrets.token_hex(4)}", token or secrets.token_hex(16))
        body = {"controllerId": target.id, "name": target.id, "securityToken": target.token}
        self.rest("POST", "/targets", json=[body])
        return target

    def delete_target(self, target: Target) -> None:
        """Delete a target and its actions."""
        self.rest("DELETE", f"/targets/{target.id}")

    def set_token(self, target: Target, token: str) -> Target:
        """Give a target another token, so that the old one is refused."""
        self.rest("PUT", f"/targets/{target.id}", json={"securityToken": token})
        return Target(target.id, token)

    def target(self, target: Target) -> dict[str, Any]:
        """Return a target as the Management API tells it."""
        answer: dict[str, Any] = self.rest("GET", f"/targets/{target.id}")
        return answer

    def update_status(self, target: Target) -> str:
        """Return `unknown`, `registered`, `pending`, `in_sync` or `error`."""
        return str(self.target(target)["updateStatus"])

    def attributes(self, target: Target) -> dict[str, str]:
        """Return the attributes that the controller told."""
        return dict(self.rest("GET", f"/targets/{target.id}/attributes") or {})

    def request_attributes(self, target: Target) -> None:
        """Ask the controller for its attributes."""
        self.rest("PUT", f"/targets/{target.id}", json={"requestAttributes": True})

    def module(self, files: Mapping[str, bytes | Path], kind: str = "os") -> int:
        """Create a software module with artifacts, by file name, and return its id."""
        name = f"module-{secrets.token_hex(4)}"
        created = self.rest("POST", "/softwaremodules", json=[{"name": name, "version": "1", "type": kind}])
        number = int(created[0]["id"])
        for file_name, content in files.items():
            data = content.read_bytes() if isinstance(content, Path) else content
            upload = {"file": (file_name, data, "application/octet-stream")}
            self.rest("POST", f"/softwaremodules/{number}/artifacts", files=upload)
        return number

    def distribution(self, files: Mapping[str, bytes | Path] | Path, modules: Sequence[int] = ()) -> int:
        """Create a distribution set of one module with these files (or one file) and return its id.

        Args:
            files: artifacts of its module of type `os`, by file name, or one file.
            modules: further modules of type `application`.
        """
        content: Mapping[str, bytes | Path] = {files.name: files} if isinstance(files, Path) else files
        numbers = [self.module(content), *modules]
        body = {
            "name": f"set-{secrets.token_hex(4)}",
            "version": "1",
            "type": "os_app" if modules else "os",
            "modules": [{"id": number} for number in numbers],
        }
        return int(self.rest("POST", "/distributionsets", json=[body])[0]["id"])

    def assign(
        self,
        target: Target,
        distribution: int,
        kind: AssignType = "forced",
        force_time: int | None = None,
        window: tuple[str, str, str] | None = None,
        **more: object,
    ) -> Action:
        """Assign a distribution set to a target and return the new action.

        Args:
            target: the target.
            distribution: the set's id.
            kind: how urgent it is.
            force_time: for `timeforced`, when it becomes forced, in milliseconds since 1970.
            window: maintenance window: schedule (Quartz's cron), duration HH:MM:SS, time zone +HH:MM.
            more: further keys, such as `weight` or `confirmationRequired`.
        """
        body: dict[str, object] = {"id": target.id, "type": kind, **more}
        if force_time is not None:
            body["forcetime"] = force_time
        if window is not None:
            schedule, duration, timezone = window
            body["maintenanceWindow"] = {"schedule": schedule, "duration": duration, "timezone": timezone}
        self.rest("POST", f"/distributionsets/{distribution}/assignedTargets", json=[body])
        newest = self.rest("GET", f"/targets/{target.id}/actions?limit=1&sort=id:DESC")["content"][0]
        return Action(self.rest, target, int(newest["id"]))

    def actions(self, target: Target) -> list[Action]:
        """Return the actions of a target, the oldest first."""
        content = self.rest("GET", f"/targets/{target.id}/actions?limit=100&sort=id:ASC")["content"]
        return [Action(self.rest, target, int(action["id"])) for action in content]
