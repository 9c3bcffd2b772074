# SPDX-License-Identifier: LGPL-2.1-or-later
"""RAUC's answers are read as they are meant, and odd ones do no harm."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hawkbit_rauc.board.dbus import one_line, untyped
from hawkbit_rauc.model import BundleFacts, Setup, Slot
from hawkbit_rauc.rauc.answers import read_facts, read_setup, read_slots, read_version

SLOT_OF_1_13: dict[str, tuple[str, Any]] = {
    "class": ("s", "rootfs"),
    "device": ("s", "/dev/mmcblk0p3"),
    "type": ("s", "ext4"),
    "bootname": ("s", "B"),
    "parent": ("s", ""),
    "state": ("s", "inactive"),
    "boot-status": ("s", "good"),
    "bundle.compatible": ("s", "board"),
    "bundle.version": ("s", "2.0"),
    "bundle.hash": ("s", "cb7e"),
    "status": ("s", "ok"),
    "sha256": ("s", "9356"),
    "size": ("t", 4194304),
    "installed.timestamp": ("s", "2026-01-02T03:04:05Z"),
    "installed.count": ("u", 3),
    "installed.transaction": ("s", "b7f7c1f8"),
    "activated.timestamp": ("s", "2026-01-02T03:04:06Z"),
    "activated.count": ("u", 2),
}


def test_every_member_of_a_slot_is_read() -> None:
    """All that RAUC 1.13 tells of a slot arrives under our names."""
    assert read_slots([("rootfs.1", SLOT_OF_1_13)], "A") == (
        Slot(
            name="rootfs.1",
            bootname="B",
            device="/dev/mmcblk0p3",
            parent=None,
            state="inactive",
            boot_status="good",
            status="ok",
            sha256="9356",
            bundle_hash="cb7e",
            bundle_version="2.0",
            transaction="b7f7c1f8",
            installed_count=3,
            activated_count=2,
            installed_at="2026-01-02T03:04:05Z",
            activated_at="2026-01-02T03:04:06Z",
        ),
    )


def test_slot_that_says_booted_wins_over_boot_slot() -> None:
    """BootSlot is only asked if no slot says of itself that it is booted."""
    found = [("a", {"state": ("s", "booted")}), ("b", {"state": ("s", "inactive")})]
    assert [slot.state for slot in read_slots(found, "b")] == ["booted", "inactive"]


def test_unknown_boot_slot_boots_nothing() -> None:
    """An empty or foreign BootSlot makes no slot booted."""
    for boot_slot in ("", "_external_"):
        assert {slot.state for slot in read_slots([("a", {}), ("b", {})], boot_slot)} == {"inactive"}


values = st.one_of(st.text(), st.integers(), st.booleans(), st.none(), st.lists(st.text()))


@given(st.dictionaries(st.sampled_from(list(SLOT_OF_1_13)), st.tuples(st.just("v"), values)), st.text())
def test_slot_of_wrong_types_is_read_without_an_error(status: dict[str, Any], boot_slot: str) -> None:
    """Whatever types the members have, texts stay texts and counts stay numbers from 0."""
    (slot,) = read_slots([("rootfs.0", status)], boot_slot)
    assert slot.installed_count >= 0
    assert all(text is None or isinstance(text, str) for text in (slot.bootname, slot.status, slot.sha256))


def test_variants_are_taken_off_however_deep() -> None:
    """RAUC nests variants in variants; only the values remain, a struct keeps its shape."""
    nested = {
        "update": ("v", ("a{sv}", {"version": ("s", "2.0")})),
        "images": ("aa{sv}", [{"size": ("t", 1)}]),
    }
    assert untyped(nested) == {"update": {"version": "2.0"}, "images": [{"size": 1}]}
    assert untyped(("(isi)", (10, "Checking", 1))) == (10, "Checking", 1)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"update": ("v", ("a{sv}", {})), "manifest-hash": ("s", "d1eb")}, "d1eb"),
        ({"manifest-hash": ("s", "")}, None),
        ({"manifest-hash": ("u", 1)}, None),
        ({}, None),
    ],
)
def test_manifest_hash_of_a_bundle(found: dict[str, Any], expected: str | None) -> None:
    """The hash stands beside the update; without one there is none."""
    assert read_facts(found) == BundleFacts(expected)


@pytest.mark.parametrize(
    ("own", "reboot"),
    [({"reboot": "yes"}, True), ({"reboot": "no"}, False), ({"reboot": "maybe"}, None), ({}, None)],
)
def test_metadata_of_a_bundle(own: dict[str, str], reboot: bool | None) -> None:
    """Only our own section counts, and only words that we know."""
    found = {"meta": ("v", ("a{sa{ss}}", {"other": {"reboot": "yes"}, "hawkbit-rauc": own}))}
    assert read_facts(found) == BundleFacts(None, reboot)
    assert read_facts({"meta": ("s", "none")}) == BundleFacts()


@pytest.mark.parametrize(
    ("found", "touches"),
    [
        ({}, None),  # RAUC before 1.10
        ({"images": []}, frozenset()),
        ({"images": [{"slot-class": "rootfs"}, {"slot-class": "appfs"}]}, {"rootfs", "appfs"}),
        ({"images": [{"slot-class": "files", "artifact": "app"}]}, frozenset()),
        ({"images": [{"slot-class": "rootfs"}], "handler": {"filename": "go.sh"}}, None),
        ({"images": "strange"}, None),
        ({"images": ["strange", {"slot-class": 7}]}, frozenset()),
    ],
)
def test_slots_that_a_bundle_touches(found: dict[str, Any], touches: set[str] | None) -> None:
    """Classes of its images that are no artifacts; nothing if a handler of its own does everything."""
    wire = {key: ("v", ("x", value)) for key, value in found.items()}
    assert read_facts(wire).touches == touches


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Failed mounting bundle:\n\tno \x1b[31mnbd\x00", "Failed mounting bundle: no [31mnbd"),
        ("GET https://host/x.raucb?token=secret failed", "GET https://host/x.raucb failed"),
        ("at 'https://host/x?token=secret'", "at 'https://host/x'"),
        ("why?", "why?"),
        ("", ""),
        ("x" * 600, "x" * 499 + "…"),
    ],
)
def test_error_texts_become_one_sentence(text: str, expected: str) -> None:
    """Line feeds, control characters, query strings and endless texts don't pass."""
    assert one_line(text) == expected


