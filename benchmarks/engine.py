# SPDX-License-Identifier: LGPL-2.1-or-later
"""The download engine alone: fetches one bundle and prints what that took, the start of Python left out.

::

    python engine.py URL FILE SIZE SHA256 [FOLDER OF AUTHORITIES]

Without a hash (SHA256 is empty) none is computed, as with bundles that hawkBit decrypts while it serves them.
"""

import asyncio
import resource
import ssl
import sys
import time
from pathlib import Path

import httpx

from hawkbit_rauc.bundle.download import Downloads
from hawkbit_rauc.model import Artifact


def main(url: str, file: str, size: str, sha256: str, authorities: str = "") -> None:
    """Fetch, verify, make durable; print seconds of wall and of CPU."""
    verify = ssl.create_default_context(capath=authorities) if authorities else False
    with httpx.Client(verify=verify, trust_env=False, timeout=60) as http:
        artifact = Artifact("bundle.raucb", int(size), {"sha256": sha256}, url, encrypted=not sha256)
        begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
        asyncio.run(Downloads(Path(file), http).fetch(artifact, lambda _done, _total: None))
        wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    sys.stdout.write(f"{wall:.6f} {cpu:.6f}\n")


main(*sys.argv[1:])
