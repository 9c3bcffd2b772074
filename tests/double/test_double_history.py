# SPDX-License-Identifier: LGPL-2.1-or-later
"""What each version of the double writes into histories, and takes as a message: facts of hawkBit's sources."""

from typing import Any

import httpx
import pytest

from hawkbit_testing import Hawkbit

FILES = {"a.raucb": b"a"}
ASSIGNED = "Assignment initiated by user 'admin'"


class Controller:
    """A controller of a double."""

    def __init__(self, hawkbit: Hawkbit, **headers: str) -> None:
        self.base = f"{hawkbit.url}/DEFAULT/controller/v1/dev-1"
        headers = headers or {"Authorization": f"TargetToken {hawkbit.target('dev-1').token}"}
        self.http = httpx.Client(transport=hawkbit.transport, headers=headers)

    def history(self, kind: str, number: int) -> list[str]:
        answer = self.http.get(f"{self.base}/{kind}/{number}?actionHistory=10")
        answer.raise_for_status()
        told = answer.json()
        return list(told.get("actionHistory", {}).get("messages", []))

    def tell(self, number: int, execution: str, *details: str, **more: Any) -> int:
        status = {"execution": execution, "result": {"finished": "success"}, "details": list(details), **more}
        body = {"id": str(number), "status": status}
        return self.http.post(f"{self.base}/deploymentBase/{number}/feedback", json=body).status_code


@pytest.mark.parametrize(
    ("version", "told"), [("0.3", []), ("0.5", [ASSIGNED]), ("1.0", [ASSIGNED]), ("1.1", [ASSIGNED])]
)
def test_a_history_begins_with_who_assigned(version: str, told: list[str]) -> None:
    """Since 0.5, and controllers are told of it; what the server says with its prefix they are not."""
    hawkbit = Hawkbit(version)
    action = hawkbit.target("dev-1").assign(FILES)
    controller = Controller(hawkbit)
    assert controller.history("deploymentBase", action.id) == told
    controller.tell(action.id, "proceeding", "working")
    assert controller.history("deploymentBase", action.id) == ["working", *told]


def test_a_history_says_that_consent_is_waited_for() -> None:
    """Behind who assigned."""
    hawkbit = Hawkbit()
    hawkbit.confirmation_flow = True
    action = hawkbit.target("dev-1").assign(FILES)
    waits = "Waiting for the confirmation by the device before processing with the deployment"
    assert Controller(hawkbit).history("confirmationBase", action.id) == [ASSIGNED, waits]


@pytest.mark.parametrize(
    ("version", "messages"),
    [
        ("0.3", ("a",)),
        ("0.5", ("a", "Device reported status code: 7")),
        ("1.1", ("a", "Device reported status code: 7")),
    ],
)
def test_a_code_is_a_message_too(version: str, messages: tuple[str, ...]) -> None:
    """Without the server's prefix, in versions that know codes."""
    hawkbit = Hawkbit(version)
    action = hawkbit.target("dev-1").assign(FILES)
    assert Controller(hawkbit).tell(action.id, "proceeding", "a", code=7) == 200
    assert action.history()[-1].messages == messages


@pytest.mark.parametrize(
    ("text", "before", "since"),
    [
        ("<none>", 400, 400),
        ("<class 'X'>", 400, 400),
        ("a<b>c", 400, 400),
        ("<!-- x -->", 400, 400),
        ("<?xml version='1.0'?>", 400, 400),
        ("<?", 400, 400),
        ("</ none", 400, 400),
        ("<?xml", 400, 200),
        ("a<!b", 400, 200),
        ("a<b", 200, 200),
        ("a < b > c", 200, 200),
        ("<1>", 200, 200),
        ("</b>", 200, 200),
        ("5 > 4", 200, 200),
    ],
)
def test_markup_is_refused(text: str, before: int, since: int) -> None:
    """A refused message leaves the action open; since 0.8 a `<?name` that is not closed is none."""
    for version, status in (("0.6", before), ("0.8", since), ("1.1", since)):
        hawkbit = Hawkbit(version)
        action = hawkbit.target("dev-1").assign(FILES)
        assert (version, Controller(hawkbit).tell(action.id, "closed", text)) == (version, status)
        assert action.active == (status == 400)


def test_reading_a_deployment_after_progress_is_the_newest_entry() -> None:
    """And the action's status, also if progress was told between."""
    hawkbit = Hawkbit()
    action = hawkbit.target("dev-1").assign(FILES)
    controller = Controller(hawkbit)
    for _ in range(2):
        controller.tell(action.id, "proceeding")
        controller.history("deploymentBase", action.id)
        assert (action.history()[-1].type, action.status, action.active) == ("retrieved", "retrieved", True)


@pytest.mark.parametrize(
    ("version", "named", "status", "code"),
    [
        ("0.5", "there is", 404, None),
        ("0.6", "there is not", 404, "hawkbit.server.error.repo.entitiyNotFound"),
        ("0.6", "there is", 500, None),
        ("1.1", "there is not", 404, "hawkbit.server.error.repo.entityNotFound"),
        ("1.1", "there is", 500, None),
    ],
)
def test_an_unknown_target_can_tell_nothing(version: str, named: str, status: int, code: str | None) -> None:
    """The set is looked for first; then the server falls over the target, and registers nobody."""
    hawkbit = Hawkbit(version, gateway_token="shared")
    hawkbit.distribution_set(hawkbit.module(FILES), name="there is")
    controller = Controller(hawkbit, Authorization="GatewayToken shared")
    answer = controller.http.put(f"{controller.base}/installedBase", json={"name": named, "version": "1"})
    assert (answer.status_code, answer.json().get("errorCode")) == (status, code)
    assert hawkbit.targets == {}