@given(st.text())
def test_sentence_is_one_printable_line(text: str) -> None:
    """Any text becomes a line of at most 500 printable characters."""
    line = one_line(text)
    assert len(line) <= 500
    assert line.isprintable()


@pytest.mark.parametrize(
    ("methods", "expected"),
    [
        (["InstallBundle", "InspectBundle", "GetArtifactStatus"], "1.13 or later"),
        (["InstallBundle", "InspectBundle"], "1.9 to 1.12"),
        (["InstallBundle"], "1.3 to 1.8"),
        (["Install"], "before 1.3"),
    ],
)
def test_version_is_bounded_by_the_methods(methods: list[str], expected: str) -> None:
    """The newest method that is there tells the oldest version that it can be."""
    assert read_version("".join(f'<method name="{method}"/>' for method in methods)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[system]\ncompatible=x\nbootloader=grub\n", "grub"),
        ("# bootloader=uboot\n[system]\n  bootloader = barebox \n", "barebox"),
        ("[handlers]\nbootloader=uboot\n[system]\nbootloader-x=y\n", None),
        ("[system]\nbootloader=\n", None),
        ("", None),
        ("\x00\xff\n[system", None),
    ],
)
def test_boot_loader_is_that_of_the_system_section(tmp_path: Path, text: str, expected: str | None) -> None:
    """Only `bootloader=` in `[system]` counts."""
    file = tmp_path / "system.conf"
    file.write_text(text)
    assert read_setup([tmp_path / "absent.conf", file]).boot_loader == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data-directory=/data/rauc", Setup(status="data directory")),
        ("data-directory=/data/rauc\nstatusfile=/data/status", Setup(status="status file")),
        ("statusfile=per-slot", Setup(status="slots")),
        ("activate-installed=false", Setup(status="slots", activates=False)),
        ("activate-installed=true", Setup(status="slots")),
    ],
)
def test_where_rauc_keeps_its_status(tmp_path: Path, text: str, expected: Setup) -> None:
    file = tmp_path / "system.conf"
    file.write_text(f"[system]\n{text}\n[handlers]\ndata-directory=/no\n")
    assert read_setup([file]) == expected


def test_boot_loader_is_unknown_without_a_readable_configuration(tmp_path: Path) -> None:
    """No file, or one that can't be read, says nothing; a later file does not step in for an unreadable one."""
    later = tmp_path / "later.conf"
    later.write_text("[system]\nbootloader=grub\n")
    assert read_setup([tmp_path / "absent.conf"]) == Setup()
    assert read_setup([tmp_path, later]) == Setup()
