# SPDX-License-Identifier: LGPL-2.1-or-later
"""All 16 operations against the real hawkBit, synchronously and not, with what older ones can't do."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hawkbit_ddi import (
    ActionFeedback,
    AssignedVersion,
    Client,
    ConfigData,
    ConfirmationFeedback,
    DeploymentBase,
    GoneError,
    MethodNotAllowedError,
    NotFoundError,
    QuotaExceededError,
    Result,
    Status,
    StatusError,
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
from rig.hawkbit import Hawkbit
from sdk.sdk_answers import TLS

FILE = b"bundle" * 1000


def report(execution: Any, finished: Any, *details: str) -> ActionFeedback:
    """Feedback."""
    return ActionFeedback(
        status=Status(execution=execution, result=Result(finished=finished), details=list(details))
    )


@pytest.fixture(params=["sync", "asyncio"])
def place(
    request: pytest.FixtureRequest, real_hawkbit: Hawkbit
) -> Iterator[tuple[Client, Any, Callable[..., Any]]]:
    """A client, its target, and how to call an operation."""
    target = real_hawkbit.target()
    client = Client(real_hawkbit.url, target.id, target_token=target.token, verify=TLS, trust_env=False)

    with asyncio.Runner() as runner:

        def call(operation: Any, *arguments: str, **more: Any) -> Any:
            if request.param == "sync":
                return operation.sync(*arguments, client=client, **more)
            return runner.run(operation.asyncio(*arguments, client=client, **more))

        yield client, target, call
        client.close()
        runner.run(client.aclose())
    target.delete()


def test_a_deployment_from_offer_to_end(real_hawkbit: Hawkbit, place: Any, tmp_path: Path) -> None:
    """Poll, attributes, payload, files, feedback, cancellation: models come back, refusals have their classes."""
    client, target, call = place
    action = target.assign({"my system.raucb": FILE})
    number = str(action.id)
    base = call(get_controller_base)
    assert set(base.links) == {"deploymentBase", "configData"}
    assert (base.config.polling.seconds or 0) >= 30
    call(put_config_data, body=ConfigData(data={"board": "a"}, mode="replace"))
    offer = client.follow(base.links["deploymentBase"].href, DeploymentBase)
    assert call(get_deployment_base, number, action_history=10).id == offer.id == number
    file = offer.deployment.chunks[0].artifacts[0]
    module = file.links["download-http"].href.split("/")[-3]
    assert [listed.hashes for listed in call(get_artifacts, module)] == [file.hashes]
    assert call(download_artifact, module, "my system.raucb") == FILE
    assert call(get_artifact_md5sum, module, "my system.raucb").split() == [
        file.hashes.md5,
        "my",
        "system.raucb",
    ]
    assert client.download(file, tmp_path / "file").digest == file.hashes.sha256
    assert (tmp_path / "file").read_bytes() == FILE
    with client.download_stream(file, start=1000, etag=f'"{file.hashes.sha1}"') as stream:
        assert FILE[stream.position :] == b"".join(stream)
    call(post_deployment_feedback, number, body=report("proceeding", "none", "half"))
    with pytest.raises(QuotaExceededError) as caught:  # 403 up to 0.9, 429 from 0.10 on
        call(post_deployment_feedback, number, body=report("proceeding", "none", *["x"] * 51))
    assert caught.value.status == (429 if real_hawkbit.version >= (0, 10) else 403)
    action.cancel()
    assert call(get_cancel_action, number).cancel_action.stop_id == number
    call(post_cancel_feedback, number, body=report("rejected", "success", "too late"))
    with pytest.raises(MethodNotAllowedError):
        call(post_cancel_feedback, number, body=report("rejected", "success"))
    call(post_deployment_feedback, number, body=report("closed", "success", "booted"))
    with pytest.raises(GoneError):
        call(post_deployment_feedback, number, body=report("closed", "success", "booted"))
    if real_hawkbit.has_confirmation:  # so it has installedBase too
        assert call(get_installed_base, number).id == number
    else:
        with pytest.raises(NotFoundError):
            call(get_installed_base, number)
    with pytest.raises(NotFoundError) as unknown:
        call(get_cancel_action, "999999999")
    assert unknown.value.exception_class
    assert (action.outcome(), target.attributes) == ("finished", {"board": "a"})


def test_consent(real_hawkbit: Hawkbit, place: Any) -> None:
    """Consent is given where the server has that flow; an older one answers with a StatusError, not with None."""
    _, target, call = place
    if real_hawkbit.has_confirmation:
        real_hawkbit.confirmation_flow = True
    number = str(target.assign({"a.raucb": FILE}).id)
    steps: list[tuple[Any, ...]] = [
        (get_confirmation_base,),
        (get_confirmation_action, number),
        (post_confirmation_feedback, number, {"body": ConfirmationFeedback(confirmation="confirmed")}),
        (activate_auto_confirm,),
        (deactivate_auto_confirm,),
    ]
    for operation, *arguments in steps:
        more = arguments.pop() if arguments and isinstance(arguments[-1], dict) else {}
        if real_hawkbit.has_confirmation:
            call(operation, *arguments, **more)
        else:
            with pytest.raises(StatusError):
                call(operation, *arguments, **more)


def test_an_installation_without_an_action(real_hawkbit: Hawkbit, place: Any) -> None:
    """The server learns what is installed where it can; an older one refuses."""
    _, _, call = place
    name = real_hawkbit.distribution_set(real_hawkbit.module({"a.raucb": FILE})).name
    call(get_controller_base)
    body = AssignedVersion(name=name, version="1")
    if real_hawkbit.has_installed_base:
        call(put_installed_base, body=body)
    else:
        with pytest.raises(StatusError):
            call(put_installed_base, body=body)
