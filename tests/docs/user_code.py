# SPDX-License-Identifier: LGPL-2.1-or-later
"""Code as users write it: never run, only type-checked, by mypy --strict and pyright in strict mode."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, assert_type

import httpx
from hawkbit_ddi import (
    HAWKBIT_VERSION,
    ActionFeedback,
    ActionHistory,
    ActivateAutoConfirm,
    Artifact,
    AssignedVersion,
    AsyncDownloadStream,
    AutoConfirm,
    Call,
    Cancel,
    CancelAction,
    Chunk,
    Client,
    Config,
    ConfigData,
    ConfigDataMode,
    ConfirmationBase,
    ConfirmationBaseAction,
    ConfirmationFeedback,
    ConfirmationFeedbackConfirmation,
    ControllerBase,
    DdiError,
    Deployment,
    DeploymentBase,
    Download,
    DownloadStream,
    ExceptionInfo,
    Hashes,
    Link,
    Metadata,
    Polling,
    Progress,
    QuotaExceededError,
    RateLimitedError,
    Response,
    Result,
    ResultFinished,
    Status,
    StatusError,
    StatusExecution,
    UnreadableAnswerError,
    activate_auto_confirm,
    deactivate_auto_confirm,
    download_artifact,
    get_artifact_md5sum,
    get_artifacts,
    get_cancel_action,
    get_confirmation_action,
    get_confirmation_base,
    get_controller_base,
    get_deployment_base,
    get_installed_base,
    post_cancel_feedback,
    post_confirmation_feedback,
    post_deployment_feedback,
    put_config_data,
    put_installed_base,
)

MADE_FROM: str = HAWKBIT_VERSION
BASE = "https://hawkbit.example"
FEEDBACK = ActionFeedback(
    status=Status(
        execution="proceeding",
        result=Result(finished="none", progress=Progress(cnt=1, of=2)),
        details=["half"],
        code=7,
    ),
    timestamp=1_700_000_000_000,
)


def constructors(context: ssl.SSLContext) -> list[Client]:
    """Every way to make a client."""
    return [
        Client(BASE, "dev-1"),
        Client(BASE, "dev-1", tenant="acme", target_token="x", timeout=10, total_timeout=60.0),
        Client(BASE, "dev-1", gateway_token="x", timeout=httpx.Timeout(10.0), verify=context),
        Client(BASE, "dev-1", client_certificate=("cert.pem", "key.pem"), verify="ca.pem"),
        Client(BASE, "dev-1", client_certificate=("cert.pem", "key.pem", "secret"), verify=False),
        Client(BASE, "dev-1", proxy="http://proxy:3128", headers={"X-A": "b"}, trust_env=False),
        Client(BASE, "dev-1", transport=httpx.HTTPTransport(), async_transport=httpx.AsyncHTTPTransport()),
    ]


def reading(client: Client) -> None:
    """What operations return, member by member."""
    base = get_controller_base.sync(client=client)
    assert_type(base, ControllerBase)
    assert_type(base.config, Config)
    assert_type(base.config.polling, Polling)
    assert_type(base.config.polling.sleep, str | None)
    assert_type(base.config.polling.seconds, float | None)
    assert_type(base.links, dict[str, Link])
    assert_type(base.links["deploymentBase"].href, str)
    assert_type(base.raw, Mapping[str, Any])

    offer = get_deployment_base.sync("7", client=client, c=1, action_history=10)
    assert_type(offer, DeploymentBase)
    assert_type(client.follow("href", DeploymentBase, action_history=1), DeploymentBase)
    assert_type(get_installed_base.sync("7", client=client), DeploymentBase)
    assert_type(offer.id, str | None)
    assert_type(offer.deployment, Deployment)
    assert_type(offer.deployment.update, str | None)
    assert_type(offer.action_history, ActionHistory)
    assert_type(offer.action_history.messages, list[str])
    for chunk in offer.deployment.chunks:
        assert_type(chunk, Chunk)
        assert_type(chunk.encrypted, bool | None)
        assert_type(chunk.metadata, list[Metadata])
        for artifact in chunk.artifacts:
            assert_type(artifact, Artifact)
            assert_type(artifact.size, int | None)
            assert_type(artifact.hashes, Hashes)

    cancel = get_cancel_action.sync("7", client=client)
    assert_type(cancel, Cancel)
    assert_type(cancel.cancel_action, CancelAction)
    assert_type(get_confirmation_base.sync(client=client), ConfirmationBase)
    assert_type(get_confirmation_base.sync(client=client).auto_confirm, AutoConfirm)
    assert_type(get_confirmation_action.sync("7", client=client), ConfirmationBaseAction)
    assert_type(get_artifacts.sync("4", client=client), list[Artifact])
    assert_type(get_artifact_md5sum.sync("4", "a", client=client), str)
    assert_type(download_artifact.sync("4", "a", client=client), bytes)

    poll = get_controller_base.sync_detailed(client=client, if_none_match='"tag"')
    assert_type(poll, Response[ControllerBase | None])
    assert_type(poll.status_code, int)
    assert_type(poll.headers, httpx.Headers)
    assert_type(poll.content, bytes)
    assert_type(poll.etag, str | None)
    with download_artifact.stream("4", "a", client=client, range_="bytes=1-") as answer:
        assert_type(answer, httpx.Response)


def writing(client: Client) -> None:
    """What operations take; writes return nothing."""
    execution: StatusExecution = "closed"
    finished: ResultFinished = "success"
    mode: ConfigDataMode = "merge"
    confirmation: ConfirmationFeedbackConfirmation = "denied"
    done = ActionFeedback(status=Status(execution=execution, result=Result(finished=finished)))
    post_deployment_feedback.sync("7", client=client, body=FEEDBACK)
    post_cancel_feedback.sync("7", client=client, body=done)
    put_config_data.sync(client=client, body=ConfigData(data={"a": "b", "gone": None}, mode=mode))
    put_installed_base.sync(client=client, body=AssignedVersion(name="os", version="1"))
    post_confirmation_feedback.sync(
        "7", client=client, body=ConfirmationFeedback(confirmation=confirmation, code=1, details=["no"])
    )
    activate_auto_confirm.sync(client=client, body=ActivateAutoConfirm(initiator="me", remark="night"))
    activate_auto_confirm.sync(client=client)
    deactivate_auto_confirm.sync(client=client)
    assert_type(
        put_config_data.sync_detailed(client=client, body=ConfigData(data={"a": "b"})), Response[None]
    )


def downloading(client: Client, artifact: Artifact) -> None:
    """Files, as a stream or onto the disk."""
    done = client.download(artifact, Path("file"))
    assert_type(done, Download)
    assert_type(done.size, int | None)
    assert_type(done.digest, str)
    assert_type(done.etag, str | None)
    client.download("https://cdn.example/a", "file", size=1, hashes=Hashes(sha256="00"))
    with client.download_stream(artifact, start=1, etag=done.etag) as stream:
        assert_type(stream, DownloadStream)
        for piece in stream:
            assert_type(piece, bytes)


async def asynchronously(artifact: Artifact) -> None:
    """The same with await."""
    async with Client(BASE, "dev-1") as client:
        assert_type(client, Client)
        assert_type(await get_controller_base.asyncio(client=client), ControllerBase)
        detailed = await get_controller_base.asyncio_detailed(client=client)
        assert_type(detailed.parsed, ControllerBase | None)
        assert_type(await client.afollow("href", Cancel), Cancel)
        await post_deployment_feedback.asyncio("7", client=client, body=FEEDBACK)
        assert_type(await client.adownload(artifact, "file"), Download)
        async with client.adownload_stream(artifact) as stream:
            assert_type(stream, AsyncDownloadStream)
            async for piece in stream:
                assert_type(piece, bytes)
        async with download_artifact.astream("4", "a", client=client) as answer:
            assert_type(answer, httpx.Response)


def failing(client: Client) -> ExceptionInfo | None:
    """Errors and what they tell."""
    try:
        get_controller_base.sync(client=client)
    except (QuotaExceededError, RateLimitedError) as error:
        assert_type(error.retry_after, float | None)
    except StatusError as error:
        assert_type(error.status, int)
        assert_type(error.error_code, str | None)
        assert_type(error.exception_class, str | None)
        assert_type(error.message, str | None)
        assert_type(error.headers, httpx.Headers)
        return ExceptionInfo.from_dict({"message": error.message})
    except UnreadableAnswerError as error:
        assert_type(error.content, bytes)
    except DdiError as error:
        assert_type(str(error), str)
    return None


def own_requests(client: Client) -> None:
    """What is no operation goes through httpx, or through a call of one's own."""
    assert_type(client.http, httpx.Client)
    assert_type(client.async_http, httpx.AsyncClient)
    assert_type(client.rebase("https://internal/x"), str)
    assert_type(client.send(Call("GET", "/later", bytes)), Response[bytes])


def mistakes(client: Client) -> None:
    """What a type checker finds; a comment that ignores nothing is an error itself."""
    get_controller_base.sync()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    get_controller_base.sync(client=client, if_none_match="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    get_deployment_base.sync(7, client=client)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Result(finished="succes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Status(execution="close", result=Result(finished="none"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ActionFeedback()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    put_config_data.sync(client=client, body={"a": "b"})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
