# SPDX-License-Identifier: LGPL-2.1-or-later
"""The adapter to hawkBit over the wire double: what is asked, what is understood, which error follows."""

import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from attrs import evolve
from rig.nginx import tls_keys

from hawkbit_rauc.errors import CredentialsError, OfferGoneError, PassingError, ServerError
from hawkbit_rauc.hawkbit import connection
from hawkbit_rauc.hawkbit.ddi import Hawkbit
from hawkbit_rauc.model import Deployment, Execution, Feedback, Finished, Identity, Offer, Poll, Told
from hawkbit_rauc.net import tls
from hawkbit_testing import Hawkbit as Double
from hawkbit_testing import Limits, Target, Window, faults

connect = partial(connection.connect, connect_timeout=20, timeout=60)

TOKEN = "a-token-that-must-not-leak"
LATER = Window(datetime(2099, 1, 1, tzinfo=UTC), timedelta(hours=1))


@pytest.fixture
def target(served_double: Double) -> Target:
    return served_double.target("dev-1", TOKEN)


@pytest.fixture
def adapter(served_double: Double, target: Target) -> Iterator[Hawkbit]:
    options = {"ca_file": tls.system_authorities(), "timeout": 2, "connect_timeout": 1}
    with closing(connect(served_double.url, target.id, target_token=TOKEN, **options)) as adapter:
        yield adapter


def poll(adapter: Hawkbit) -> Poll:
    return asyncio.run(adapter.poll())


def read(adapter: Hawkbit) -> Deployment:
    offer = poll(adapter).deployment
    assert offer is not None
    return asyncio.run(adapter.deployment(offer))


def tell(adapter: Hawkbit, action: object, execution: Execution, *details: str, **more: object) -> Told:
    number = str(getattr(action, "id", action))
    return asyncio.run(adapter.tell(Feedback(number, execution, details=details, **more)))


def close(adapter: Hawkbit, action: object, *details: str, **more: object) -> Told:
    return tell(adapter, action, Execution.CLOSED, *details, **{"finished": Finished.SUCCESS, **more})


def refused(adapter: Hawkbit, kind: type[PassingError] = ServerError) -> PassingError:
    with pytest.raises(kind) as caught:
        poll(adapter)
    assert TOKEN not in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


# polls


def test_the_identity_is_origin_tenant_and_controller() -> None:
    """The journal is keyed by these; the origin is written in one form."""
    adapter = connect("HTTPS://Hawkbit.Example:443/prefix/", "dev-1", tenant="acme")
    assert adapter.identity == Identity("https://hawkbit.example", "acme", "dev-1")


def test_a_poll_tells_interval_and_links(served_double: Double, target: Target, adapter: Hawkbit) -> None:
    """An assignment is offered by its id, attributes are asked for, the interval is in seconds."""
    action = target.assign({"a.raucb": b"x"})
    said = poll(adapter)
    assert said.interval == 300
    assert said.identify
    assert said.deployment is not None
    assert (said.deployment.action, said.cancel, said.confirmation) == (str(action.id), None, None)
    action.cancel()
    said = poll(adapter)
    assert said.cancel is not None
    assert (said.cancel.action, said.deployment) == (str(action.id), None)


def test_an_action_that_waits_for_consent_is_told_as_such(
    served_double: Double, target: Target, adapter: Hawkbit
) -> None:
    """The link confirmationBase becomes `confirmation`."""
    served_double.confirmation_flow = True
    action = target.assign({"a.raucb": b"x"})
    said = poll(adapter)
    assert said.confirmation is not None
    assert (said.confirmation.action, said.deployment) == (str(action.id), None)


@pytest.mark.case(20)
def test_an_unchanged_poll_costs_no_body_and_says_the_same(served_double: Double, adapter: Hawkbit) -> None:
    """The tag is sent along; 304 gives the last answer again, until `forget`."""
    first = poll(adapter)
    assert poll(adapter) == first
    adapter.forget()
    assert poll(adapter) == first
    assert [exchange.status for exchange in served_double.exchanges()] == [200, 304, 200]


def test_a_failed_poll_drops_the_tag(served_double: Double, adapter: Hawkbit) -> None:
    """After nonsense the next poll asks for everything."""
    poll(adapter)
    served_double.fault("GET", faults.html())
    refused(adapter)
    poll(adapter)
    assert [exchange.status for exchange in served_double.exchanges()] == [200, 200, 200]


