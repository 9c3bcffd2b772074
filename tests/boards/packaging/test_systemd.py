# SPDX-License-Identifier: LGPL-2.1-or-later
"""The unit in a real systemd, on Debian 12's own Python and packages, beside a real D-Bus, polkit, logind and RAUC."""

import signal
from collections.abc import Iterator

import pytest
from boards.packaging.container import UNIT, Container
from rig import bundles
from rig.process import wait_until

from hawkbit_testing import Hawkbit, Target

CONFIG = "/etc/hawkbit-rauc/config.conf"


@pytest.fixture
def hawkbit() -> Iterator[Hawkbit]:
    """A server that wants a poll each second."""
    with Hawkbit("1.1", sleep="00:00:01") as server:
        yield server


def configure(machine: Container, hawkbit: Hawkbit, **keys: object) -> Target:
    """Give the board a configuration for a target of its own."""
    target = hawkbit.target()
    lines = {
        "hawkbit_server": hawkbit.host,
        "ssl": "false",
        "target_name": target.id,
        "auth_token": target.token,
        "first_poll_within": 0,
        **keys,
    }
    machine.write(CONFIG, "[client]\n" + "".join(f"{key}={value}\n" for key, value in lines.items()), 0o640)
    machine.run("chgrp", "hawkbit-rauc", CONFIG)
    return target


@pytest.fixture
def target(machine: Container, hawkbit: Hawkbit) -> Iterator[Target]:
    """A board that is configured; its unit is stopped afterwards."""
    yield configure(machine, hawkbit)
    machine.run("systemctl", "stop", UNIT)
    machine.run("systemctl", "reset-failed")


def test_unit_is_up_when_the_program_says_so(machine: Container, hawkbit: Hawkbit, target: Target) -> None:
    """Its start waits for READY=1, and systemctl status shows what it does."""
    machine.run("systemctl", "start", UNIT)
    assert machine.show("ActiveState", "Type", "NotifyAccess") == ["active", "notify", "main"]
    assert machine.show("StatusText") == [f"polling {hawkbit.url}"]
    hawkbit.wait_for_request(target.id)


def test_program_has_no_privileges_but_the_one_that_it_needs(machine: Container, target: Target) -> None:
    """It runs as its own user; CAP_FOWNER (bit 3) lets it remove a bundle that RAUC took."""
    machine.run("systemctl", "start", UNIT)
    (pid,) = machine.show("MainPID")
    status = dict(
        line.split(":\t", 1)
        for line in machine.run("cat", f"/proc/{pid}/status").splitlines()
        if ":\t" in line
    )
    user = machine.run("id", "-u", "hawkbit-rauc").strip()
    assert status["Uid"].split() == [user] * 4 != ["0"] * 4
    assert int(status["CapEff"], 16) == 1 << 3
    assert status["NoNewPrivs"] == "1"


def test_log_carries_levels_for_journald(machine: Container, target: Target) -> None:
    """What the program says is in the journal without its prefixes."""
    machine.run("systemctl", "start", UNIT)
    machine.wait_for_log(f"hawkbit-rauc speaks for {target.id}")
    assert "<6>" not in machine.log()


def test_program_that_hangs_is_started_again(machine: Container, hawkbit: Hawkbit, target: Target) -> None:
    """The watchdog finds a stopped process."""
    with machine.drop_in("WatchdogSec=2", "RestartSec=100ms"):
        machine.run("systemctl", "start", UNIT)
        (before,) = machine.show("MainPID")
        machine.kill(signal.SIGSTOP)
        wait_until(lambda: machine.show("MainPID")[0] not in ("0", before), "a new process", 30, 0.1)
        machine.wait_for("active")
        assert machine.show("NRestarts") == ["1"]


def test_watchdog_leaves_a_program_alone_that_only_waits(
    machine: Container, hawkbit: Hawkbit, target: Target
) -> None:
    """It is told that all is well also while the next poll is far away."""
    hawkbit.sleep = "01:00:00"
    with machine.drop_in("WatchdogSec=1", "Restart=no"):
        machine.run("systemctl", "start", UNIT)
        (since,) = machine.show("ActiveEnterTimestampMonotonic")
        wait_until(
            lambda: int(machine.run("cat", "/proc/uptime").split(".")[0]) * 10**6 > int(since) + 4 * 10**6,
            "4 s",
            30,
        )
        assert machine.is_("active")


