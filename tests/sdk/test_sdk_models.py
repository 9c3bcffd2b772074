# SPDX-License-Identifier: LGPL-2.1-or-later
"""Answers are read leniently, requests are strict; over mutated real answers nothing leaves the documented tree."""

import copy
import json
from email.utils import formatdate
from typing import Any

import attrs
import httpx
import pytest
from hawkbit_ddi import (
    ActionFeedback,
    Cancel,
    ConfigData,
    ConfirmationBase,
    ConfirmationFeedback,
    ControllerBase,
    DdiError,
    DeploymentBase,
    ExceptionInfo,
    Progress,
    Result,
    Status,
    StatusError,
    errors,
    get_artifacts,
    models,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from sdk.sdk_answers import (
    ARTIFACTS,
    GOOSEBIT_DEPLOYMENT,
    GOOSEBIT_POLL,
    HAWKBIT_CANCEL,
    HAWKBIT_CONFIRMATION,
    HAWKBIT_CONFIRMATION_BASE,
    HAWKBIT_DEPLOYMENT,
    HAWKBIT_IDLE_POLL,
    HAWKBIT_POLL,
    NOT_FOUND,
    READS,
    client_of,
    places,
    walk,
)


def test_hawkbits_answers_are_read_in_full() -> None:
    """Every member of hawkBit's answers is where its name says."""
    base = ControllerBase.from_dict(HAWKBIT_POLL)
    assert base.config.polling.sleep == "00:05:00"
    assert list(base.links) == ["deploymentBase", "installedBase", "configData"]
    offer = DeploymentBase.from_dict(HAWKBIT_DEPLOYMENT)
    assert offer.id == "7"
    deployment = offer.deployment
    assert (deployment.download, deployment.update, deployment.maintenance_window) == (
        "forced",
        "skip",
        "unavailable",
    )
    system, app = deployment.chunks
    assert (system.part, system.name, system.version, system.encrypted) == ("os", "system", "2.0", True)
    assert [(m.key, m.value) for m in system.metadata] == [("compatible", "board-a")]
    assert (app.artifacts, app.metadata, app.encrypted) == ([], [], None)
    (artifact,) = system.artifacts
    assert (artifact.filename, artifact.size) == ("bundle v2.raucb", 5368709120)
    hashes = ARTIFACTS[0]["hashes"]
    assert {
        "sha1": artifact.hashes.sha1,
        "md5": artifact.hashes.md5,
        "sha256": artifact.hashes.sha256,
    } == hashes
    assert artifact.links["download-http"].href.endswith("bundle+v2.raucb")
    assert offer.action_history.messages == ["Downloaded 40%", "Update started"]
    assert offer.action_history.status == "RUNNING"
    assert Cancel.from_dict(HAWKBIT_CANCEL).cancel_action.stop_id == "7"
    consent = ConfirmationBase.from_dict(HAWKBIT_CONFIRMATION_BASE).auto_confirm
    assert (consent.active, consent.initiator, consent.activated_at) == (True, "ops", 1763990000000)
    error = ExceptionInfo.from_dict(NOT_FOUND)
    assert error.info == {"type": "Action", "entityId": 7}


def test_goosebits_answers_are_read_in_full() -> None:
    """goosebit's negative ids, single hash and empty links are fine."""
    assert ControllerBase.from_dict(GOOSEBIT_POLL).links == {}
    offer = DeploymentBase.from_dict(GOOSEBIT_DEPLOYMENT)
    (artifact,) = offer.deployment.chunks[0].artifacts
    assert (offer.id, artifact.size, artifact.hashes.sha256) == ("-1", 4096, None)
    assert offer.deployment.maintenance_window is None


@pytest.mark.parametrize(
    "nothing", [{}, {"deployment": None}, {"deployment": []}, {"deployment": {"chunks": None}}]
)
def test_chains_of_members_never_fail(nothing: dict[str, Any]) -> None:
    """What is absent, null or of the wrong type is empty, and `raw` tells which."""
    offer = DeploymentBase.from_dict(nothing)
    assert offer.deployment.chunks == []
    assert offer.action_history.messages == []
    assert offer.links == {}
    assert offer.id is None
    assert offer.raw is nothing
    assert ControllerBase.from_dict({"config": 7}).config.polling.sleep is None


def test_odd_members_are_left_out_and_stay_reachable() -> None:
    """A null chunk, an id that is a number, an unknown literal, a link array, a wrong size: each costs itself only."""
    answer = {
        "id": 7,
        "later": {"than": "1.1"},
        "deployment": {
            "download": "eventually",
            "update": 5.5,
            "chunks": [
                None,
                "text",
                {
                    "version": 2,
                    "encrypted": "yes",
                    "metadata": [None, {"key": "a", "value": None}],
                    "artifacts": [
                        {
                            "size": "123",
                            "_links": {"a": [{}, {"href": ""}, {"href": "u"}], "b": [], "c": None, "d": {}},
                        },
                        {"size": 1e3, "hashes": {"md5": None, "sha1": ["x"]}},
                        {"size": 1.5, "_links": []},
                        {"size": True, "filename": False},
                        {"size": float("inf")},
                    ],
                },
            ],
        },
        "actionHistory": {"messages": [1, None, "a", {}]},
    }
    offer = DeploymentBase.from_dict(answer)
    (chunk,) = offer.deployment.chunks
    assert offer.id == "7"
    assert (offer.deployment.download, offer.deployment.update) == ("eventually", "5.5")
    assert (chunk.version, chunk.encrypted) == ("2", None)
    assert [m.value for m in chunk.metadata] == [None]
    assert [a.size for a in chunk.artifacts] == [123, 1000, None, None, None]
    assert {rel: link.href for rel, link in chunk.artifacts[0].links.items()} == {"a": "u"}
    assert chunk.artifacts[3].filename is None
    assert offer.action_history.messages == ["1", "a"]
    assert offer.raw["later"] == {"than": "1.1"}
    assert chunk.raw["encrypted"] == "yes"


REAL = [
    HAWKBIT_POLL,
    HAWKBIT_IDLE_POLL,
    HAWKBIT_DEPLOYMENT,
    HAWKBIT_CONFIRMATION,
    HAWKBIT_CANCEL,
    HAWKBIT_CONFIRMATION_BASE,
    GOOSEBIT_POLL,
    GOOSEBIT_DEPLOYMENT,
    ARTIFACTS,
    NOT_FOUND,
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A real answer with members exchanged, doubled or removed, or its bytes cut or changed."""
    value = copy.deepcopy(draw(st.sampled_from(REAL)))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(list(places(value))))
        if not path:
            value = draw(json_values)
            break
        parent = value
        for key in path[:-1]:
            parent = parent[key]
        what = draw(st.sampled_from(["exchange", "remove", "array", "copy"]))
        if what == "remove":
            del parent[path[-1]]
        elif what == "array":
            parent[path[-1]] = [None, parent[path[-1]]]
        elif what == "copy":
            other: Any = draw(st.sampled_from(REAL))
            for key in draw(st.sampled_from(list(places(other)))):
                other = other[key]
            parent[path[-1]] = copy.deepcopy(other)
        else:
            parent[path[-1]] = draw(json_values)
    body = json.dumps(value).encode()
    if draw(st.integers(0, 3)) == 0:
        at = draw(st.integers(0, len(body)))
        body = body[:at] + draw(st.binary(max_size=4)) + body[at + draw(st.integers(0, 4)) :]
    return body


@settings(max_examples=300, deadline=None)
@given(bodies(), st.sampled_from(READS), st.sampled_from([200, 200, 200, 206, 404, 429, 500, 520]))
def test_no_answer_breaks_a_caller(body: bytes, operation: Any, status: int) -> None:
    """Over mutated real answers every operation returns a model that can be walked, or raises a DdiError."""
    headers = [(b"Retry-After", body[:9])]
    client = client_of(lambda _: httpx.Response(status, content=body, headers=headers))
    error = None
    result = None
    try:
        result = operation.module.sync(*operation.arguments, client=client)
    except DdiError as refusal:
        error = refusal
    if error is None:
        assert status < 300
        walk(result)
        return
    assert status != 200 or isinstance(error, errors.UnreadableAnswerError)
    assert str(error).isprintable()
    if isinstance(error, StatusError):
        assert error.retry_after is None or 0 <= error.retry_after <= 31_536_000


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Status(execution="finished", result=Result(finished="success")),  # type: ignore[arg-type]
        lambda: Status(execution="closed", result={"finished": "success"}),  # type: ignore[arg-type]
        lambda: Status(execution="closed", result=Result(finished="success"), details="text"),  # type: ignore[arg-type]
        lambda: Status(execution="closed", result=Result(finished="success"), details=[1]),  # type: ignore[list-item]
        lambda: Status(execution="closed", result=Result(finished="success"), code="1"),  # type: ignore[arg-type]
        lambda: Result(finished=True),  # type: ignore[arg-type]
        lambda: ConfigData(data={}),
        lambda: ConfigData(data={"a": 1}),  # type: ignore[dict-item]
        lambda: ConfigData(data={"a": "b"}, mode="add"),  # type: ignore[arg-type]
        lambda: ConfirmationFeedback(confirmation="maybe"),  # type: ignore[arg-type]
        lambda: ActionFeedback(id="7"),  # type: ignore[call-arg]
        lambda: ActionFeedback(status=None),  # type: ignore[arg-type]
        lambda: ActionFeedback(
            status=Status(execution="closed", result=Result(finished="none")), timestamp="now"
        ),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_request_is_refused_before_it_is_sent(wrong: Any) -> None:
    """What a server would answer with 400 is an error where it is written."""
    with pytest.raises((TypeError, ValueError)):
        wrong()


def test_a_request_says_what_was_given_and_nothing_else() -> None:
    """Members that were not given are left out, timestamps above all; details are always an array."""
    status = Status(
        execution="proceeding",
        result=Result(finished="none", progress=Progress(cnt=1, of=4)),
        code=-1,
        details=["a"],
    )
    assert ActionFeedback(id="7", status=status, timestamp=1).to_dict() == {
        "id": "7",
        "timestamp": 1,
        "status": {
            "execution": "proceeding",
            "result": {"finished": "none", "progress": {"cnt": 1, "of": 4}},
            "code": -1,
            "details": ["a"],
        },
    }
    assert ConfirmationFeedback(confirmation="denied").to_dict() == {"confirmation": "denied", "details": []}
    assert ConfigData(data={"a": "b"}).to_dict() == {"data": {"a": "b"}}


def test_every_model_says_what_it_is() -> None:
    """Each class has a docstring, and each answer's class reads an empty object."""
    for name in models.__all__:
        model = getattr(models, name)
        if attrs.has(model):
            assert model.__doc__
            assert hasattr(model, "from_dict") != hasattr(model, "to_dict")
            if hasattr(model, "from_dict"):
                assert model.from_dict({}) == model()


NOW = 1_763_990_000


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "120"}, 120.0),
        ({"retry-after": " 5 "}, 5.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": formatdate(NOW + 90, usegmt=True), "date": formatdate(NOW, usegmt=True)}, 90.0),
        ({"retry-after": formatdate(NOW - 90, usegmt=True), "date": formatdate(NOW, usegmt=True)}, 0.0),
        ({"retry-after": "9" * 4000}, 31_536_000.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "1.5"}, None),
        ({"retry-after": "²"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Mon, 99 Foo 99999 99:99:99 GMT"}, None),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 -2359"}, 31_536_000.0),
    ],
    ids=str,
)
def test_retry_after_is_read_in_both_forms(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds and dates give seconds from the server's own clock; nonsense gives None, and nothing raises."""
    assert errors.retry_after(headers) == seconds


def test_retry_after_without_a_date_counts_from_here() -> None:
    """Without a Date header the date is counted from the clock here."""
    wait = errors.retry_after({"retry-after": formatdate(4_102_444_800, usegmt=True)})
    assert wait == 31_536_000.0


def test_artifacts_are_a_list_of_what_could_be_read() -> None:
    """In a list of artifacts what is none is dropped."""
    client = client_of(lambda _: httpx.Response(200, json=[None, *ARTIFACTS, 7]))
    assert [artifact.filename for artifact in get_artifacts.sync("4", client=client)] == ["bundle v2.raucb"]