@pytest.mark.case(16, 20)
def test_a_poll_without_anything_is_fine(served_double: Double, adapter: Hawkbit) -> None:
    """No links, no config: nothing to do, no interval."""
    served_double.fault("GET", faults.answer(200, b"{}"))
    assert poll(adapter) == Poll()


@pytest.mark.parametrize("href", ["", "http://[", "http://x/", 7, None, {}, "http://x/deploymentBase/.."])
def test_a_link_that_names_no_action_is_passed_over(
    served_double: Double, adapter: Hawkbit, href: object
) -> None:
    """One broken link does not hide the rest of a poll."""

    def change(document: dict) -> None:
        document["_links"]["deploymentBase"] = {"href": href}

    served_double.fault("GET", faults.edit(change))
    said = poll(adapter)
    assert (said.deployment, said.identify) == (None, True)


@pytest.mark.case(20)
@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"5", b'"x"', b"{", b"<html>", b"\xff\xfe", b"[" * 100000, b'{"a":' * 50000, b"\x00" * 99],
)  # fmt: skip
def test_an_unreadable_poll_is_the_servers_error(
    served_double: Double, adapter: Hawkbit, body: bytes
) -> None:
    """200 with nothing that DDI knows is a passing trouble."""
    served_double.fault("GET", faults.answer(200, body, {"Content-Type": "application/json"}))
    assert served_double.host in str(refused(adapter))


@pytest.mark.parametrize(
    "status",
    [
        *(204, 206, 301, 302, 304, 307, 400, 404, 405, 406, 409, 410, 415, 418, 422, 425, 429, 451, 499),
        *(500, 501, 502, 503, 504, 507, 520, 522, 561, 599),
    ],
)
def test_every_other_status_of_a_poll_is_the_servers_error(
    served_double: Double, adapter: Hawkbit, status: int
) -> None:
    """Whatever the status: a sentence with server and status."""
    served_double.fault(
        "GET", faults.answer(status, headers={"Location": "http://elsewhere.invalid/?token=x"})
    )
    error = refused(adapter)
    assert not isinstance(error, CredentialsError)
    assert str(status) in str(error)
    assert "token=x" not in str(error)
    assert len(served_double.requests()) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_have_an_error_of_their_own(
    served_double: Double, adapter: Hawkbit, status: int
) -> None:
    """401 and 403 say what to check."""
    served_double.fault("GET", faults.answer(status))
    assert "check the token" in str(refused(adapter, CredentialsError))


def test_a_revoked_token_is_refused_credentials(
    served_double: Double, target: Target, adapter: Hawkbit
) -> None:
    """The token that was changed at the server gives CredentialsError on every call."""
    action = target.assign({"a.raucb": b"x"})
    offer = poll(adapter).deployment
    assert offer is not None
    target.token = "another"
    refused(adapter, CredentialsError)
    with pytest.raises(CredentialsError):
        asyncio.run(adapter.deployment(offer))
    with pytest.raises(CredentialsError):
        close(adapter, action)
    with pytest.raises(CredentialsError):
        asyncio.run(adapter.identify({"a": "b"}))


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_handed_on(
    served_double: Double, target: Target, adapter: Hawkbit, status: int
) -> None:
    """What the server asks to wait stands in the error, of reads and of feedback."""
    action = target.assign({"a.raucb": b"x"})
    served_double.fault("", faults.answer(status, headers={"Retry-After": "17"}), times=2)
    assert refused(adapter).retry_after == 17
    with pytest.raises(ServerError) as caught:
        close(adapter, action)
    assert caught.value.retry_after == 17
    assert action.outcome() is None


# the network


def test_a_server_that_is_down_is_named(served_double: Double, adapter: Hawkbit) -> None:
    """Refused connections name host and port; when the server is back all is well."""
    poll(adapter)
    served_double.down()
    assert "refused the connection" in str(refused(adapter))
    served_double.up()
    assert poll(adapter).interval == 300


def test_an_unknown_name_is_told_as_such() -> None:
    """A name that does not resolve points to DNS."""
    with closing(connect("http://hawkbit.invalid:8080/x", "dev-1", target_token=TOKEN)) as adapter:
        assert "can't resolve the name of hawkbit.invalid:8080" in str(refused(adapter))


@pytest.mark.parametrize(
    "fault",
    [faults.hang_up(), faults.lost(), faults.cut(5), faults.raw(b"HTP/1.1 200 OK\r\n\r\n"), faults.raw(b"")],
)
def test_a_connection_that_breaks_is_passing(
    served_double: Double, adapter: Hawkbit, fault: faults.Fault
) -> None:
    """Cut before or in the middle of an answer, or no HTTP at all: ServerError, then all is well."""
    served_double.fault("GET", fault)
    assert served_double.host in str(refused(adapter))
    assert poll(adapter).interval == 300


