# SPDX-License-Identifier: LGPL-2.1-or-later
"""Speaks DDI for 200 devices that can't, such as sensors on a bus: gateway.py URL GATEWAY-TOKEN FOLDER."""

import asyncio
import re
import ssl
import sys
from collections import defaultdict
from pathlib import Path

import hawkbit_ddi as ddi

LOCKS: defaultdict[Path, asyncio.Lock] = defaultdict(asyncio.Lock)


async def deploy(client: ddi.Client, offer: ddi.DeploymentBase, folder: Path) -> ddi.Status:
    """Fetch each file once for all devices, bring it onto this one, and say how it went."""
    said: list[str] = []
    try:
        for file in (file for chunk in offer.deployment.chunks for file in chunk.artifacts):
            # Its hash is its name here, as the server's is no safe path.
            path = folder / re.sub(r"\W", "", file.hashes.sha256 or file.hashes.sha1 or client.controller_id)
            async with LOCKS[path]:
                if not path.exists():
                    await client.adownload(file, path)
            said.append(f"{path.stat().st_size} bytes written")  # here it goes onto the device
        return ddi.Status(execution="closed", result=ddi.Result(finished="success"), details=said)
    except ddi.MismatchError as error:
        return ddi.Status(execution="closed", result=ddi.Result(finished="failure"), details=[str(error)])


async def serve(client: ddi.Client, folder: Path, wait: float) -> None:
    """Poll for one device, for ever."""
    while True:
        await asyncio.sleep(wait)
        try:
            base = await ddi.get_controller_base.asyncio(client=client)
            wait = base.config.polling.seconds or 60
            if link := base.links.get("deploymentBase"):
                offer = await client.afollow(link.href, ddi.DeploymentBase)
                body = ddi.ActionFeedback(status=await deploy(client, offer, folder))
                await ddi.post_deployment_feedback.asyncio(str(offer.id), client=client, body=body)
            elif link := base.links.get("cancelAction"):
                stop = (await client.afollow(link.href, ddi.Cancel)).cancel_action.stop_id
                accepted = ddi.Status(execution="closed", result=ddi.Result(finished="success"))
                body = ddi.ActionFeedback(status=accepted)
                await ddi.post_cancel_feedback.asyncio(str(stop), client=client, body=body)
        except ddi.DdiError as error:
            print(f"{client.controller_id}: {error}", file=sys.stderr)
            wait = 60


async def main(url: str, token: str, folder: str) -> None:
    tls = ssl.create_default_context()
    clients = [ddi.Client(url, f"sensor-{i:03}", gateway_token=token, verify=tls) for i in range(200)]
    await asyncio.gather(*(serve(client, Path(folder), i / 20) for i, client in enumerate(clients)))


asyncio.run(main(*sys.argv[1:4]))
