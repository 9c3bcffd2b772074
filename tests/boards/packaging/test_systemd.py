# SPDX-License-Identifier: LGPL-2.1-or-later
"""The unit in a real systemd, on Debian 12's own Python and packages, beside a real D-Bus, polkit, logind and RAUC."""

import signal
from collections.abc import Iterator

import pytest
from boards.packaging.systemd_board import UNIT, SystemdBoard
from rig import bundles
from rig.process import wait_until

from hawkbit_testing import Hawkbit, Target

CONFIG = "/etc/hawkbit-rauc/config.conf"


@pytest.fixture
def double() -> Hawkbit:
    """A hawkBit that wants a poll each second."""
    return Hawkbit("1.1", sleep="00:00:01")


def configure(systemd_board: SystemdBoard, served_double: Hawkbit, **keys: object) -> Target:
    """Give the board a configuration for a target of its own."""
    target = served_double.target()
    lines = {
        "hawkbit_server": served_double.host,
        "ssl": "false",
        "target_name": target.id,
        "auth_token": target.token,
        "first_poll_within": 0,
        **keys,
    }
    systemd_board.write(
        CONFIG, "[client]\n" + "".join(f"{key}={value}\n" for key, value in lines.items()), 0o640
    )
    systemd_board.run("chgrp", "hawkbit-rauc", CONFIG)
    return target


@pytest.fixture
def target(systemd_board: SystemdBoard, served_double: Hawkbit) -> Iterator[Target]:
    """A board that is configured; its unit is stopped afterwards."""
    yield configure(systemd_board, served_double)
    systemd_board.run("systemctl", "stop", UNIT)
    systemd_board.run("systemctl", "reset-failed")


def test_unit_is_up_when_the_program_says_so(
    systemd_board: SystemdBoard, served_double: Hawkbit, target: Target
) -> None:
    """Its start waits for READY=1, and systemctl status shows what it does."""
    systemd_board.run("systemctl", "start", UNIT)
    assert systemd_board.show("ActiveState", "Type", "NotifyAccess") == ["active", "notify", "main"]
    assert systemd_board.show("StatusText") == [f"polling {served_double.url}"]
    served_double.wait_for_request(target.id)


def test_program_has_no_privileges_but_the_one_that_it_needs(
    systemd_board: SystemdBoard, target: Target
) -> None:
    """It runs as its own user; CAP_FOWNER (bit 3) lets it remove a bundle that RAUC took."""
    systemd_board.run("systemctl", "start", UNIT)
    (pid,) = systemd_board.show("MainPID")
    status = dict(
        line.split(":\t", 1)
        for line in systemd_board.run("cat", f"/proc/{pid}/status").splitlines()
        if ":\t" in line
    )
    user = systemd_board.run("id", "-u", "hawkbit-rauc").strip()
    assert status["Uid"].split() == [user] * 4 != ["0"] * 4
    assert int(status["CapEff"], 16) == 1 << 3
    assert status["NoNewPrivs"] == "1"


def test_log_carries_levels_for_journald(systemd_board: SystemdBoard, target: Target) -> None:
    """What the program says is in the journal without its prefixes."""
    systemd_board.run("systemctl", "start", UNIT)
    systemd_board.wait_for_log(f"hawkbit-rauc speaks for {target.id}")
    assert "<6>" not in systemd_board.log()


def test_program_that_hangs_is_started_again(
    systemd_board: SystemdBoard, served_double: Hawkbit, target: Target
) -> None:
    """The watchdog finds a stopped process."""
    with systemd_board.drop_in("WatchdogSec=2", "RestartSec=100ms"):
        systemd_board.run("systemctl", "start", UNIT)
        (before,) = systemd_board.show("MainPID")
        systemd_board.kill(signal.SIGSTOP)
        wait_until(lambda: systemd_board.show("MainPID")[0] not in ("0", before), "a new process", 30, 0.1)
        systemd_board.wait_for("active")
        assert systemd_board.show("NRestarts") == ["1"]


def test_watchdog_leaves_a_program_alone_that_only_waits(
    systemd_board: SystemdBoard, served_double: Hawkbit, target: Target
) -> None:
    """It is told that all is well also while the next poll is far away."""
    served_double.sleep = "01:00:00"
    with systemd_board.drop_in("WatchdogSec=1", "Restart=no"):
        systemd_board.run("systemctl", "start", UNIT)
        (since,) = systemd_board.show("ActiveEnterTimestampMonotonic")
        wait_until(
            lambda: (
                int(systemd_board.run("cat", "/proc/uptime").split(".")[0]) * 10**6 > int(since) + 4 * 10**6
            ),
            "4 s",
            30,
        )
        assert systemd_board.is_("active")


def test_configuration_that_cannot_work_is_not_tried_again(
    systemd_board: SystemdBoard, target: Target
) -> None:
    """Exit 78 stays so until somebody changes the file, and the journal names the mistakes."""
    systemd_board.write(CONFIG, "[client]\nhawkbit_server=h\n", 0o640)
    systemd_board.run("chgrp", "hawkbit-rauc", CONFIG)
    systemd_board.run("sh", "-c", f"systemctl start {UNIT} || true")
    systemd_board.wait_for("failed")
    assert systemd_board.show("ExecMainStatus", "NRestarts") == ["78", "0"]
    assert "target_name" in systemd_board.log()