def test_a_server_that_hangs_is_given_up(served_double: Double, target: Target) -> None:
    """No answer within the timeout is a sentence, for headers and for the body."""
    with closing(connect(served_double.url, target.id, target_token=TOKEN, timeout=1)) as adapter:
        for fault in (faults.stall(), faults.stall(after=3)):
            served_double.fault("GET", fault)
            assert "did not answer in time" in str(refused(adapter))
            fault.released.set()


def test_an_answer_without_end_is_given_up(served_double: Double, adapter: Hawkbit) -> None:
    """An endless body is cut off; it does not fill the memory."""
    served_double.fault("GET", faults.endless())
    assert "longer than" in str(refused(adapter))


def test_a_compressed_answer_is_read(served_double: Double, adapter: Hawkbit) -> None:
    """A proxy that compresses unasked does no harm."""
    served_double.fault("GET", faults.compressed())
    assert poll(adapter).interval == 300


@pytest.mark.case(17)
def test_an_untrusted_certificate_is_told_apart_from_an_unset_clock() -> None:
    """A certificate of an unknown authority is refused; with a clock before 2024 the clock is named."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls_keys() / "server.pem", tls_keys() / "server.key.pem")
    with Double(ssl_context=context) as server:
        target = server.target("dev-1", TOKEN)
        with closing(connect(server.url, "dev-1", target_token=target.token)) as adapter:
            assert "certificate of 127.0.0.1" in str(refused(adapter))
            adapter._wall_clock = lambda: 86400.0
            assert "the clock says 1970-01-02" in str(refused(adapter))
        ca_file = str(tls_keys() / "ca.pem")
        with closing(connect(server.url, "dev-1", target_token=TOKEN, ca_file=ca_file)) as adapter:
            assert poll(adapter).interval == 300
        with closing(connect(server.url, "dev-1", target_token=TOKEN, verify=False)) as adapter:
            assert poll(adapter).interval == 300


def test_a_server_without_tls_is_told(served_double: Double) -> None:
    """https to a port that speaks http points to the port and the key `ssl`."""
    with closing(
        connect(served_double.url.replace("http:", "https:"), "dev-1", target_token=TOKEN)
    ) as adapter:
        assert "does not speak TLS" in str(refused(adapter))


def test_a_call_that_is_cancelled_leaves_at_once(served_double: Double, adapter: Hawkbit) -> None:
    """Cancelling does not wait for an answer."""
    stalled = faults.stall()
    served_double.fault("GET", stalled)

    async def cancelled() -> None:
        task = asyncio.create_task(adapter.poll())
        await asyncio.to_thread(stalled.reached.wait, 10)
        task.cancel()
        await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 0.5)
        assert task.cancelled()

    asyncio.run(cancelled())
    stalled.released.set()


# deployments


def test_a_deployment_is_understood(served_double: Double, target: Target, adapter: Hawkbit) -> None:
    """Chunks, artifacts with hashes and a link on the configured origin, urgency and history."""
    content = b"bundle"
    action = target.assign({"a.raucb": content}, forced=False, window=LATER)
    tell(adapter, action, Execution.PROCEEDING, "first")
    tell(adapter, action, Execution.PROCEEDING, "second")
    deployment = read(adapter)
    assert (deployment.action, deployment.download, deployment.update) == (str(action.id), "attempt", "skip")
    assigned = "Assignment initiated by user 'admin'"
    assert (deployment.window, deployment.history) == ("unavailable", ("second", "first", assigned))
    (chunk,) = deployment.chunks
    (artifact,) = chunk.artifacts
    assert (chunk.part, artifact.filename, artifact.size) == ("os", "a.raucb", len(content))
    assert artifact.digest is not None
    assert artifact.digest[0] == "sha256"
    assert artifact.url is not None
    assert adapter.http.get(artifact.url).content == content


def change_artifact(**changes: object) -> faults.Fault:
    def change(document: dict) -> None:
        document["deployment"]["chunks"][0]["artifacts"][0].update(changes)

    return faults.edit(change)


def link(*rels: str, **hrefs: object) -> dict:
    return {rel: {"href": f"http://cdn.invalid/{rel}"} for rel in rels} | hrefs


@pytest.mark.parametrize(
    ("links", "url"),
    [
        (link("md5sum", "download-http", "download"), "http://cdn.invalid/download"),
        (link("md5sum-http", "https", "download-http"), "http://cdn.invalid/download-http"),
        (link("md5sum-http", "https"), "http://cdn.invalid/https"),
        (link("md5sum", "md5sum-http"), None),
        ({"download": [{"href": ""}, {"href": "http://cdn.invalid/2?sig=1"}]}, "http://cdn.invalid/2?sig=1"),
        ({"download": {"href": "ftp://cdn.invalid/x"}}, None),
        ({"download": {"href": "file:///etc/passwd"}}, None),
        ({}, None),
        (None, None),
        ([], None),
    ],
)
def test_the_link_to_a_file_is_chosen_by_relation(
    served_double: Double, target: Target, adapter: Hawkbit, links: object, url: str | None
) -> None:
    """`download` before `download-http` before any that is no checksum; other hosts as they are."""
    target.assign({"a.raucb": b"x"})
    served_double.fault("GET .*/deploymentBase", change_artifact(_links=links))
    assert read(adapter).chunks[0].artifacts[0].url == url


@pytest.mark.case(15)
def test_own_links_are_rebased_on_the_configured_origin(
    served_double: Double, target: Target, adapter: Hawkbit
) -> None:
    """A server that names itself wrongly is asked at the configured address."""
    target.assign({"a.raucb": b"x"})

    def elsewhere(body: bytes) -> bytes:
        return body.replace(served_double.url.encode(), b"http://internal.invalid:1234/deep")

    served_double.fault("GET", faults.body(elsewhere), times=2)
    url = read(adapter).chunks[0].artifacts[0].url
    assert url is not None
    assert url.startswith(f"{served_double.url}/DEFAULT/controller/v1/dev-1/softwaremodules/")


@pytest.mark.case(15)
def test_api_links_elsewhere_are_not_followed(served_double: Double, adapter: Hawkbit) -> None:
    """A link to another controller or host is the server's error, and nothing is sent there."""
    for href in (
        "http://127.0.0.1:9/steal/1",
        f"{served_double.url}/DEFAULT/controller/v1/other/deploymentBase/1",
    ):
        with pytest.raises(ServerError, match="own path"):
            asyncio.run(adapter.deployment(Offer("1", href)))
    assert served_double.requests() == []


