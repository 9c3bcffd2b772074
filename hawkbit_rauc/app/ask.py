# SPDX-License-Identifier: LGPL-2.1-or-later
"""The commands that ask the running daemon: `status`, `poll`, `confirm` and `deny`."""

from __future__ import annotations

import argparse
import json
import sys

from attrs import asdict

from hawkbit_rauc.app.control import Remote
from hawkbit_rauc.app.exit_codes import ExitCode
from hawkbit_rauc.board.clock import BootClock
from hawkbit_rauc.board.dbus import Bus
from hawkbit_rauc.board.journal import Journal
from hawkbit_rauc.board.state_folder import state_folder
from hawkbit_rauc.config.config import Config
from hawkbit_rauc.errors import BusError, NothingWaitsError
from hawkbit_rauc.hawkbit.identity import identity_of
from hawkbit_rauc.model import Status


async def run(arguments: argparse.Namespace, config: Config) -> ExitCode:
    """Ask the daemon, and print what it says.

    Args:
        arguments: the command and its options.
        config: tells whose journal is read if no daemon runs.

    Returns:
        FAILED if nothing waits for consent, UNREACHABLE if the daemon is not there or could not do it.
    """
    bus = Bus()
    try:
        return await _ask(Remote(bus), arguments, config)
    except NothingWaitsError as error:
        sys.stderr.write(f"{error}\n")
        return ExitCode.FAILED
    except BusError as error:
        sys.stderr.write(f"{error}\n")
        return ExitCode.UNREACHABLE
    finally:
        await bus.close()


async def _ask(daemon: Remote, arguments: argparse.Namespace, config: Config) -> ExitCode:
    if arguments.command == "status":
        try:
            status = await daemon.status()
        except BusError:
            status = _from_journal(config)
        now = BootClock().now()
        sys.stdout.write(_as_json(status, now) if arguments.json else _as_text(status, now))
    elif arguments.command == "poll":
        await daemon.poll()
    else:
        given = arguments.command == "confirm"
        action = await daemon.answer(arguments.action, given=given, message=arguments.message)
        sys.stdout.write(f"action {action} {'confirmed' if given else 'denied'}\n")
    return ExitCode.DONE


def _from_journal(config: Config) -> Status:
    """Say what the journal knows, if no daemon runs."""
    folder = state_folder()
    try:
        next(folder.iterdir(), None)
    except PermissionError:
        return Status(
            "not running", reason=f"{folder} may not be read: ask as root for what the journal knows"
        )
    except OSError:
        return Status("not running")
    identity = identity_of(config.base_url, config.tenant_id, config.target_name)
    record = Journal(folder, identity).read()
    if record is None or not record.action:
        return Status("not running")
    outcome = record.outcome
    if outcome is None and record.told:  # nothing is left to be done for it
        return Status("not running")
    if outcome is None:
        return Status("not running", record.action, reason="it goes on when the daemon is started")
    return Status(
        "not running",
        reason="" if record.told else f"the outcome of action {record.action} is still to be told",
        last_action=record.action,
        last_outcome="success" if outcome.success else "failure",
        last_reason="; ".join(outcome.details),
    )


def _as_json(status: Status, now: float) -> str:
    members = asdict(status)
    del members["next_poll"]
    wait = max(0.0, status.next_poll - now) if status.next_poll else None
    return json.dumps(members | {"next_poll_in": wait}, indent=2) + "\n"


def _as_text(status: Status, now: float) -> str:
    lines = {
        "state": status.state,
        "action": status.action,
        "progress": f"{status.progress} %" if status.progress >= 0 else "",
        "reason": status.reason,
        "next poll": f"in {max(0.0, status.next_poll - now):.0f} s" if status.next_poll else "",
        "last action": f"{status.last_action}: {status.last_outcome}" if status.last_outcome else "",
        "because": status.last_reason,
    }
    return "".join(f"{name + ':':<13} {text}\n" for name, text in lines.items() if text)
