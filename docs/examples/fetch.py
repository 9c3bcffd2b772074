# SPDX-License-Identifier: LGPL-2.1-or-later
"""Downloads what the server offers, once, and goes on where it was cut off: fetch.py URL CONTROLLER TOKEN FOLDER."""

import re
import sys
import time
from pathlib import Path

import hawkbit_ddi as ddi

TRIES = 10


def fetch(client: ddi.Client, artifact: ddi.Artifact, folder: Path) -> str:
    """Download one file; each try goes on where the last one ended."""
    path = folder / (re.sub(r"[^\w.-]", "_", artifact.filename or "").lstrip(".") or "unnamed")
    for attempt in range(1, TRIES + 1):
        try:
            file = client.download(artifact, path)
            return f"{path.name}: {file.size} bytes, {file.algorithm} {file.digest}"
        except (ddi.TransportError, ddi.ServerError, ddi.RateLimitedError) as error:
            print(error, file=sys.stderr)
            if attempt == TRIES:
                raise
            time.sleep(attempt)
    raise AssertionError


def main(url: str, controller: str, token: str, folder: str) -> int:
    with ddi.Client(url, controller, target_token=token) as client:
        link = ddi.get_controller_base.sync(client=client).links.get("deploymentBase")
        if link is None:
            print("nothing is offered")
            return 0
        offer = client.follow(link.href, ddi.DeploymentBase)
        files = [artifact for chunk in offer.deployment.chunks for artifact in chunk.artifacts]
        said = [fetch(client, file, Path(folder)) for file in files]
        status = ddi.Status(execution="downloaded", result=ddi.Result(finished="none"), details=said)
        ddi.post_deployment_feedback.sync(
            str(offer.id), client=client, body=ddi.ActionFeedback(status=status)
        )
        print(*said, sep="\n")
        return 0


try:
    sys.exit(main(*sys.argv[1:5]))
except ddi.DdiError as error:
    sys.exit(str(error))
