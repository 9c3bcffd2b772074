# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fetches a bundle as the story does, again and again, until it is here (0) or wrong for good (3); to be killed.

::

    python fetcher.py URL SIZE SHA256 LOCATION BOOT_ID
"""

import asyncio
import sys
from pathlib import Path

import httpx

from hawkbit_rauc.bundle import download
from hawkbit_rauc.errors import MismatchError, PassingError
from hawkbit_rauc.model import Artifact
from hawkbit_rauc.story.obtain import MAX_MISMATCHES


def main(url: str, size: str, sha256: str, location: str, boot_id: str) -> int:
    download.PAUSE = 0.0
    artifact = Artifact(filename="bundle.raucb", size=int(size), hashes={"sha256": sha256}, url=url)
    mismatches = 0
    with httpx.Client(trust_env=False, timeout=1, verify=False) as http:
        downloads = download.Downloads(
            Path(location), http, low_speed_time=1, low_speed_rate=100, boot_id=boot_id
        )
        while mismatches < MAX_MISMATCHES:
            try:
                asyncio.run(downloads.fetch(artifact, lambda done, total: None))
            except MismatchError:
                mismatches += 1
            except PassingError:
                continue  # at once: the server's faults are used up by it
            else:
                return 0
    return 3


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
