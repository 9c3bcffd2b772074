# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the board tells of itself as attributes: RAUC's facts, and commands of the configuration."""

from __future__ import annotations

import shlex

from hawkbit_rauc.model import System

_EXEC = "exec:"


def facts(system: System) -> dict[str, str]:
    """Say what RAUC knows of the board, as attributes (docs/configuration.md lists them).

    Args:
        system: where the board stands.

    Returns:
        Those that RAUC can tell.
    """
    booted = system.booted
    told = {
        "rauc_compatible": system.compatible,
        "rauc_booted_slot": (booted.bootname or booted.name) if booted else None,
        "rauc_boot_status": booted.boot_status if booted else None,
        "rauc_bundle_version": booted.bundle_version if booted else None,
        "rauc_bundle_hash": booted.bundle_hash if booted else None,
    }
    return {name: value for name, value in told.items() if value}


def command(text: str) -> list[str] | None:
    """Read the command of an attribute that is written as `exec:COMMAND`; None for one that is what it says."""
    if not text.startswith(_EXEC):
        return None
    try:
        return shlex.split(text.removeprefix(_EXEC)) or [""]
    except ValueError:
        return [""]