@pytest.mark.case(15)
def test_a_file_name_with_a_space_is_linked_so_that_it_is_found(
    served_double: Double, target: Target, adapter: Hawkbit
) -> None:
    """The server's own `+` is made `%20`; a real plus stays."""
    target.assign({"my + bundle.raucb": b"x"})
    url = read(adapter).chunks[0].artifacts[0].url
    assert url is not None
    assert adapter.http.get(url).content == b"x"


@pytest.mark.parametrize(
    ("changes", "size", "hashes"),
    [
        ({"size": -1}, None, 3),
        ({"size": "12"}, 12, 3),
        ({"size": None}, None, 3),
        ({"size": 2**40}, 2**40, 3),
        ({"hashes": None}, 1, 0),
        ({"hashes": {"sha1": "A" * 40, "md5": None, "sha256": 5}}, 1, 1),
        ({"hashes": {"sha1": "zz", "sha256": "../../etc", "sha512": "a" * 128}}, 1, 0),
    ],
)
def test_odd_sizes_and_hashes_are_left_out(
    served_double: Double, target: Target, adapter: Hawkbit, changes: dict, size: int | None, hashes: int
) -> None:
    """What can't be a size or a hash is as if it was not there; hashes are in lower case."""
    target.assign({"a.raucb": b"x"})
    served_double.fault("GET .*/deploymentBase", change_artifact(**changes))
    artifact = read(adapter).chunks[0].artifacts[0]
    assert (artifact.size, len(artifact.hashes)) == (size, hashes)
    assert all(value == value.lower() for value in artifact.hashes.values())


def test_an_encrypted_module_is_told(served_double: Double, target: Target, adapter: Hawkbit) -> None:
    """hawkBit decrypts while serving: size and hashes describe other bytes."""
    target.assign(served_double.distribution_set(served_double.module({"a.raucb": b"x"}, encrypted=True)))
    assert read(adapter).chunks[0].artifacts[0].encrypted