def test_configuration_that_cannot_work_is_not_tried_again(machine: Container, target: Target) -> None:
    """Exit 78 stays so until somebody changes the file, and the journal names the mistakes."""
    machine.write(CONFIG, "[client]\nhawkbit_server=h\n", 0o640)
    machine.run("chgrp", "hawkbit-rauc", CONFIG)
    machine.run("sh", "-c", f"systemctl start {UNIT} || true")
    machine.wait_for("failed")
    assert machine.show("ExecMainStatus", "NRestarts") == ["78", "0"]
    assert "target_name" in machine.log()


def test_stop_takes_less_than_a_second(machine: Container, hawkbit: Hawkbit, target: Target) -> None:
    """TERM ends the program at once, whatever it waits for."""
    machine.run("systemctl", "start", UNIT)
    hawkbit.wait_for_request(target.id)
    machine.run("systemctl", "stop", UNIT)
    begun, ended = machine.show("ActiveExitTimestampMonotonic", "InactiveEnterTimestampMonotonic")
    assert int(ended) - int(begun) < 10**6
    assert machine.show("Result") == ["success"]


def test_reload_reads_the_configuration_again(machine: Container, hawkbit: Hawkbit, target: Target) -> None:
    """The same process speaks for another target after `systemctl reload`."""
    machine.run("systemctl", "start", UNIT)
    hawkbit.wait_for_request(target.id)
    (before,) = machine.show("MainPID")
    other = configure(machine, hawkbit)
    machine.run("systemctl", "reload", UNIT)
    hawkbit.wait_for_request(other.id)
    assert machine.show("MainPID") == [before]


def test_unit_stops_the_program_that_it_replaces(machine: Container, target: Target) -> None:
    """rauc-hawkbit-updater and ours never run at the same time."""
    old = "rauc-hawkbit-updater.service"
    machine.write(f"/etc/systemd/system/{old}", "[Service]\nExecStart=sleep infinity\n")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", old)
    machine.run("systemctl", "start", UNIT)
    machine.wait_for("inactive", old)


def test_check_finds_all_well(machine: Container, target: Target) -> None:
    """`hawkbit-rauc check` as the unit's user, with the real RAUC by D-Bus activation."""
    folder = "/var/lib/hawkbit-rauc"
    machine.run("systemctl", "start", UNIT)  # makes the state folder
    command = f"STATE_DIRECTORY={folder} hawkbit-rauc check"
    said = machine.run("runuser", "-u", "hawkbit-rauc", "--", "sh", "-c", command)
    assert "FAIL" not in said
    assert "compatible rig-board" in said


def test_deployment_reboots_by_logind_and_ends_in_the_new_slot(machine: Container, hawkbit: Hawkbit) -> None:
    """The unprivileged program installs, polkit lets it reboot, and after the boot it tells the truth.

    While RAUC installs, logind holds off sleep and shutdown; afterwards it does not, or there would be no reboot.
    """
    target = configure(machine, hawkbit, post_update_reboot="true")
    machine.run("systemctl", "enable", "--now", UNIT)
    bundle = bundles.make(machine.folder, "2.0.0", hook="systemd-inhibit --list > /var/lib/board/held")
    before = machine.boot_id
    action = target.assign(bundle.path)
    machine.wait_for_reboot(before)
    assert action.wait(60) == "finished"
    assert any("rootfs.1 and committed" in message for message in action.messages())
    assert machine.run("cat", "/var/lib/board/booted").strip() == "B"
    held = [line for line in machine.run("cat", "/var/lib/board/held").splitlines() if "hawkbit-rauc" in line]
    kinds = [word for line in held for word in line.split() if word in ("sleep", "shutdown")]
    assert sorted(kinds) == ["shutdown", "sleep"]
    assert "only permitted for main PID" not in machine.log()
    assert machine.run("ls", "/var/lib/hawkbit-rauc").split() == ["journal.json", "lock"]


def test_everybody_may_look_and_only_root_and_the_group_may_ask(machine: Container, target: Target) -> None:
    """The shipped policy, as busctl and the commands meet it."""
    machine.run("systemctl", "start", UNIT)
    place = ("org.hawkbit_rauc", "/org/hawkbit_rauc", "org.hawkbit_rauc.Client1")
    wait_until(lambda: "org.hawkbit_rauc" in machine.run("busctl", "list"), "the name on the bus")
    look = ("busctl", "get-property", *place, "State")
    assert machine.run("runuser", "-u", "nobody", "--", *look).startswith('s "')
    assert "Confirm" in machine.run("busctl", "introspect", *place[:2])
    machine.run("busctl", "call", *place, "Poll")
    machine.run("hawkbit-rauc", "poll")
    assert "state:" in machine.run("hawkbit-rauc", "status")
    refused = machine.run("sh", "-c", f"runuser -u nobody -- busctl call {' '.join(place)} Poll 2>&1 || true")
    assert "denied" in refused.lower()
