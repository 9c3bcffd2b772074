# SPDX-License-Identifier: LGPL-2.1-or-later
"""The reboot is asked for in order, and the boot is vouched for by the unit that was configured."""

import sys
from pathlib import Path

import pytest
from rig.bus import Bus
from rig.rauc import RaucBoard
from wire.rauc.stand_in import Answer, StandIn
from wire.rauc.using import on_bus

from hawkbit_rauc.board.machine import Board, unit_witness
from hawkbit_rauc.errors import BusError, PassingError

#: A systemctl that must not be run.
FORBIDDEN = ("/nonexistent/systemctl", "reboot")


def systemctl(touched: Path, code: int = 0) -> tuple[str, ...]:
    """A systemctl that only writes down that it was run."""
    return (sys.executable, "-c", f"open({str(touched)!r}, 'w'); print('no\\nway'); raise SystemExit({code})")


def test_logind_is_asked(board: RaucBoard) -> None:
    """Reboot goes to logind, without asking anybody, and systemctl is left alone."""
    on_bus(board.bus, lambda bus: Board(bus, command=FORBIDDEN).reboot())
    assert board.login.calls == ["Reboot"]


def test_systemctl_is_run_where_logind_refuses(board: RaucBoard, tmp_path: Path) -> None:
    """A refusal by logind is not the end."""
    board.login.refuse = True
    on_bus(board.bus, lambda bus: Board(bus, command=systemctl(tmp_path / "run")).reboot())
    assert (tmp_path / "run").exists()


def test_systemctl_is_run_where_logind_is_silent(bus: Bus, tmp_path: Path) -> None:
    """A logind that does not answer is given up in time."""
    with StandIn(bus, "org.freedesktop.login1", {"Reboot": lambda _: None}):
        on_bus(bus, lambda ours: Board(ours, command=systemctl(tmp_path / "run"), timeout=1).reboot())
    assert (tmp_path / "run").exists()


def test_a_configured_command_is_all_that_is_asked(board: RaucBoard, tmp_path: Path) -> None:
    """If the configuration names a command, logind is left alone."""
    on_bus(board.bus, lambda bus: Board(bus, logind=False, command=systemctl(tmp_path / "run")).reboot())
    assert (tmp_path / "run").exists()
    assert board.login.calls == []


def test_both_refusals_are_told(bus: Bus, tmp_path: Path) -> None:
    """If neither accepts, one sentence has both reasons."""
    command = systemctl(tmp_path / "run", code=1)
    with pytest.raises(PassingError, match=r"reboot was not accepted: logind is not on the bus.*\(no way\)$"):
        on_bus(bus, lambda ours: Board(ours, command=command).reboot())


def test_missing_systemctl_is_told(bus: Bus) -> None:
    """A board without systemd's tools gets a sentence, not a traceback."""
    with pytest.raises(PassingError, match="No such file"):
        on_bus(bus, lambda ours: Board(ours, command=FORBIDDEN).reboot())


def test_hanging_systemctl_is_ended(bus: Bus) -> None:
    """A systemctl that does not end is killed and told."""
    command = (sys.executable, "-c", "import signal; signal.pause()")
    with pytest.raises(PassingError, match=r"did not end in 0\.3 s"):
        on_bus(bus, lambda ours: Board(ours, command=command, timeout=0.3).reboot())


def test_boot_id_is_read_each_time(board: RaucBoard) -> None:
    """The boot id is the kernel's of now, not of when we started."""
    ours = Board(None, board.boot_id_file)  # type: ignore[arg-type]
    before = ours.boot_id
    assert before == board.boot_id
    board.boot()
    assert ours.boot_id == board.boot_id != before


def systemd(bus: Bus, unit: dict[str, object], service: dict[str, object]) -> StandIn:
    """A systemd that knows one unit."""
    facts = {"Unit": unit, "Service": service}

    def typed(value: object) -> tuple[str, object]:
        return ("t" if isinstance(value, int) else "s", value)

    def get(interface: str, name: str) -> Answer:
        return "v", (typed(facts[interface.rpartition(".")[2]][name]),)

    def get_all(interface: str) -> Answer:
        found = facts[interface.rpartition(".")[2]]
        return "a{sv}", ({key: typed(value) for key, value in found.items()},)

    return StandIn(
        bus,
        "org.freedesktop.systemd1",
        {
            "LoadUnit": lambda name: ("o", ("/org/freedesktop/systemd1/unit/x",)),
            "Get": get,
            "GetAll": get_all,
        },
    )


ONESHOT = {"Type": "oneshot", "Result": "success", "ExecMainExitTimestamp": 1700000000000000}


@pytest.mark.parametrize(
    ("unit", "state", "service", "vouches"),
    [
        ("boot-complete.target", "active", {}, True),
        ("boot-complete.target", "inactive", {}, False),
        ("mark.service", "active", {}, True),
        ("mark.service", "activating", {}, False),
        ("mark.service", "failed", {}, False),
        ("mark.service", "inactive", ONESHOT, True),
        ("mark.service", "inactive", ONESHOT | {"ExecMainExitTimestamp": 0}, False),
        ("mark.service", "inactive", ONESHOT | {"Result": "exit-code"}, False),
        ("mark.service", "inactive", ONESHOT | {"Type": "simple"}, False),
    ],
)
def test_unit_vouches_when_it_is_active_or_has_done_its_work(
    bus: Bus, unit: str, state: str, service: dict[str, object], vouches: bool
) -> None:
    """An active unit vouches for the boot, and a oneshot that ended well in it; nothing else does."""
    with systemd(bus, {"ActiveState": state}, service) as stand_in:
        assert on_bus(bus, lambda ours: unit_witness(ours, unit)()) is vouches
    assert stand_in.calls[0] == ("LoadUnit", (unit,))


def test_witness_without_systemd_is_an_error(bus: Bus) -> None:
    """If systemd can't be asked, nobody vouches, and nobody denies: it is told."""
    with pytest.raises(BusError, match="systemd is not on the bus"):
        on_bus(bus, lambda ours: unit_witness(ours, "mark.service")())