@pytest.mark.parametrize("told", [None, "", " ", "../7", {}])
def test_the_id_comes_from_the_link_where_the_payload_has_none(
    served_double: Double, target: Target, adapter: Hawkbit, told: object
) -> None:
    """An id that can't be one is not used."""
    action = target.assign({"a.raucb": b"x"})

    def change(document: dict) -> None:
        document["id"] = told

    served_double.fault("GET .*/deploymentBase", faults.edit(change))
    assert read(adapter).action == str(action.id)


def test_the_answer_for_another_action_is_refused(
    served_double: Double, target: Target, adapter: Hawkbit
) -> None:
    """A stale cache must not have the wrong bundle installed, or reported for the wrong action."""
    target.assign({"a.raucb": b"x"})
    served_double.fault("GET .*/deploymentBase", faults.edit(lambda document: document.update(id="999")))
    with pytest.raises(ServerError, match="answers with 999"):
        read(adapter)


@pytest.mark.case(7)
@pytest.mark.parametrize(
    "fault",
    [faults.answer(404), faults.answer(410), faults.answer(200, b"null"), faults.answer(404, b'{"a":1}')],
)
def test_an_offer_that_is_gone_is_no_failure(
    served_double: Double, target: Target, adapter: Hawkbit, fault: faults.Fault
) -> None:
    """404, 410 and goosebit's null mean: poll again, report nothing; so too for a cancelation."""
    action = target.assign({"a.raucb": b"x"})
    served_double.fault("/deploymentBase|/cancelAction", fault, times=2)
    with pytest.raises(OfferGoneError, match=f"action {action.id}"):
        read(adapter)
    action.cancel()
    offer = poll(adapter).cancel
    assert offer is not None
    with pytest.raises(OfferGoneError):
        asyncio.run(adapter.cancelation(offer))


@pytest.mark.parametrize(
    "fault",
    [faults.html(404), faults.html(200), faults.answer(500), faults.answer(200, b"{}"), faults.answer(200, b"[]"), faults.hang_up()],
)  # fmt: skip
def test_an_offer_that_can_not_be_read_is_the_servers_error(
    served_double: Double, target: Target, adapter: Hawkbit, fault: faults.Fault
) -> None:
    """A proxy's page for a server that is away is not hawkBit's word, whatever its status."""
    target.assign({"a.raucb": b"x"})
    served_double.fault("/deploymentBase", fault)
    with pytest.raises(ServerError):
        read(adapter)


# cancelations


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (None, "own"),
        ({"id": "7", "cancelAction": {"stopId": "8"}}, "8"),
        ({"id": 7}, "7"),
        ({"id": None, "cancelAction": None}, "own"),
        ({"cancelAction": {"stopId": "/../"}}, "own"),
        ({}, "own"),
    ],
)
def test_the_action_to_stop_is_found(
    served_double: Double, target: Target, adapter: Hawkbit, document: dict | None, expected: str
) -> None:
    """stopId, else id, else the id in the link."""
    action = target.assign({"a.raucb": b"x"})
    action.cancel()
    offer = poll(adapter).cancel
    assert offer is not None
    if document is not None:
        served_double.fault("/cancelAction", faults.edit(lambda _: document))
    found = asyncio.run(adapter.cancelation(offer))
    assert found == (str(action.id) if expected == "own" else expected)


def test_a_cancelation_is_accepted_and_rejected_on_its_own_channel(
    served_double: Double, target: Target, adapter: Hawkbit
) -> None:
    """rejected brings the deployment back, closed ends it."""
    action = target.assign({"a.raucb": b"x"})
    action.cancel()
    assert tell(adapter, action, Execution.REJECTED, "RAUC writes", cancel=True) is Told.ACCEPTED
    assert poll(adapter).deployment is not None
    action.cancel()
    assert close(adapter, action, "stopped", cancel=True) is Told.ACCEPTED
    assert action.outcome() == "canceled"
    assert action.messages()[-1] == "stopped"


# feedback


@pytest.mark.parametrize("version", ["0.3", "0.6", "1.1"])
def test_feedback_arrives_on_old_and_new_servers(version: str) -> None:
    """Progress and end are taken by each version, the id repeated in the body for the old ones."""
    with Double(version) as server:
        target = server.target("dev-1", TOKEN)
        action = target.assign({"a.raucb": b"x"})
        with closing(connect(server.url, "dev-1", target_token=TOKEN)) as adapter:
            assert tell(adapter, action, Execution.PROCEEDING, "working") is Told.ACCEPTED
            failure = Finished.FAILURE
            assert close(adapter, action, "did not work", finished=failure) is Told.ACCEPTED
            assert close(adapter, action, "did not work", finished=failure) is Told.CLOSED
        assert action.outcome() == "error"
        assert [text for text in action.messages() if "work" in text] == ["working", "did not work"]


