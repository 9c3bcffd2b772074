# SPDX-License-Identifier: LGPL-2.1-or-later
"""What RAUC's answers and its configuration mean. Pure, but for the reading of `system.conf`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import evolve

from hawkbit_rauc.board.dbus import BUS_ERROR, one_line, untyped
from hawkbit_rauc.errors import RefusedError
from hawkbit_rauc.model import BundleFacts, RemoteBundle, Setup, Slot
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

#: What RAUC says if the bundle's server can't be reached (any more): its own words, and the kernel's for a
#: read from the stream that failed.
BROKEN_STREAM = re.compile("Failed to stream bundle|Input/output error", re.IGNORECASE)


def is_busy(error: RefusedError) -> bool:
    """Say whether RAUC refused because it is at something else.

    By the text, since RAUC gives all its errors the same D-Bus name (GLib's for one that was not mapped).
    """
    # InstallBundle's text begins with a capital letter.
    return "already processing a different method" in error.text.lower()


def is_unknown(error: RefusedError) -> bool:
    """Say whether the installer does not have the method that was called.

    RAUC's own library for D-Bus says UnknownMethod. What speaks RAUC's interface in Python may announce a method
    that it lacks, and then names Python's exception (pydbus).
    """
    plain = error.name in (f"{BUS_ERROR}UnknownMethod", f"{BUS_ERROR}NotSupported")
    return plain or error.name.endswith((".AttributeError", ".NotImplementedError"))


def refuses_option(error: RefusedError) -> bool:
    """Say whether RAUC refused because it does not know an option; there is no way to ask it which ones it knows."""
    return error.text.startswith("Unsupported key")


def reason(text: str, bundle: RemoteBundle) -> str:
    """Make a sentence of an error text, which may repeat the URL with its query."""
    return one_line(text.replace(bundle.url, shown(bundle.url))) or "it does not say why"


def access_to(bundle: Source) -> tuple[str, dict[str, tuple[str, Any]]]:
    """Translate a bundle into what InstallBundle and InspectBundle take (RAUC >= 1.7).

    Only what is needed: RAUC refuses a call for one option that it does not know.

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
        boot_slot: property BootSlot. It names the booted slot if no slot says of itself that it is booted: by
            bootname, name or device, as the kernel's command line had it.
    """
    slots = [_slot(str(name), untyped(status)) for name, status in found]
    if not boot_slot or any(slot.state == "booted" for slot in slots):
        return tuple(slots)
    for index, slot in enumerate(slots):
        if boot_slot in (slot.bootname, slot.name, slot.device):
            slots[index] = evolve(slot, state="booted")
    return tuple(slots)


def _slot(name: str, status: Mapping[str, Any]) -> Slot:
    """Translate one slot; RAUC leaves out what it does not know, old ones more than new ones."""

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
    answer = untyped(dict(found))
    value = answer.get("manifest-hash")  # beside the member `update`, not in it
    manifest_hash = value if isinstance(value, str) and value else None
    meta = answer.get("meta")
    own = meta.get(META) if isinstance(meta, dict) else None
    word = own.get("reboot") if isinstance(own, dict) else None
    reboot = None
    if word == "yes":
        reboot = True
    elif word == "no":
        reboot = False
    return BundleFacts(manifest_hash, reboot, _touches(answer))


def _touches(answer: Mapping[str, Any]) -> frozenset[str] | None:
    """The classes of the slots that a bundle has images for; None if that says nothing of what it writes.

    RAUC before 1.10 tells of no images. If the bundle has a handler of its own, that does everything, whatever
    images it brings. The `slot-class` of an artifact is the name of its repository.
    """
    images = answer.get("images")
    if not isinstance(images, list) or "handler" in answer:
        return None
    classes = [
        image.get("slot-class") for image in images if isinstance(image, dict) and "artifact" not in image
    ]
    return frozenset(name for name in classes if isinstance(name, str))


def read_version(xml: str) -> str:
    """Say what the introspected interface tells of RAUC's version: no property and no method does."""
    if '"GetArtifactStatus"' in xml:
        return "1.13 or later"
    if '"InspectBundle"' in xml:
        return "1.9 to 1.12"
    if '"InstallBundle"' in xml:
        return "1.3 to 1.8"
    return "before 1.3"


def read_setup(files: Iterable[Path]) -> Setup:
    """Read how RAUC is configured, which it does not tell over its interface.

    Returns:
        What the first file that is there says; nothing if that can't be read.
    """
    for file in files:
        try:
            return _setup(file.read_text(errors="replace"))
        except FileNotFoundError:
            continue
        except OSError:
            break  # a later file does not step in for one that can't be read: RAUC reads the first, too
    return Setup()


def _setup(text: str) -> Setup:
    system: dict[str, str] = {}
    section = ""
    for line in text.splitlines():
        if line.strip().startswith("["):
            section = line.strip()
        key, equals, value = line.partition("=")
        if section == "[system]" and equals:
            system[key.strip()] = value.strip()
    if system.get("statusfile", "per-slot") != "per-slot":
        status = "status file"
    else:
        status = "data directory" if system.get("data-directory") else "slots"
    return Setup(
        system.get("bootloader") or None, status, system.get("activate-installed") not in ("false", "0")
    )
