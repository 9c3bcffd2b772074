# SPDX-License-Identifier: LGPL-2.1-or-later
"""What RAUC's answers and its configuration mean. Pure but for the reading of `system.conf`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import evolve

from hawkbit_rauc.board.dbus import plain, sentence
from hawkbit_rauc.errors import RefusedError
from hawkbit_rauc.model import BundleFacts, RemoteBundle, Slot
from hawkbit_rauc.net.urls import shown
from hawkbit_rauc.ports import Source

#: Where RAUC looks for its configuration; the first that is there counts.
SYSTEM_CONF = (
    Path("/etc/rauc/system.conf"),
    Path("/run/rauc/system.conf"),
    Path("/usr/lib/rauc/system.conf"),
)

#: The section [meta.hawkbit-rauc] of a bundle's manifest is for us.
META = "hawkbit-rauc"

#: What RAUC says where the bundle's server can't be reached (any more): its own words, and the kernel's for a
#: read from the stream that failed.
BROKEN_STREAM = re.compile("Failed to stream bundle|Input/output error", re.IGNORECASE)
UNKNOWN_METHOD = "org.freedesktop.DBus.Error.UnknownMethod"
DBUS_ERROR = "org.freedesktop.DBus.Error."


def is_busy(error: RefusedError) -> bool:
    """Say whether RAUC refused because it is at something else."""
    return "already processing a different method" in error.text.lower()  # InstallBundle's begins with "A"


def reason(text: str, bundle: RemoteBundle) -> str:
    """Make a sentence of an error text, which may repeat the URL with its query."""
    return sentence(text.replace(bundle.url, shown(bundle.url))) or "it does not say why"


def access_to(bundle: Source) -> tuple[str, dict[str, tuple[str, Any]]]:
    """Translate a bundle into what InstallBundle and InspectBundle take (RAUC >= 1.7).

    Returns:
        Path or URL, and the options for access to it as an `a{sv}`.
    """
    if not isinstance(bundle, RemoteBundle):
        return str(bundle), {}
    texts = {"tls-cert": bundle.certificate, "tls-key": bundle.key, "tls-ca": bundle.authorities}
    options: dict[str, tuple[str, Any]] = {key: ("s", text) for key, text in texts.items() if text}
    if not bundle.verify:
        options["tls-no-verify"] = ("b", True)
    if bundle.headers:
        options["http-headers"] = ("as", list(bundle.headers))
    return bundle.url, options


def read_slots(found: Iterable[tuple[str, Mapping[str, Any]]], boot_slot: str) -> tuple[Slot, ...]:
    """Translate GetSlotStatus.

    Args:
        found: its `a(sa{sv})`.
        boot_slot: property BootSlot, which names the booted slot by bootname, name or device where no
            slot says of itself that it is booted.
    """
    slots = tuple(_slot(str(name), plain(status)) for name, status in found)
    if any(slot.state == "booted" for slot in slots):
        return slots
    return tuple(
        evolve(slot, state="booted")
        if boot_slot and boot_slot in (slot.bootname, slot.name, slot.device)
        else slot
        for slot in slots
    )


def _slot(name: str, status: Mapping[str, Any]) -> Slot:
    def text(key: str) -> str | None:
        value = status.get(key)
        return value if isinstance(value, str) and value else None

    def count(key: str) -> int:
        value = status.get(key)
        return value if isinstance(value, int) and value > 0 else 0

    return Slot(
        name=name,
        bootname=text("bootname"),
        device=text("device"),
        parent=text("parent"),
        state=text("state") or "inactive",
        boot_status=text("boot-status"),
        status=text("status"),
        sha256=text("sha256"),
        bundle_hash=text("bundle.hash"),
        bundle_version=text("bundle.version"),
        transaction=text("installed.transaction"),
        installed_count=count("installed.count"),
        activated_count=count("activated.count"),
        installed_at=text("installed.timestamp"),
        activated_at=text("activated.timestamp"),
    )


def read_facts(found: Mapping[str, Any]) -> BundleFacts:
    """Translate the answer of InspectBundle (RAUC >= 1.10)."""
    answer = plain(dict(found))
    value = answer.get("manifest-hash")
    manifest_hash = value if isinstance(value, str) and value else None
    meta = answer.get("meta")
    own = meta.get(META) if isinstance(meta, dict) else None
    word = own.get("reboot") if isinstance(own, dict) else None
    return BundleFacts(manifest_hash, {"yes": True, "no": False}.get(str(word)))


def read_version(xml: str) -> str:
    """Say what the introspected interface tells of RAUC's version; it has no property for that."""
    for mark, version in (
        ('"GetArtifactStatus"', "1.13 or later"),
        ('"InspectBundle"', "1.9 to 1.12"),
        ('"InstallBundle"', "1.3 to 1.8"),
    ):
        if mark in xml:
            return version
    return "before 1.3"


def read_boot_loader(files: Iterable[Path]) -> str | None:
    """Read which boot loader RAUC is configured for; None where the file can't be read or does not say."""
    for file in files:
        try:
            lines = file.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            continue
        except OSError:
            return None
        section = ""
        for line in (line.strip() for line in lines):
            if line.startswith("["):
                section = line
            key, equals, value = line.partition("=")
            if section == "[system]" and equals and key.rstrip() == "bootloader":
                return value.strip() or None
        return None
    return None
