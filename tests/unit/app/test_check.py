# SPDX-License-Identifier: LGPL-2.1-or-later
"""`hawkbit-rauc check`: each line, well and failing."""

import asyncio
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from attrs import evolve
from rig.mount import mounted
from rig.rauc import RaucBoard
from rig.run import configuration

import hawkbit_testing
from hawkbit_rauc.app import check
from hawkbit_rauc.config.config import load, parse
from hawkbit_rauc.errors import InstallerError
from hawkbit_rauc.model import Setup, Slot, System
from hawkbit_rauc.rauc.installer import Description

A = Slot("rootfs.0", "A", "/dev/none-a", state="booted", boot_status="good", status="ok")
B = Slot("rootfs.1", "B", "/dev/none-b")
SYSTEM = System((A, B), "rootfs.0", "board", "grub")
CENTRAL = Setup("grub", "data directory")
MINIMAL = "[client]\nhawkbit_server = h\ntarget_name = t\nauth_token = x\n"


@pytest.fixture(autouse=True)
def state_folder(surroundings: None, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()


def checked(tmp_path: Path, capsys, **keys: object) -> tuple[int, list[str]]:
    """Run the check; returns the exit code and the lines."""
    defaults = {"server": "127.0.0.1:1", "target": "board", "token": "t", "bundle": tmp_path / "state" / "b"}
    file = configuration(
        tmp_path / "config.conf", **{**defaults, "connect_timeout": 5, "once_timeout": 5, **keys}
    )
    capsys.readouterr()
    code = asyncio.run(check.run(load(file, state_dir=tmp_path / "state")))
    return code, capsys.readouterr().out.splitlines()


def line(lines: list[str], what: str) -> str:
    (found,) = [one for one in lines if re.match(rf"(ok   |note |FAIL ) {what}: ", one)]
    return found


def told(look, *arguments) -> list[str]:
    """The lines that one part of the check writes."""
    lines: list[str] = []
    result = look(*arguments, check.Report(lines.append))
    if asyncio.iscoroutine(result):
        asyncio.run(result)
    return [one.rstrip("\n") for one in lines]


# ---------------------------------------------------------------- all of it


def test_all_well(board: RaucBoard, served_double: hawkbit_testing.Hawkbit, tmp_path, capsys, monkeypatch):
    """A real RAUC, a server that knows us, room on the disk: only ok and notes, and 0."""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", board.bus.address)
    target = served_double.target()
    code, lines = checked(tmp_path, capsys, server=served_double.host, target=target.id, token=target.token)
    assert code == 0, lines
    assert all(one.startswith(("ok    ", "note  ")) for one in lines)
    assert line(lines, "RAUC").startswith("ok    RAUC: 1.3 to 1.8, compatible rig-board")
    well = {one.split(":")[0].removeprefix("ok    ") for one in lines if one.startswith("ok")}
    assert well >= {"configuration", "name", "connection", "credentials", "slots", "commit"}
    assert well >= {"bundle folder", "state folder"}


def test_nothing_well(tmp_path, capsys):
    """Each failure is a line of its own with its remedy, all of them at once, and 1."""
    code, lines = checked(tmp_path, capsys, conect_timeout=3, bundle=tmp_path / "none" / "b")
    assert code == 1
    failed = [one.split(":")[0] for one in lines if one.startswith("FAIL")]
    assert failed == ["FAIL  configuration", "FAIL  connection", "FAIL  RAUC", "FAIL  bundle folder"]
    assert "t0ken" not in "".join(lines)


def test_advice_is_a_note(tmp_path, capsys):
    _, lines = checked(tmp_path, capsys, bundle="/tmp/bundle.raucb")  # the C program's example
    assert [one for one in lines if one.startswith("note  configuration")]


# ---------------------------------------------------------------- hawkBit


def test_a_name_that_is_not_resolved(tmp_path, capsys):
    code, lines = checked(tmp_path, capsys, server="nowhere.invalid")
    assert code == 1
    assert "nowhere.invalid is not resolved" in line(lines, "name")
    assert "DNS" in line(lines, "name")


def test_a_closed_port(tmp_path, capsys):
    _, lines = checked(tmp_path, capsys)
    assert line(lines, "connection") == (
        "FAIL  connection: 127.0.0.1 port 1 does not answer (Connection refused); check port and firewall"
    )


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError(), "no answer in time"),
        (ConnectionRefusedError(111, "Connect call failed ('::1', 1, 0, 0)"), "Connection refused"),
        (OSError("Multiple exceptions: one, another"), "Multiple exceptions: one, another"),
        (socket.gaierror(socket.EAI_AGAIN, "try again"), "try again"),
    ],
)
def test_why_there_is_no_connection(error, reason):
    """What asyncio raises is told in the system's words; only what took too long is called so."""
    assert check._reason(error) == reason


