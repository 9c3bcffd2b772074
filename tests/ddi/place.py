# SPDX-License-Identifier: LGPL-2.1-or-later
"""A server with a target, spoken to in plain HTTP: what stands on the wire, without our own client."""

import httpx
from attrs import define, field

import hawkbit_testing
from hawkbit_testing.state import Quirks


@define
class Site:
    """A server with a target of its own, spoken to in plain HTTP as that target."""

    server: hawkbit_testing.Hawkbit
    target: hawkbit_testing.Target = field(init=False)
    http: httpx.Client = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.target = self.server.create_target()
        self.http = httpx.Client(headers={"Authorization": f"TargetToken {self.target.token}"}, timeout=30)

    @property
    def base(self) -> str:
        """The target's own path."""
        return f"{self.server.url}/{self.server.tenant}/controller/v1/{self.target.id}"

    @property
    def quirks(self) -> Quirks:
        """What the server's version does differently."""
        return Quirks(self.server.version)

    def assign(self, content: bytes = b"bundle", name: str = "a.raucb", kind: str = "forced", **more):
        """Roll a file out to the target."""
        return self.server.assign(self.target, self.server.distribution({name: content}), kind, **more)

    def get(self, path: str = "", **headers: str) -> httpx.Response:
        """GET below the target's path, or a whole URL."""
        return self.http.get(path if "://" in path else self.base + path, headers=headers)

    def links(self) -> dict[str, str]:
        """The hrefs of a poll by relation."""
        return {name: link["href"] for name, link in self.get().json().get("_links", {}).items()}

    def artifact(self, action) -> str:
        """The link to the only file of an action."""
        payload = self.get(f"/deploymentBase/{action.id}").json()
        return payload["deployment"]["chunks"][0]["artifacts"][0]["_links"]["download-http"]["href"]

    def tell(
        self, action, execution: str, finished: str = "none", *details: str, channel: str = "deploymentBase"
    ) -> httpx.Response:
        """POST feedback."""
        status = {"execution": execution, "result": {"finished": finished}, "details": list(details)}
        body = {"id": str(action.id), "status": status}
        return self.http.post(f"{self.base}/{channel}/{action.id}/feedback", json=body)
