# SPDX-License-Identifier: LGPL-2.1-or-later
"""The numbers of a configuration that says nothing of them, for the story."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hawkbit_rauc.config.config import parse
from hawkbit_rauc.story.boot import Commit
from hawkbit_rauc.story.world import Policy, World

_CONFIG = parse(
    "[client]\nhawkbit_server = hawkbit\ntarget_name = dev-1\nauth_token = secret\nbundle_download_location = /b\n",
    "the least",
    state_dir=Path("/"),
)

#: What the daemon is given.
TIMES = {"retry_wait": _CONFIG.retry_wait, "once_timeout": _CONFIG.once_timeout}


def configured(**asked: Any) -> Policy:
    """Make a policy; what is not asked for is as in a configuration that does not say it."""
    return Policy(**{"keep_for": _CONFIG.keep_downloaded, "give_up_after": _CONFIG.give_up_after} | asked)


def commit(world: World) -> Commit:
    """Make what marks the booted slot good by ourselves."""
    return Commit(world, _CONFIG.commit_timeout)