def test_a_wrong_token(tmp_path, capsys, served_double):
    target = served_double.target()
    code, lines = checked(tmp_path, capsys, server=served_double.host, target=target.id, token="wr0ng")
    assert code == 1
    assert line(lines, "credentials").startswith("FAIL")
    assert "check the token" in line(lines, "credentials")
    assert "wr0ng" not in "".join(lines)


def test_a_server_that_never_answers(tmp_path, capsys):
    """The check ends all the same."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        _, lines = checked(tmp_path, capsys, server=f"127.0.0.1:{silent.getsockname()[1]}", once_timeout=1)
        assert line(lines, "connection").startswith("ok")
        assert line(lines, "credentials").startswith("FAIL")


def test_plain_text_although_tls_is_expected(tmp_path, capsys, served_double):
    _, lines = checked(tmp_path, capsys, server=served_double.host, ssl=True)
    assert line(lines, "TLS and credentials").startswith("FAIL")


def test_a_proxy_resolves_and_connects_for_us(tmp_path, capsys, monkeypatch, served_double):
    monkeypatch.setenv("http_proxy", served_double.url)
    _, lines = checked(tmp_path, capsys, server="nowhere.invalid")
    assert "proxy" in line(lines, "connection")
    assert not [one for one in lines if "DNS" in one]


# ---------------------------------------------------------------- RAUC


def test_no_bus(tmp_path, capsys):
    code, lines = checked(tmp_path, capsys)
    assert code == 1
    assert line(lines, "RAUC").startswith("FAIL")


def rauc(
    system: System, witness: str | None = None, *, inspects: bool = True, setup: Setup = CENTRAL, **keys: bool
) -> list[str]:
    async def describe():
        return Description(system, "1.13", inspects, setup)

    config = evolve(parse(MINIMAL, "c.conf", state_dir=Path("/state")), commit_witness=witness, **keys)
    return told(check._rauc, SimpleNamespace(rauc=SimpleNamespace(describe=describe), config=config))


@pytest.mark.parametrize(
    ("inspects", "fallback", "line"),
    [
        (True, False, "ok    streaming: RAUC will say with each bundle whether it can stream it"),
        (False, True, "note  streaming: RAUC 1.13 is not known to stream, so bundles are downloaded"),
        (
            False,
            False,
            (
                "note  streaming: RAUC 1.13 is not known to stream: an installation will tell, "
                "stream_fallback = true downloads instead"
            ),
        ),
    ],
)
def test_streaming_needs_a_rauc_that_can_be_asked(inspects, fallback, line):
    """If RAUC is to fetch by itself, its interface shows whether it is new enough."""
    assert line in rauc(SYSTEM, inspects=inspects, stream_bundle=True, stream_fallback=fallback)
    assert not any("streaming" in one for one in rauc(SYSTEM, inspects=inspects))


def test_streaming_needs_no_room_on_the_disk(tmp_path, capsys):
    """The folder of the bundle is looked at only if a bundle may be downloaded."""
    keys = {"bundle": tmp_path / "none" / "b", "stream_bundle": True}
    assert not [one for one in checked(tmp_path, capsys, **keys)[1] if "bundle folder" in one]
    assert line(checked(tmp_path, capsys, **keys, stream_fallback=True)[1], "bundle folder")


def test_a_rauc_that_is_well():
    assert rauc(SYSTEM) == [
        "ok    RAUC: 1.13, compatible board",
        "ok    slots: rootfs.0 (booted), rootfs.1",
        "ok    layout: A/B; status in a data directory",
        "ok    commit: rootfs.0 is marked good",
    ]


def test_a_rauc_that_fails_is_its_own_sentence():
    async def describe():
        raise InstallerError("RAUC does not answer; start rauc.service")

    adapters = SimpleNamespace(rauc=SimpleNamespace(describe=describe))
    assert told(check._rauc, adapters) == ["FAIL  RAUC: RAUC does not answer; start rauc.service"]


def test_no_slot_is_booted():
    """From net or stick RAUC installs, and so do we; nothing is advised that RAUC would refuse."""
    lines = rauc(evolve(SYSTEM, slots=(evolve(A, state="inactive"), B)))
    assert lines[-1].startswith("note  layout: none of RAUC's slots is booted")
    assert not [one for one in lines if one.startswith("FAIL") or "mark-good" in one]


def test_a_rescue_system_without_a_bootname_is_not_to_be_marked():
    """RAUC can't mark it."""
    rescue = Slot("rescue.0", state="booted")
    lines = rauc(evolve(SYSTEM, slots=(evolve(A, state="inactive"), B, rescue)))
    assert "ok    layout: A/B, rescue.0 without a bootname; status in a data directory" in lines
    assert lines[-1] == "ok    commit: rescue.0 has no bootname, so nothing counts its boots"


