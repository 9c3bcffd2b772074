# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every operation, synchronous and not: what it sends, what it gives back, what it raises."""

import asyncio
import json
from typing import Any

import hawkbit_ddi
import httpx
import pytest
from hawkbit_ddi import (
    ConfigData,
    DdiError,
    DeploymentBase,
    QuotaExceededError,
    RateLimitedError,
    RedirectError,
    StatusError,
    TransportError,
    UnreadableAnswerError,
    activate_auto_confirm,
    download_artifact,
    errors,
    get_controller_base,
    get_deployment_base,
    post_deployment_feedback,
    put_config_data,
    put_installed_base,
)
from sdk.sdk_answers import (
    BASE,
    NOT_FOUND,
    OPERATIONS,
    OWN,
    PORTAL,
    QUOTA,
    READS,
    TOKEN,
    WRITES,
    Operation,
    client_of,
    name_of,
)

ways = pytest.mark.parametrize("way", ["sync", "asyncio", "sync_detailed", "asyncio_detailed"])
every = pytest.mark.parametrize("operation", OPERATIONS, ids=name_of)


def call(operation: Operation, way: str, answer: httpx.Response | Exception, **more: Any) -> Any:
    """Call an operation in one of its four ways against one answer."""

    def server(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    client = client_of(server)
    result = getattr(operation.module, way)(*operation.arguments, client=client, **operation.keywords, **more)
    return asyncio.run(result) if way.startswith("asyncio") else result


def test_every_operation_of_the_document_is_here() -> None:
    """All 16 operations of DDI are generated."""
    assert {operation.name for operation in OPERATIONS} == set(hawkbit_ddi._OPERATIONS)
    assert len(OPERATIONS) == 16


@ways
@every
def test_a_success_gives_the_result(operation: Operation, way: str) -> None:
    """Reads return a model, writes None, detailed calls the status and headers as well."""
    result = call(operation, way, operation.response())
    if way.endswith("detailed"):
        assert (result.status_code, type(result.status_code)) == (200, int)
        result = result.parsed
    if operation in WRITES:
        assert result is None
    elif isinstance(operation.answer, bytes):
        assert result in {operation.answer, operation.answer.decode("latin-1")}
    elif isinstance(operation.answer, list):
        assert [artifact.raw for artifact in result] == operation.answer
    else:
        assert result.raw == operation.answer


@every
def test_the_request_goes_to_the_controllers_own_path(operation: Operation) -> None:
    """Method, path, credentials and media types are those of DDI; old servers' wishes are met."""
    seen: list[httpx.Request] = []

    def server(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return operation.response()

    operation.module.sync(*operation.arguments, client=client_of(server), **operation.keywords)
    (request,) = seen
    assert request.method == operation.method
    assert str(request.url) == BASE.removesuffix("/prefix") + OWN + operation.path
    assert request.headers["authorization"] == f"TargetToken {TOKEN}"
    assert request.headers["accept-encoding"] == "identity"
    assert "cbor" not in request.headers["accept"]
    if operation.body is not None:
        assert request.headers["content-type"] == "application/json"
        sent = json.loads(request.content)
        assert {name: sent[name] for name in operation.body.to_dict()} == operation.body.to_dict()
        assert ("id" in sent) == (operation.name in {"post_deployment_feedback", "post_cancel_feedback"})


SHAPES = {
    "bare": {"content": b""},
    "hawkBit": {"json": NOT_FOUND},
    "Spring": {"json": {"timestamp": "2026-01-01", "status": 404, "error": "Not Found"}},
    "goosebit": {"json": {"detail": "Not Found"}},
    "goosebit's list": {"json": {"detail": [{"loc": ["body"]}]}},
    "HTML": {"content": PORTAL, "headers": {"content-type": "text/html"}},
    "null": {"content": b"null"},
    "array": {"content": b"[1]"},
    "cut": {"content": b'{"message": "x'},
    "wrongly encoded": {"content": b'{"message": "\xff"}'},
    "deep": {"content": b'{"a":' * 100_000},
    "wrong types": {"json": {"message": 1, "errorCode": [], "exceptionClass": {}, "info": None}},
}


@ways
@every
@pytest.mark.parametrize("shape", SHAPES)
def test_an_error_raises_whatever_its_body(operation: Operation, way: str, shape: str) -> None:
    """No refusal is taken for an answer, and none but a StatusError comes of it."""
    answer = httpx.Response(404, **SHAPES[shape])  # type: ignore[arg-type]
    with pytest.raises(errors.NotFoundError) as caught:
        call(operation, way, answer)
    assert caught.value.status == 404
    words = NOT_FOUND["message"] if shape == "hawkBit" else "Not Found" if shape == "goosebit" else None
    assert caught.value.message == words
    assert caught.value.error_code == (NOT_FOUND["errorCode"] if shape == "hawkBit" else None)


CLASSES = {
    301: RedirectError,
    302: RedirectError,
    304: RedirectError,
    307: RedirectError,
    400: errors.BadRequestError,
    401: errors.UnauthorizedError,
    403: errors.ForbiddenError,
    405: errors.MethodNotAllowedError,
    406: StatusError,
    409: errors.ConflictError,
    410: errors.GoneError,
    412: errors.PreconditionFailedError,
    415: StatusError,
    416: errors.RangeNotSatisfiableError,
    419: StatusError,
    422: StatusError,
    425: StatusError,
    429: RateLimitedError,
    460: StatusError,
    499: StatusError,
    500: errors.ServerError,
    503: errors.ServerError,
    **dict.fromkeys(range(520, 528), errors.ServerError),
    561: errors.ServerError,
    599: errors.ServerError,
    700: errors.ServerError,
}


@pytest.mark.parametrize("way", ["sync", "asyncio_detailed"])
@every
def test_every_status_has_its_class(operation: Operation, way: str) -> None:
    """Every status from 3xx up raises the class that errors.py draws, known to http.HTTPStatus or not."""
    for status, kind in CLASSES.items():
        with pytest.raises(kind) as caught:
            call(operation, way, httpx.Response(status))
        assert type(caught.value) is kind
        assert str(status) in str(caught.value)


@every
def test_a_quota_is_not_a_rate_limit(operation: Operation) -> None:
    """A quota's errorCode makes 429, and 403 up to hawkBit 0.9, a QuotaExceededError."""
    for status in (429, 403):
        with pytest.raises(QuotaExceededError):
            call(operation, "sync", httpx.Response(status, json=QUOTA))
    with pytest.raises(RateLimitedError) as caught:
        call(operation, "sync", httpx.Response(429, headers={"retry-after": "7"}))
    assert caught.value.retry_after == 7.0


@pytest.mark.parametrize("way", ["sync", "asyncio"])
@pytest.mark.parametrize("operation", [o for o in READS if o.name != "download_artifact"], ids=name_of)
@pytest.mark.parametrize(
    "body", [b"", b"  ", PORTAL, b"null", b'{"a', b"[{]", b'"text"', b"7", b"\xff\xfe\xff", b"[" * 99_999]
)
@pytest.mark.parametrize("status", [200, 204, 206])
def test_a_success_that_is_none_raises(operation: Operation, way: str, body: bytes, status: int) -> None:
    """An answer that isn't what DDI says is an UnreadableAnswerError that keeps the body."""
    if operation.name == "get_artifact_md5sum" and body.isascii() and body.strip() and b"<" not in body:
        assert call(operation, way, httpx.Response(status, content=body)) == body.decode()
        return
    with pytest.raises(UnreadableAnswerError) as caught:
        call(operation, way, httpx.Response(status, content=body))
    assert (caught.value.content, caught.value.status) == (body, status)


@pytest.mark.parametrize("operation", WRITES, ids=name_of)
def test_a_write_is_told_only_if_the_server_took_it(operation: Operation) -> None:
    """A captive portal's page is no receipt; any 2xx without a body, or goosebit's JSON, is one."""
    for answer in (httpx.Response(201), httpx.Response(204), httpx.Response(200, json={"id": "7"})):
        assert call(operation, "sync", answer) is None
    with pytest.raises(UnreadableAnswerError, match="markup"):
        call(operation, "sync", httpx.Response(200, content=PORTAL))


@pytest.mark.parametrize(
    "cause",
    [
        httpx.ConnectError("[Errno -2] Name or service not known"),
        httpx.ConnectTimeout(""),
        httpx.ReadTimeout("The read operation timed out"),
        httpx.RemoteProtocolError("Server disconnected without sending a response."),
        httpx.ReadError(""),
        httpx.ProxyError("407 Proxy Authentication Required"),
        httpx.DecodingError("x"),
    ],
    ids=lambda cause: type(cause).__name__,
)
@ways
@every
def test_no_answer_is_a_transport_error(operation: Operation, way: str, cause: Exception) -> None:
    """httpx's errors become TransportError, with httpx's own as the cause and a sentence."""
    with pytest.raises(TransportError, match=r"got no answer: .+") as caught:
        call(operation, way, cause)
    assert caught.value.__cause__ is cause
    assert isinstance(caught.value, DdiError)


@pytest.mark.parametrize("way", ["sync_detailed", "asyncio_detailed"])
@pytest.mark.parametrize(
    "name",
    [
        "get_controller_base",
        "get_deployment_base",
        "get_cancel_action",
        "get_installed_base",
        "get_confirmation_base",
        "get_confirmation_action",
    ],
)
def test_304_is_no_error_where_a_tag_was_sent(name: str, way: str) -> None:
    """With if_none_match 304 gives parsed None; without, the server has no reason for it."""
    operation = next(o for o in OPERATIONS if o.name == name)
    tag = '"0d41d8cd98f00b204e9800998ecf8427e"'
    answer = httpx.Response(304, headers={"etag": tag})
    response = call(operation, way, answer, if_none_match=tag)
    assert (response.status_code, response.parsed, response.etag) == (304, None, tag)
    with pytest.raises(RedirectError):
        call(operation, way, answer)


def test_the_tag_goes_back_as_it_came() -> None:
    """If-None-Match carries the tag of the last answer unchanged, bare ones of old servers included."""
    sent: list[str | None] = []

    def server(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("if-none-match"))
        return httpx.Response(200, json={}, headers={"etag": "bare-tag"})

    client = client_of(server)
    first = get_controller_base.sync_detailed(client=client)
    get_controller_base.sync_detailed(client=client, if_none_match=first.etag)
    assert sent == [None, "bare-tag"]


def test_query_parameters_are_sent_only_if_given() -> None:
    """Neither c nor actionHistory is sent unless asked for."""
    seen: list[str] = []

    def server(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.query.decode())
        return httpx.Response(200, json={})

    client = client_of(server)
    get_deployment_base.sync("7", client=client)
    get_deployment_base.sync("7", client=client, c=-5, action_history=10)
    assert seen == ["", "c=-5&actionHistory=10"]


def test_an_id_can_not_leave_its_place() -> None:
    """Ids are escaped; those that would change the path are refused."""
    seen: list[bytes] = []

    def server(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path)
        return httpx.Response(200, json={})

    client = client_of(server)
    get_deployment_base.sync("../7?x#ä", client=client)
    assert seen == [f"{OWN}/deploymentBase/..%2F7%3Fx%23%C3%A4".encode()]
    for bad in ("", ".", "..", "\ud800"):
        with pytest.raises(ValueError):
            get_deployment_base.sync(bad, client=client)


def test_a_download_is_streamed() -> None:
    """`stream` gives the answer before its body is read, and passes the range on; a refusal raises."""
    seen: list[httpx.Request] = []

    def server(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.headers.get("range") == "bytes=9-":
            return httpx.Response(416, headers={"content-range": "bytes */6"})
        return httpx.Response(206, content=iter([b"abc", b"def"]), headers={"content-range": "bytes 0-5/6"})

    client = client_of(server)
    with download_artifact.stream("4", "a", client=client, range_="bytes=0-", if_range='"tag"') as answer:
        assert (answer.status_code, list(answer.iter_raw())) == (206, [b"abc", b"def"])
    assert (seen[0].headers["range"], seen[0].headers["if-range"]) == ("bytes=0-", '"tag"')
    assert "*/*" in seen[0].headers["accept"]  # else hawkBit answers 500 to what it would refuse
    with (
        pytest.raises(errors.RangeNotSatisfiableError) as caught,
        download_artifact.stream("4", "a", client=client, range_="bytes=9-"),
    ):
        pass
    assert caught.value.headers["content-range"] == "bytes */6"


def test_a_download_is_streamed_asynchronously() -> None:
    """`astream` does as `stream` does; an error while reading is a TransportError."""

    async def pieces() -> Any:
        yield b"abc"
        raise httpx.ReadError("cut")

    async def download() -> list[bytes]:
        got = []
        async with download_artifact.astream(
            "4", "a", client=client_of(lambda _: httpx.Response(200, content=pieces()))
        ) as answer:
            async for piece in answer.aiter_raw():
                got.append(piece)  # noqa: PERF401
        return got

    with pytest.raises(TransportError, match="cut"):
        asyncio.run(download())


def test_an_error_of_the_callers_own_passes_through_a_stream() -> None:
    """What the caller raises while it reads, such as a full disk, stays what it is."""
    client = client_of(lambda _: httpx.Response(200, content=b"abc"))
    with pytest.raises(OSError, match="No space"), download_artifact.stream("4", "a", client=client):
        raise OSError(28, "No space left on device")


def test_old_servers_find_what_they_want() -> None:
    """Feedback repeats the action's id, unless told another; automatic consent sends a body even if empty."""
    bodies: list[bytes] = []

    def server(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        return httpx.Response(201)

    client = client_of(server)
    feedback = hawkbit_ddi.ActionFeedback(
        status=hawkbit_ddi.Status(execution="proceeding", result=hawkbit_ddi.Result(finished="none"))
    )
    post_deployment_feedback.sync("7", client=client, body=feedback)
    activate_auto_confirm.sync(client=client)
    put_config_data.sync(
        client=client,
        body=ConfigData(data={"a": "\udcff", "gone": None}, mode="replace", status=feedback.status),
    )
    assert json.loads(bodies[0]) == {
        "id": "7",
        "status": {"execution": "proceeding", "result": {"finished": "none"}, "details": []},
    }
    assert bodies[1] == b"{}"
    assert json.loads(bodies[2]) == {
        "data": {"a": "\udcff", "gone": None},
        "mode": "replace",
        "status": {"execution": "proceeding", "result": {"finished": "none"}, "details": []},
    }


def test_201_tells_that_an_installation_was_recorded() -> None:
    """The detailed call shows hawkBit's 201 and 200 apart."""
    body = hawkbit_ddi.AssignedVersion(name="os", version="2")
    answer = put_installed_base.sync_detailed(client=client_of(lambda _: httpx.Response(201)), body=body)
    assert (answer.status_code, answer.parsed) == (201, None)


def test_follow_takes_the_links_query_along() -> None:
    """A link is fetched from the configured origin with its own query, and the history if asked for."""
    seen: list[str] = []

    def server(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(200, json={"id": 7})

    client = client_of(server)
    href = "http://10.0.0.7:8080/default/controller/v1/dev-1/deploymentBase/7?c=-21"
    assert client.follow(href, DeploymentBase).id == "7"
    assert client.follow(href + "&actionHistory=1", DeploymentBase, action_history=20).id == "7"
    assert asyncio.run(client.afollow(href, DeploymentBase, action_history=0)).id == "7"
    path = f"{BASE}/DEFAULT/controller/v1/dev-1/deploymentBase/7?c=-21"
    assert seen == [path, path + "&actionHistory=20", path + "&actionHistory=0"]
