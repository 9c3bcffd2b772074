# SPDX-License-Identifier: LGPL-2.1-or-later
"""The driver of the Management API understands each version's words, and goes on with those of newer servers."""

import json
from collections.abc import Callable, Iterator

import httpx
import pytest
from rig.management_api import ManagedHawkbit

from hawkbit_testing.management import (
    AUTOCLOSE,
    CONFIRMATION_FLOW,
    GATEWAY,
    GATEWAY_TOKEN,
    TARGET_TOKENS,
    NotPutBackError,
    Server,
)
from hawkbit_testing.wire import Answer, Request, Web

#: What all versions tell of an action beside what its end is told by; the form is that of hawkBit's own documents.
ACTION = {
    "id": 7,
    "type": "update",
    "forceType": "forced",
    "createdBy": "admin",
    "createdAt": 1691065903238,
    "lastModifiedBy": "admin",
    "lastModifiedAt": 1691065929524,
    "_links": {"self": {"href": "https://hawkbit.example.com/rest/v1/targets/dev-1/actions/7"}},
}


@pytest.fixture
def served() -> Iterator[Callable[[dict[str, object]], Server]]:
    """Serves answers of the Management API by their paths, and returns a driver of them."""
    answers: dict[str, object] = {}
    web = Web(lambda request: answered(answers, request))

    def serve(wanted: dict[str, object]) -> Server:
        answers.update(wanted)
        return Server(web.url, "admin", "x")

    web.up()
    yield serve
    web.down()


def answered(answers: dict[str, object], request: Request) -> Answer:
    path = request.path.removeprefix("/rest/v1")
    if path not in answers:
        return Answer(404)
    return Answer(200, {"Content-Type": "application/json"}, json.dumps(answers[path]).encode())


def history(*types: str) -> dict[str, object]:
    """A list of an action's entries as the Management API tells it."""
    entries = [
        {
            "id": number,
            "type": kind,
            "messages": [f"said {kind}"],
            "timestamp": 1691065929524,
            "reportedAt": 1,
        }
        for number, kind in enumerate(types)
    ]
    return {"content": entries, "total": len(entries), "size": len(entries)}


@pytest.mark.parametrize(
    ("told", "entries", "outcome"),
    [
        # 0.3: `status` says no more than whether it is over; how, the history says.
        ({"status": "pending"}, ["running", "error"], None),
        ({"status": "finished"}, ["running", "finished"], "finished"),
        ({"status": "finished"}, ["running", "canceled", "error"], "error"),
        ({"status": "finished"}, ["running", "canceling", "canceled"], "canceled"),
        ({"status": "finished"}, ["running", "finished", "retrieved"], "finished"),
        ({"status": "finished"}, ["running", "downloaded"], "finished"),
        # 0.5 to 0.9: the same, and `detailStatus` says how it stands.
        ({"status": "pending", "detailStatus": "canceling"}, ["running", "canceling"], None),
        ({"status": "finished", "detailStatus": "error"}, ["running", "error"], "error"),
        ({"status": "finished", "detailStatus": "retrieved"}, ["error", "retrieved"], "error"),
        ({"status": "finished", "detailStatus": "downloaded"}, ["error", "downloaded"], "finished"),
        ({"status": "finished", "detailStatus": "scheduled"}, [], None),
        # Since 0.10: `active` says whether it is over, and `status` how it stands.
        ({"active": True, "status": "running"}, ["running"], None),
        ({"active": True, "status": "retrieved"}, ["running", "retrieved"], None),
        ({"active": True, "status": "wait_for_confirmation"}, ["wait_for_confirmation"], None),
        ({"active": True, "status": "canceling"}, ["running", "canceling"], None),
        ({"active": True, "status": "warning"}, ["running", "warning"], None),
        ({"active": True, "status": "running"}, ["canceling", "error"], None),
        ({"active": False, "status": "scheduled"}, [], None),
        ({"active": False, "status": "finished"}, ["running", "finished"], "finished"),
        ({"active": False, "status": "error"}, ["running", "error"], "error"),
        ({"active": False, "status": "canceled"}, ["canceling", "canceled"], "canceled"),
        ({"active": False, "status": "downloaded"}, ["running", "downloaded"], "finished"),
        ({"active": False, "status": "retrieved"}, ["running", "finished", "retrieved"], "finished"),
        ({"active": False, "status": "retrieved"}, ["running", "error", "retrieved"], "error"),
        ({"active": False, "status": "running"}, ["canceling", "canceled", "cancel_rejected"], "canceled"),
        # A newer server's words.
        ({"active": True, "status": "paused"}, ["running", "paused"], None),
        ({"active": False, "status": "superseded"}, ["error", "superseded"], "superseded"),
    ],
)
def test_the_end_of_an_action_is_understood(told, entries, outcome, served) -> None:
    """In the words of each version; a word that nobody knows is told as it is."""
    path = "/targets/dev-1/actions/7"
    answers = {
        "/targets/dev-1": {"controllerId": "dev-1", "securityToken": "secret"},
        "/targets/dev-1/actions": {"content": [ACTION | told], "total": 1},
        path: ACTION | told,
        f"{path}/status": history(*entries),
    }
    (action,) = served(answers).target("dev-1").actions
    assert action.outcome() == outcome
    assert [entry.type for entry in action.history()] == entries