@pytest.mark.case(17)
def test_feedback_has_neither_time_nor_progress(
    served_double: Double, target: Target, adapter: Hawkbit
) -> None:
    """A wrong clock would hide a success at hawkBit, half a progress is refused by goosebit."""
    action = target.assign({"a.raucb": b"x"})
    close(adapter, action, "done")
    assert served_double.requests("POST")[0].json() == {
        "id": str(action.id),
        "status": {"execution": "closed", "result": {"finished": "success"}, "details": ["done"]},
    }


@pytest.mark.parametrize(("code", "sent"), [(None, None), (0, 0), (32, 32), (-5, -5), (2**31, None)])
def test_a_code_is_sent_if_it_fits(
    served_double: Double, target: Target, adapter: Hawkbit, code: int | None, sent: int | None
) -> None:
    """A number beyond 32 bits would have the feedback refused."""
    action = target.assign({"a.raucb": b"x"})
    close(adapter, action, "done", code=code)
    assert served_double.requests("POST")[0].json()["status"].get("code") == sent
    assert action.history()[-1].code == sent


@pytest.mark.case(26)
def test_hostile_details_arrive_all_the_same(served_double: Double, target: Target, adapter: Hawkbit) -> None:
    """Markup, control characters, tokens, far too much of everything: closed at the first try."""
    action = target.assign({"a.raucb": b"x"})
    texts = [f"<b>{TOKEN}</b>\x00", "<none>", *("x" * 5000 for _ in range(90))]
    assert close(adapter, action, *texts) is Told.ACCEPTED
    assert action.outcome() == "finished"
    assert len(served_double.requests("POST")) == 1
    assert not any(TOKEN in message for message in action.messages())


@pytest.mark.parametrize("status", [400, 422])
def test_a_text_that_is_refused_is_said_in_plain_words(
    served_double: Double, target: Target, adapter: Hawkbit, status: int
) -> None:
    """What hawkBit or goosebit does not take is tried once more with one short text."""
    action = target.assign({"a.raucb": b"x"})
    served_double.fault("POST", faults.answer(status))
    assert close(adapter, action, "fell back: “slot” B; bad", "more") is Told.ACCEPTED
    assert action.messages()[-1] == "fell back: slot B bad"


def test_a_text_refused_twice_is_the_servers_error(
    served_double: Double, target: Target, adapter: Hawkbit
) -> None:
    """There is no third try; the story keeps the feedback."""
    action = target.assign({"a.raucb": b"x"})
    served_double.fault("POST", faults.answer(400), times=None)
    with pytest.raises(ServerError, match="400"):
        close(adapter, action, "text")
    assert len(served_double.requests("POST")) == 2


def test_progress_without_room_is_dropped(served_double: Double, target: Target, adapter: Hawkbit) -> None:
    """With the history full progress is given up quietly, and the end is told still."""
    served_double.limits = Limits(entries=3)
    action = target.assign({"a.raucb": b"x"})
    for _ in range(4):
        assert tell(adapter, action, Execution.PROCEEDING, "x") is Told.ACCEPTED
    assert len(action.history()) == 3
    assert close(adapter, action, "done") is Told.ACCEPTED


def test_the_end_is_shortened_where_messages_have_no_room(
    served_double: Double, target: Target, adapter: Hawkbit
) -> None:
    """A smaller quota of messages is met by one short text."""
    served_double.limits = Limits(messages=1)
    action = target.assign({"a.raucb": b"x"})
    assert close(adapter, action, "root cause", "and more") is Told.ACCEPTED
    assert action.history()[-1].messages == ("root cause",)


def test_an_end_without_any_room_is_the_servers_error() -> None:
    """An old server with a full history takes not even the end: it stays to be told."""
    with Double("0.3", limits=Limits(entries=1)) as server:
        target = server.target("dev-1", TOKEN)
        action = target.assign({"a.raucb": b"x"})
        with closing(connect(server.url, "dev-1", target_token=TOKEN)) as adapter:
            with pytest.raises(ServerError, match="tooManyEntries") as caught:
                close(adapter, action, "done")
            assert not isinstance(caught.value, CredentialsError)


def test_a_rate_limit_is_no_quota(served_double: Double, target: Target, adapter: Hawkbit) -> None:
    """429 without a code is not answered by dropping: the same may be sent later."""
    action = target.assign({"a.raucb": b"x"})
    served_double.fault("POST", faults.answer(429))
    with pytest.raises(ServerError):
        tell(adapter, action, Execution.PROCEEDING, "x")
    assert len(served_double.requests("POST")) == 1


