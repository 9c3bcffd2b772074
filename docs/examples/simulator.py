# SPDX-License-Identifier: LGPL-2.1-or-later
"""Simulates devices that take any update, every tenth in vain: simulator.py URL GATEWAY-TOKEN DEVICES SECONDS."""

import asyncio
import random
import ssl
import sys
from functools import partial

import hawkbit_ddi as ddi


def report(execution: ddi.StatusExecution, finished: ddi.ResultFinished, *said: str) -> ddi.ActionFeedback:
    result = ddi.Result(finished=finished)
    return ddi.ActionFeedback(status=ddi.Status(execution=execution, result=result, details=list(said)))


async def update(client: ddi.Client, offer: ddi.DeploymentBase) -> None:
    """Download and throw away, pretend to install and to boot."""
    tell = partial(ddi.post_deployment_feedback.asyncio, str(offer.id), client=client)
    for artifact in (artifact for chunk in offer.deployment.chunks for artifact in chunk.artifacts):
        async with client.adownload_stream(artifact) as stream:
            size = sum([len(piece) async for piece in stream])
        await tell(body=report("proceeding", "none", f"{artifact.filename}: {size} bytes"))
    if client.controller_id.endswith("9"):
        await tell(body=report("closed", "failure", "fell back to the old system"))
    else:
        await tell(body=report("closed", "success", "booted into the new system"))


async def simulate(client: ddi.Client, seconds: float) -> None:
    """Live the life of one device; its first poll registers it."""
    while True:
        await asyncio.sleep(random.uniform(0, seconds))
        try:
            links = (await ddi.get_controller_base.asyncio(client=client)).links
            if "configData" in links:
                await ddi.put_config_data.asyncio(client=client, body=ddi.ConfigData(data={"kind": "sim"}))
            if link := links.get("confirmationBase"):
                wish = await client.afollow(link.href, ddi.ConfirmationBaseAction)
                yes = ddi.ConfirmationFeedback(confirmation="confirmed")
                await ddi.post_confirmation_feedback.asyncio(str(wish.id), client=client, body=yes)
            elif link := links.get("cancelAction"):
                cancel = await client.afollow(link.href, ddi.Cancel)
                body = report("closed", "success")
                await ddi.post_cancel_feedback.asyncio(str(cancel.id), client=client, body=body)
            elif link := links.get("deploymentBase"):
                await update(client, await client.afollow(link.href, ddi.DeploymentBase))
        except ddi.DdiError as error:
            print(f"{client.controller_id}: {error}", file=sys.stderr)


async def main(url: str, token: str, devices: str, seconds: str) -> None:
    tls = ssl.create_default_context()
    clients = [ddi.Client(url, f"sim-{i}", gateway_token=token, verify=tls) for i in range(int(devices))]
    await asyncio.gather(*(simulate(client, float(seconds)) for client in clients))


asyncio.run(main(*sys.argv[1:5]))