def test_stop_takes_less_than_a_second(
    systemd_board: SystemdBoard, served_double: Hawkbit, target: Target
) -> None:
    """TERM ends the program at once, whatever it waits for."""
    systemd_board.run("systemctl", "start", UNIT)
    served_double.wait_for_request(target.id)
    systemd_board.run("systemctl", "stop", UNIT)
    begun, ended = systemd_board.show("ActiveExitTimestampMonotonic", "InactiveEnterTimestampMonotonic")
    assert int(ended) - int(begun) < 10**6
    assert systemd_board.show("Result") == ["success"]


def test_reload_reads_the_configuration_again(
    systemd_board: SystemdBoard, served_double: Hawkbit, target: Target
) -> None:
    """The same process speaks for another target after `systemctl reload`."""
    systemd_board.run("systemctl", "start", UNIT)
    served_double.wait_for_request(target.id)
    (before,) = systemd_board.show("MainPID")
    other = configure(systemd_board, served_double)
    systemd_board.run("systemctl", "reload", UNIT)
    served_double.wait_for_request(other.id)
    assert systemd_board.show("MainPID") == [before]


def test_unit_stops_the_program_that_it_replaces(systemd_board: SystemdBoard, target: Target) -> None:
    """rauc-hawkbit-updater and ours never run at the same time."""
    old = "rauc-hawkbit-updater.service"
    systemd_board.write(f"/etc/systemd/system/{old}", "[Service]\nExecStart=sleep infinity\n")
    systemd_board.run("systemctl", "daemon-reload")
    systemd_board.run("systemctl", "start", old)
    systemd_board.run("systemctl", "start", UNIT)
    systemd_board.wait_for("inactive", old)


def test_check_finds_all_well(systemd_board: SystemdBoard, target: Target) -> None:
    """`hawkbit-rauc check` as the unit's user, with the real RAUC by D-Bus activation."""
    folder = "/var/lib/hawkbit-rauc"
    systemd_board.run("systemctl", "start", UNIT)  # makes the state folder
    command = f"STATE_DIRECTORY={folder} hawkbit-rauc check"
    said = systemd_board.run("runuser", "-u", "hawkbit-rauc", "--", "sh", "-c", command)
    assert "FAIL" not in said
    assert "compatible rig-board" in said


def test_deployment_reboots_by_logind_and_ends_in_the_new_slot(
    systemd_board: SystemdBoard, served_double: Hawkbit
) -> None:
    """The unprivileged program installs, polkit lets it reboot, and after the boot it tells the truth.

    While RAUC installs, logind holds off sleep and shutdown; afterwards it does not, or there would be no reboot.
    """
    target = configure(systemd_board, served_double, post_update_reboot="true")
    systemd_board.run("systemctl", "enable", "--now", UNIT)
    bundle = bundles.make(systemd_board.folder, "2.0.0", hook="systemd-inhibit --list > /var/lib/board/held")
    before = systemd_board.boot_id
    action = target.assign(bundle.path)
    systemd_board.wait_for_reboot(before)
    assert action.wait(60) == "finished"
    assert any("rootfs.1 and committed" in message for message in action.messages())
    assert systemd_board.run("cat", "/var/lib/board/booted").strip() == "B"
    held = [
        line
        for line in systemd_board.run("cat", "/var/lib/board/held").splitlines()
        if "hawkbit-rauc" in line
    ]
    kinds = [word for line in held for word in line.split() if word in ("sleep", "shutdown")]
    assert sorted(kinds) == ["shutdown", "sleep"]
    assert "only permitted for main PID" not in systemd_board.log()
    assert systemd_board.run("ls", "/var/lib/hawkbit-rauc").split() == ["journal.json", "lock"]


def test_everybody_may_look_and_only_root_and_the_group_may_ask(
    systemd_board: SystemdBoard, target: Target
) -> None:
    """The shipped policy, as busctl and the commands meet it."""
    systemd_board.run("systemctl", "start", UNIT)
    place = ("org.hawkbit_rauc", "/org/hawkbit_rauc", "org.hawkbit_rauc.Client1")
    wait_until(lambda: "org.hawkbit_rauc" in systemd_board.run("busctl", "list"), "the name on the bus")
    look = ("busctl", "get-property", *place, "State")
    assert systemd_board.run("runuser", "-u", "nobody", "--", *look).startswith('s "')
    assert "Confirm" in systemd_board.run("busctl", "introspect", *place[:2])
    systemd_board.run("busctl", "call", *place, "Poll")
    systemd_board.run("hawkbit-rauc", "poll")
    assert "state:" in systemd_board.run("hawkbit-rauc", "status")
    refused = systemd_board.run(
        "sh", "-c", f"runuser -u nobody -- busctl call {' '.join(place)} Poll 2>&1 || true"
    )
    assert "denied" in refused.lower()