@pytest.mark.parametrize("status", [404, 405, 410])
@pytest.mark.parametrize("body", [b"", b'{"errorCode":"hawkbit.server.error.action.notCancelable"}'])
def test_feedback_that_is_not_wanted_is_closed(
    served_double: Double, target: Target, adapter: Hawkbit, status: int, body: bytes
) -> None:
    """404, 405 and 410 of hawkBit mean that there is nothing (more) to tell."""
    action = target.assign({"a.raucb": b"x"})
    served_double.fault("POST", faults.answer(status, body))
    assert close(adapter, action, "done") is Told.CLOSED


@pytest.mark.parametrize(
    "fault",
    [
        faults.html(404),
        faults.answer(404, b"404 page not found"),
        faults.html(200),
        faults.answer(409),
        faults.answer(502),
        faults.hang_up(),
        faults.redirect("http://x.invalid/"),
        faults.answer(304),
        faults.answer(207, b"<x>"),
    ],
)
def test_feedback_that_nobody_took_is_to_be_told_again(
    served_double: Double, target: Target, adapter: Hawkbit, fault: faults.Fault
) -> None:
    """A proxy's 404, a portal's 200, conflicts and failures leave the end untold."""
    action = target.assign({"a.raucb": b"x"})
    served_double.fault("POST", fault)
    with pytest.raises(ServerError):
        close(adapter, action, "done")
    assert close(adapter, action, "done") is Told.ACCEPTED
    assert action.outcome() == "finished"


@pytest.mark.case(6)
def test_a_lost_answer_is_told_again_and_found_told(
    served_double: Double, target: Target, adapter: Hawkbit
) -> None:
    """The server took the end, the answer was lost: the repetition says closed, and nothing is doubled."""
    action = target.assign({"a.raucb": b"x"})
    served_double.fault("POST", faults.lost())
    with pytest.raises(ServerError):
        close(adapter, action, "done")
    assert action.outcome() == "finished"
    assert close(adapter, action, "done") is Told.CLOSED
    assert action.messages().count("done") == 1


def test_feedback_that_is_cancelled_is_not_repeated(
    served_double: Double, target: Target, adapter: Hawkbit
) -> None:
    """The second, plainer try is not made for somebody who does not wait any more."""
    action = target.assign({"a.raucb": b"x"})
    stalled = faults.stall()

    def refuse_late(request, handle):
        return stalled(request, lambda: evolve(handle(), status=400))

    served_double.fault("POST", refuse_late)
    told = Feedback(str(action.id), Execution.PROCEEDING, details=("x",))

    async def cancelled() -> None:
        task = asyncio.create_task(adapter.tell(told))
        await asyncio.to_thread(stalled.reached.wait, 10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(cancelled())
    stalled.released.set()
    for thread in threading.enumerate():
        if thread.name == "_tell":
            thread.join(10)
    assert len(served_double.requests("POST")) == 1


# attributes


def test_attributes_are_merged(served_double: Double, target: Target, adapter: Hawkbit) -> None:
    """What the server has besides stays; the request is answered."""
    target.attributes["theirs"] = "kept"
    asyncio.run(adapter.identify({"version": "1.0"}))
    assert target.attributes == {"theirs": "kept", "version": "1.0"}
    assert not poll(adapter).identify


def test_without_attributes_the_program_names_itself(target: Target, adapter: Hawkbit) -> None:
    """hawkBit refuses an empty set, and would ask again with each poll."""
    asyncio.run(adapter.identify({}))
    assert target.attributes == {"client": "hawkbit-rauc"}
    assert not poll(adapter).identify


def test_attributes_are_made_fit_with_a_warning_once(
    target: Target, adapter: Hawkbit, caplog: pytest.LogCaptureFixture
) -> None:
    """What hawkBit would refuse is changed before it is sent; each change is said once as long as it holds."""
    for _ in range(2):
        asyncio.run(adapter.identify({"version": "1~rc1"}))
    assert target.attributes == {"version": "1-rc1"}
    asyncio.run(adapter.identify({"version": "1~rc1", "place": "Küche"}))
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "attribute 'version' has a changed value: hawkBit refuses some of its characters",
        "attribute 'place' has a changed value: hawkBit refuses some of its characters",
    ]


