# SPDX-License-Identifier: LGPL-2.1-or-later
"""What real servers answer, and a client whose server is a function."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import attrs
import hawkbit_ddi
import httpx
from hawkbit_ddi import (
    ActionFeedback,
    ActivateAutoConfirm,
    AssignedVersion,
    Client,
    ConfigData,
    ConfirmationFeedback,
    Result,
    Status,
)

BASE = "https://hawkbit.example:8443/prefix"
OWN = "/prefix/DEFAULT/controller/v1/dev-1"
TOKEN = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
INTERNAL = "http://10.0.0.7:8080/DEFAULT/controller/v1/dev-1"
"""How a server behind a proxy names the controller's own path."""

HAWKBIT_POLL = {
    "config": {"polling": {"sleep": "00:05:00"}},
    "_links": {
        "deploymentBase": {"href": f"{INTERNAL}/deploymentBase/7?c=-2127183556"},
        "installedBase": {"href": f"{INTERNAL}/installedBase/3"},
        "configData": {"href": f"{INTERNAL}/configData"},
    },
}
HAWKBIT_IDLE_POLL = {"config": {"polling": {"sleep": "PT25H1M18.004S"}}}
ARTIFACTS = [
    {
        "filename": "bundle v2.raucb",
        "hashes": {
            "sha1": "0c94a7e98a2e9ab38a0b5c3c2a1e7b8e3ff1a9f0",
            "md5": "5d41402abc4b2a76b9719d911017c592",
            "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        },
        "size": 5368709120,
        "_links": {
            "download-http": {"href": f"{INTERNAL}/softwaremodules/4/artifacts/bundle+v2.raucb"},
            "md5sum-http": {"href": f"{INTERNAL}/softwaremodules/4/artifacts/bundle+v2.raucb.MD5SUM"},
        },
    }
]
DEPLOYMENT = {
    "download": "forced",
    "update": "skip",
    "maintenanceWindow": "unavailable",
    "chunks": [
        {
            "part": "os",
            "version": "2.0",
            "name": "system",
            "encrypted": True,
            "artifacts": ARTIFACTS,
            "metadata": [{"key": "compatible", "value": "board-a"}],
        },
        {"part": "bApp", "version": "1", "name": "app", "artifacts": []},
    ],
}
HISTORY = {"status": "RUNNING", "messages": ["Downloaded 40%", "Update started"]}
HAWKBIT_DEPLOYMENT = {"id": "7", "deployment": DEPLOYMENT, "actionHistory": HISTORY}
HAWKBIT_CONFIRMATION = {"id": "7", "confirmation": DEPLOYMENT, "actionHistory": HISTORY}
HAWKBIT_CANCEL = {"id": "7", "cancelAction": {"stopId": "7"}}
HAWKBIT_CONFIRMATION_BASE = {
    "autoConfirm": {
        "active": True,
        "initiator": "ops",
        "remark": "night shift",
        "activatedAt": 1763990000000,
    },
    "_links": {
        "deactivateAutoConfirm": {"href": f"{INTERNAL}/confirmationBase/deactivateAutoConfirm"},
        "confirmationBase": {"href": f"{INTERNAL}/confirmationBase/7?c=1"},
    },
}
GOOSEBIT_POLL: dict[str, Any] = {"config": {"polling": {"sleep": "00:00:10"}}, "_links": {}}
GOOSEBIT_DEPLOYMENT = {
    "id": "-1",
    "deployment": {
        "download": "forced",
        "update": "forced",
        "chunks": [
            {
                "part": "os",
                "version": "1.2.3",
                "name": "bundle.raucb",
                "artifacts": [
                    {
                        "filename": "bundle.raucb",
                        "hashes": {"sha1": "0c94a7e98a2e9ab38a0b5c3c2a1e7b8e3ff1a9f0"},
                        "size": 4096,
                        "_links": {
                            "download": {"href": "http://goosebit:60053/DEFAULT/controller/v1/dev-1/download"}
                        },
                    }
                ],
            }
        ],
    },
}
NOT_FOUND = {
    "exceptionClass": "org.eclipse.hawkbit.repository.exception.EntityNotFoundException",
    "errorCode": "hawkbit.server.error.repo.entityNotFound",
    "message": "Action with given identifier {7} does not exist.",
    "info": {"type": "Action", "entityId": 7},
}
QUOTA = {
    "exceptionClass": "org.eclipse.hawkbit.repository.exception.AssignmentQuotaExceededException",
    "errorCode": "hawkbit.server.error.quota.tooManyEntries",
    "message": "Quota exceeded: Cannot assign 1 more ActionStatus entities to Action '7'.",
}
PORTAL = b"<!DOCTYPE html><html><body>Please accept our terms</body></html>"

FEEDBACK = ActionFeedback(
    status=Status(execution="closed", result=Result(finished="success"), details=["booted into B"])
)


TLS = httpx.create_ssl_context()
"""One for all clients: loading the authorities takes longer than a test."""


class Operation(NamedTuple):
    """One operation, called in a plain way, and what the server needs to answer."""

    name: str
    arguments: tuple[str, ...]
    body: Any
    method: str
    path: str
    answer: Any

    @property
    def module(self) -> Any:
        """The operation's module."""
        return getattr(hawkbit_ddi, self.name)

    @property
    def keywords(self) -> dict[str, Any]:
        """What is passed besides the client."""
        return {} if self.body is None else {"body": self.body}

    def response(self) -> httpx.Response:
        """A successful answer."""
        if self.answer is None:
            return httpx.Response(200)
        if isinstance(self.answer, bytes):
            return httpx.Response(200, content=self.answer)
        return httpx.Response(200, json=self.answer)


OPERATIONS = [
    Operation("get_controller_base", (), None, "GET", "", HAWKBIT_POLL),
    Operation("put_config_data", (), ConfigData(data={"hw": "a"}, mode="merge"), "PUT", "/configData", None),
    Operation("get_deployment_base", ("7",), None, "GET", "/deploymentBase/7", HAWKBIT_DEPLOYMENT),
    Operation("post_deployment_feedback", ("7",), FEEDBACK, "POST", "/deploymentBase/7/feedback", None),
    Operation("get_cancel_action", ("7",), None, "GET", "/cancelAction/7", HAWKBIT_CANCEL),
    Operation("post_cancel_feedback", ("7",), FEEDBACK, "POST", "/cancelAction/7/feedback", None),
    Operation("get_installed_base", ("7",), None, "GET", "/installedBase/7", HAWKBIT_DEPLOYMENT),
    Operation(
        "put_installed_base", (), AssignedVersion(name="os", version="2"), "PUT", "/installedBase", None
    ),
    Operation("get_confirmation_base", (), None, "GET", "/confirmationBase", HAWKBIT_CONFIRMATION_BASE),
    Operation("get_confirmation_action", ("7",), None, "GET", "/confirmationBase/7", HAWKBIT_CONFIRMATION),
    Operation(
        "post_confirmation_feedback",
        ("7",),
        ConfirmationFeedback(confirmation="confirmed"),
        "POST",
        "/confirmationBase/7/feedback",
        None,
    ),
    Operation(
        "activate_auto_confirm",
        (),
        ActivateAutoConfirm(initiator="ops"),
        "POST",
        "/confirmationBase/activateAutoConfirm",
        None,
    ),
    Operation("deactivate_auto_confirm", (), None, "POST", "/confirmationBase/deactivateAutoConfirm", None),
    Operation("get_artifacts", ("4",), None, "GET", "/softwaremodules/4/artifacts", ARTIFACTS),
    Operation(
        "download_artifact", ("4", "a b"), None, "GET", "/softwaremodules/4/artifacts/a%20b", b"\x00bundle"
    ),
    Operation(
        "get_artifact_md5sum",
        ("4", "a b"),
        None,
        "GET",
        "/softwaremodules/4/artifacts/a%20b.MD5SUM",
        b"5d41402abc4b2a76b9719d911017c592  a b",
    ),
]
READS = [operation for operation in OPERATIONS if operation.answer is not None]
WRITES = [operation for operation in OPERATIONS if operation.answer is None]


def name_of(operation: Operation) -> str:
    """How a test case is called."""
    return operation.name


def client_of(server: Callable[[httpx.Request], httpx.Response], **options: Any) -> Client:
    """A client whose server is a function."""
    options = {"target_token": TOKEN, "verify": TLS} | options
    transport = httpx.MockTransport(server)
    return Client(BASE, "dev-1", transport=transport, async_transport=transport, **options)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values within a JSON value."""
    yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


def walk(value: Any) -> None:
    """Read and print all members of a model, and see that they are of the types they claim."""
    repr(value)
    if attrs.has(type(value)):
        for member in attrs.fields(type(value)):
            inner = getattr(value, member.name)
            if member.name != "raw":
                assert inner is not None or "None" in str(member.type), member
                walk(inner)
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            walk(inner)