@pytest.mark.parametrize("version", ["0.3", "0.9", "1.1"])
def test_an_operator_does_the_same_on_each_version(version: str) -> None:
    """Assignments are followed to their ends, also if the controller reads the action once more afterwards."""
    with ManagedHawkbit(version) as hawkbit:
        target = Server(hawkbit.url, "admin", "x", version).target("dev-1", "secret")
        headers = {"Authorization": "TargetToken secret"}
        base = f"{hawkbit.url}/DEFAULT/controller/v1/dev-1"
        controller = httpx.Client(headers=headers, trust_env=False)

        def tell(number: int, execution: str, finished: str, channel: str = "deploymentBase") -> None:
            status = {"execution": execution, "result": {"finished": finished}}
            body = {"id": str(number), "status": status}
            controller.post(f"{base}/{channel}/{number}/feedback", json=body).raise_for_status()

        done = target.assign({"a.raucb": b"a"})
        tell(done.id, "proceeding", "none")
        assert done.outcome() is None
        tell(done.id, "closed", "success")
        controller.get(f"{base}/deploymentBase/{done.id}").raise_for_status()
        assert done.wait(1) == "finished"
        failed = target.assign({"b.raucb": b"b"})
        tell(failed.id, "closed", "failure")
        assert (failed.wait(1), target.update_status) == ("error", "error")
        canceled = target.assign({"c.raucb": b"c"})
        canceled.cancel()
        assert canceled.outcome() is None
        tell(canceled.id, "closed", "success", "cancelAction")
        assert canceled.wait(1) == "canceled"
        fetched = target.assign({"d.raucb": b"d"}, download_only=True)
        tell(fetched.id, "downloaded", "none")
        assert fetched.wait(1) == "finished"


def test_settings_are_put_back_exactly() -> None:
    """A default becomes the server's default again, a token that nobody uses stays, an unknown key is passed over."""
    with ManagedHawkbit() as hawkbit:
        hawkbit.settings |= {GATEWAY_TOKEN: "old", AUTOCLOSE: True}
        before = dict(hawkbit.settings)
        server = Server(hawkbit.url, "admin", "x")
        keys = (CONFIRMATION_FLOW, AUTOCLOSE, GATEWAY, GATEWAY_TOKEN, "multi.assignments.enabled")
        kept = server.settings(keys)
        assert kept == {CONFIRMATION_FLOW: None, AUTOCLOSE: True, GATEWAY: None, GATEWAY_TOKEN: "old"}
        server.confirmation_flow, server.autoclose, server.gateway_token = True, False, "new"
        assert (hawkbit.confirmation_flow, hawkbit.autoclose, hawkbit.gateway_token) == (True, False, "new")
        server.put_back(kept)
        assert hawkbit.settings == before
        assert TARGET_TOKENS in before


def test_a_setting_that_cant_be_put_back_is_told() -> None:
    """With its name, and the others are put back."""
    with ManagedHawkbit() as hawkbit:
        server = Server(hawkbit.url, "admin", "x")
        kept = server.settings([AUTOCLOSE]) | {"no.such.key": True}
        server.autoclose = True
        with pytest.raises(NotPutBackError, match=r"could not be put back: no\.such\.key: PUT .*: 400"):
            server.put_back({"no.such.key": True} | kept)
        assert AUTOCLOSE not in hawkbit.settings
