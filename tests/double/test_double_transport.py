# SPDX-License-Identifier: LGPL-2.1-or-later
"""The double without a socket: httpx's clients, sync and async, see what they would see on one."""

import asyncio
import threading
from collections.abc import Callable

import httpx
import pytest
from hawkbit_ddi import Client, get_controller_base

from hawkbit_testing import Hawkbit, faults

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def double() -> Hawkbit:
    server = Hawkbit(gateway_token="shared")
    server.target("dev-1", token="secret")
    return server


def sync(double: Hawkbit, **options: object) -> httpx.Response:
    headers = {"Authorization": "TargetToken secret"}
    with httpx.Client(transport=double.transport, headers=headers, **options) as client:
        return client.get(f"{double.url}/DEFAULT/controller/v1/dev-1")


def asynchronous(double: Hawkbit, **options: object) -> httpx.Response:
    async def ask() -> httpx.Response:
        headers = {"Authorization": "TargetToken secret"}
        async with httpx.AsyncClient(transport=double.transport, headers=headers, **options) as client:
            return await client.get(f"{double.url}/DEFAULT/controller/v1/dev-1")

    return asyncio.run(ask())


both = pytest.mark.parametrize("get", [sync, asynchronous], ids=["sync", "async"])
Get = Callable[..., httpx.Response]


@both
def test_a_poll_is_answered(double: Hawkbit, get: Get) -> None:
    """Body, headers and log are those of a server."""
    answer = get(double)
    assert answer.status_code == 200
    assert set(answer.json()["_links"]) == {"configData"}
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert [exchange.status for exchange in double.exchanges()] == [200]
    assert not double.listening


def test_the_sdk_speaks_to_it_both_ways(double: Hawkbit) -> None:
    """hawkbit_ddi takes the transport for its synchronous and its asynchronous half."""
    transport = double.transport
    client = Client(
        double.url, "new-1", gateway_token="shared", transport=transport, async_transport=transport
    )
    assert "configData" in get_controller_base.sync(client=client).links
    base = asyncio.run(get_controller_base.asyncio(client=client))
    assert "configData" in base.links
    for _ in range(2):
        double.fault("GET", faults.trickle(20, 0.001))
        assert "configData" in get_controller_base.sync(client=client).links
    assert double.target("new-1").update_status == "registered"
    client.close()


@both
@pytest.mark.parametrize("fault", [faults.hang_up(), faults.lost(), faults.cut(5), faults.raw(b"nonsense")])
def test_a_cut_connection_is_an_error_of_the_protocol(double: Hawkbit, get: Get, fault: faults.Fault) -> None:
    """As it is on a socket, and the next request goes well."""
    double.fault("GET", fault)
    with pytest.raises(httpx.RemoteProtocolError) as raised:
        get(double)
    assert raised.value.request.method == "GET"
    assert get(double).status_code == 200


@both
@pytest.mark.parametrize("after", [None, 3])
def test_a_server_that_stops_is_a_read_timeout(double: Hawkbit, get: Get, after: int | None) -> None:
    """The client's read timeout ends the wait before and in the body; nothing holds up the event loop's end."""
    stalled = faults.stall(after)
    double.fault("GET", stalled)
    with pytest.raises(httpx.ReadTimeout):
        get(double, timeout=0.1)
    assert stalled.reached.is_set()
    stalled.released.set()


@both
@pytest.mark.parametrize("fault", [faults.compressed(), faults.chunked(), faults.trickle(20, 0.001)])
def test_a_body_arrives_whole_in_any_way(double: Hawkbit, get: Get, fault: faults.Fault) -> None:
    """Compressed, without a length, in drops."""
    expected = get(double).json()
    double.fault("GET", fault)
    assert get(double).json() == expected


def test_an_error_of_a_fault_is_seen(double: Hawkbit) -> None:
    """A fault of the user's own that fails fails the test, not the thread that it runs in."""

    def wrong(request: object, handle: object) -> None:
        raise RuntimeError("wrong fault")

    double.fault("GET", wrong)
    with pytest.raises(RuntimeError, match="wrong fault"):
        sync(double)


@both
def test_many_at_once_are_served(double: Hawkbit, get: Get) -> None:
    """Clients of several threads share one double."""
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(get(double).status_code)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 8


@pytest.mark.parametrize(("version", "status"), [("0.3", 401), ("0.4", 200), ("1.1", 200)])
def test_an_encoded_id_has_no_token_on_an_old_server(version: str, status: int) -> None:
    """hawkBit 0.3.0M7 looks for the token of what stands in the path; since 0.3.0M9 it decodes that."""
    hawkbit = Hawkbit(version)
    target = hawkbit.target("00:11")
    http = httpx.Client(transport=hawkbit.transport, headers={"Authorization": f"TargetToken {target.token}"})
    base = "http://hawkbit/DEFAULT/controller/v1"
    assert http.get(f"{base}/00:11").status_code == 200
    assert http.get(f"{base}/00%3A11").status_code == status