def test_refused_attributes_name_their_section(
    served_double: Double, target: Target, adapter: Hawkbit
) -> None:
    """Attributes that the server does not take all the same are told with the place to mend them."""
    target.attributes.update({str(number): "theirs" for number in range(100)})
    with pytest.raises(ServerError, match=r"attributes of \[device\]"):
        asyncio.run(adapter.identify({"version": "1"}))
    served_double.fault("PUT", faults.answer(422))
    with pytest.raises(ServerError, match=r"attributes of \[device\]"):
        asyncio.run(adapter.identify({"version": "1"}))


# credentials


def test_a_gateway_token_registers_the_controller(served_double: Double) -> None:
    """With a gateway's token the first poll makes the target."""
    served_double.gateway_token = TOKEN
    with closing(connect(served_double.url, "new-one", gateway_token=TOKEN)) as adapter:
        assert poll(adapter).identify
    assert "new-one" in served_double.targets


@pytest.mark.parametrize(("send", "trusted"), [(True, False), (True, True), (False, True)])
def test_downloads_carry_the_token_where_the_configuration_says(
    served_double: Double, target: Target, send: bool, trusted: bool
) -> None:
    """To hawkBit's origin unless switched off, elsewhere only to named origins; the API always has it."""
    with Double() as cdn:
        options = {
            "send_download_authentication": send,
            "download_origins": [cdn.url if trusted else "http://named.invalid"],
        }
        with closing(connect(served_double.url, target.id, target_token=TOKEN, **options)) as adapter:
            poll(adapter)
            adapter.http.get(f"{served_double.url}/DEFAULT/controller/v1/dev-1/softwaremodules/1/artifacts/a")
            adapter.http.get(f"{cdn.url}/a.raucb")
            asyncio.run(adapter.identify({"a": "b"}))
        sent = [request.headers.get("Authorization") for request in served_double.requests()]
        own = f"TargetToken {TOKEN}"
        assert sent == [own, own if send else None, own]
        assert [request.headers.get("Authorization") for request in cdn.requests()] == [
            own if send and trusted else None
        ]


def test_mistakes_in_arguments_are_told_at_once() -> None:
    """An impossible controller id or two ways to authenticate: ValueError, before anything is sent."""
    for arguments in ({"controller": "a/b"}, {"controller": "a", "target_token": "x", "gateway_token": "y"}):
        with pytest.raises(ValueError):
            connect("http://127.0.0.1:1", **arguments)


def test_no_token_is_logged(
    served_double: Double, target: Target, adapter: Hawkbit, caplog: pytest.LogCaptureFixture
) -> None:
    """At the finest level our own log has no secrets and no queries."""
    caplog.set_level(logging.DEBUG, "hawkbit_rauc")
    action = target.assign({"a.raucb": b"x"})
    served_double.fault("POST", faults.answer(400))
    read(adapter)
    tell(adapter, action, Execution.PROCEEDING, TOKEN)
    close(adapter, action)
    close(adapter, action)
    assert "shortened" in caplog.text
    assert "does not take feedback" in caplog.text
    assert TOKEN not in caplog.text
    assert "?c=" not in caplog.text


def test_a_port_that_nobody_answers_at_is_given_up() -> None:
    """A host that swallows packets ends with the connect timeout."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = []
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
            fillers.append(filler)
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        with closing(connect(url, "dev-1", target_token=TOKEN, connect_timeout=0.2, timeout=0.2)) as adapter:
            assert "in time" in str(refused(adapter))
        for filler in fillers:
            filler.close()


def test_what_no_action_brought_is_told_where_the_server_knows_the_set(
    served_double: Double, target: Target, adapter: Hawkbit
) -> None:
    """False for a set that it does not know, one without modules, and a server that is too old."""
    served_double.distribution_set(served_double.module({"a.raucb": b"x"}), name="os", version="1")
    served_double.distribution_set(name="empty", version="1")
    poll(adapter)
    assert asyncio.run(adapter.tell_installed("os", "1"))
    assert target.installed is not None
    assert target.installed.name == "os"
    assert not asyncio.run(adapter.tell_installed("os", "2"))
    assert not asyncio.run(adapter.tell_installed("empty", "1"))
    served_double.fault("PUT", faults.answer(503))
    with pytest.raises(ServerError):
        asyncio.run(adapter.tell_installed("os", "1"))
    with Double("0.3") as old:
        old.target("dev-1", TOKEN)
        with closing(connect(old.url, "dev-1", target_token=TOKEN)) as before:
            assert not asyncio.run(before.tell_installed("os", "1"))