def test_rauc_tells_nothing_about_slots():
    assert rauc(System(compatible="board"))[-1].startswith("note  slots: RAUC can't tell")


def test_the_booted_slot_is_not_committed():
    lines = rauc(evolve(SYSTEM, slots=(evolve(A, boot_status="bad"), B)))
    assert lines[-1].startswith("FAIL  commit: rootfs.0 is not marked good; run `rauc status mark-good`")


def test_no_status_is_stored():
    """Unless it is only not stored yet."""
    fresh = evolve(SYSTEM, slots=(evolve(A, status=None), evolve(B, status=None)))
    told = [one for one in rauc(fresh, setup=Setup(status="slots")) if one.startswith("note")]
    assert told[0].startswith("note  layout: RAUC keeps no status of rootfs.0, rootfs.1: ")
    assert told[0].endswith("set data-directory= in system.conf, without statusfile=per-slot")
    assert not [one for one in rauc(fresh) if one.startswith("note")]


@pytest.mark.parametrize("loader", ["uboot", "barebox"])
def test_a_witness_is_advised_if_good_is_not_enough(loader):
    system = evolve(SYSTEM, boot_loader=loader)
    assert rauc(system)[-1].startswith(f"note  commit: {loader} calls a slot good while attempts are left")
    assert not [one for one in rauc(system, "boot-complete.target") if one.startswith("note")]


# ---------------------------------------------------------------- disks


@pytest.fixture
def ext4(tmp_path: Path) -> Iterator[Path]:
    """A folder on an ext4 of its own."""
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    with mounted(tmp_path / "disk", "-o", "loop", str(image)) as folder:
        yield folder


def test_a_state_folder_on_a_data_partition(ext4):
    (ext4 / "state").mkdir()
    assert told(check._state_folder, ext4 / "state", SYSTEM) == [f"ok    state folder: {ext4}/state (ext4)"]
    assert list((ext4 / "state").iterdir()) == []


def test_a_state_folder_that_systemd_makes(ext4):
    (line,) = told(check._state_folder, ext4 / "state", None)
    assert line.startswith("note  state folder: ")
    assert "StateDirectory=" in line


def test_a_state_folder_on_a_slot(ext4):
    """By the device that the folder is on, whatever it is called; a device that is missing is no slot."""
    device = subprocess.run(
        ["findmnt", "-no", "SOURCE", ext4], capture_output=True, text=True, check=True
    ).stdout.strip()
    (line,) = told(check._state_folder, ext4, evolve(SYSTEM, slots=(A, evolve(B, device=device))))
    assert line.startswith(f"FAIL  state folder: {ext4} is on slot rootfs.1")
    assert "data partition" in line


@pytest.mark.parametrize("kind", ["tmpfs", "overlay", "ramfs"])
def test_a_state_folder_that_forgets(tmp_path, ext4, kind):
    """The other system does not see what is written there; a space in the path is no trouble."""
    options = ["-t", kind, kind]
    if kind == "overlay":
        for name in ("lower", "upper", "work"):
            (ext4 / name).mkdir()
        options = ["-t", kind, "-o", f"lowerdir={ext4}/lower,upperdir={ext4}/upper,workdir={ext4}/work", kind]
    with mounted(tmp_path / "for getful", *options) as folder:
        (line,) = told(check._state_folder, folder / "not yet there", None)
        assert line.startswith(f"FAIL  state folder: {folder}/not yet there is on {kind}")


def test_a_state_folder_that_can_not_be_written(ext4):
    subprocess.run(["mount", "-o", "remount,ro", ext4], check=True)
    (line,) = told(check._state_folder, ext4, None)
    assert line.startswith("FAIL  state folder: can't write")
    assert "Read-only file system" in line


def test_a_bundle_folder_with_little_room(ext4):
    (line,) = told(check._bundle_folder, ext4)
    assert re.fullmatch(
        rf"FAIL  bundle folder: \d+ MiB free in {ext4}; a bundle needs its whole size there", line
    )


def test_a_bundle_folder_that_can_not_be_written(ext4):
    subprocess.run(["mount", "-o", "remount,ro", ext4], check=True)
    (line,) = told(check._bundle_folder, ext4)
    assert "can't be written" in line


def test_bundle_folders_that_are_missing(tmp_path, monkeypatch):
    """The state folder is made by systemd, any other by its owner."""
    (line,) = told(check._bundle_folder, tmp_path / "none")
    assert line.startswith("FAIL  bundle folder: ")
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "none"))
    (line,) = told(check._bundle_folder, tmp_path / "none")
    assert line.startswith("note  bundle folder: ")
