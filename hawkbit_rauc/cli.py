# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command `hawkbit-rauc`: arguments, signals, exit codes; the only place that builds adapters.

Exit codes: 0 done, 1 a deployment failed or a check did, 2 hawkBit or RAUC not reachable or
credentials refused, 64 bad usage, 75 another instance runs, 78 bad configuration.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import random
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from hawkbit_rauc import check, logs, notify, remote
from hawkbit_rauc.assembly import Adapters, adapters, state_folder
from hawkbit_rauc.config import Config, find_config, load
from hawkbit_rauc.control import Control
from hawkbit_rauc.daemon import Daemon
from hawkbit_rauc.dbus import Bus
from hawkbit_rauc.errors import ConfigError, LockedError, StateError
from hawkbit_rauc.hooks import Hooks
from hawkbit_rauc.journal import lock

log = logging.getLogger("hawkbit_rauc")

USAGE, LOCKED, BAD_CONFIG = 64, 75, 78

_HELP = """Rolls hawkBit deployments out to this board, which installs with RAUC."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


class _Version(argparse.Action):
    """Print the version; importing package metadata is too slow for every start."""

    def __call__(self, parser: argparse.ArgumentParser, *_arguments: Any, **_more: Any) -> NoReturn:
        from importlib.metadata import version  # noqa: PLC0415

        sys.stdout.write(f"hawkbit-rauc {version('hawkbit-rauc')}\n")
        parser.exit(0)


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = _Parser(prog="hawkbit-rauc", description=_HELP)
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    common = _Parser(add_help=False)
    for one in (parser, common):
        one.add_argument(
            "-c", "--config", type=Path, metavar="FILE", default=argparse.SUPPRESS, help="configuration file"
        )
        one.add_argument("-d", "--debug", action="store_true", default=argparse.SUPPRESS, help="log more")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    run = commands.add_parser("run", parents=[common], help="poll hawkBit and install what it asks for")
    run.add_argument("--once", action="store_true", help="do what can be done now, then exit")
    commands.add_parser("check", parents=[common], help="check configuration, server, RAUC and disk")
    status = commands.add_parser("status", parents=[common], help="say what the daemon does")
    status.add_argument("--json", action="store_true", help="for programs")
    commands.add_parser("poll", parents=[common], help="have the daemon ask the server now")
    for name, meaning in (("confirm", "give consent to the action that waits for it"), ("deny", "refuse it")):
        answer = commands.add_parser(name, parents=[common], help=meaning)
        answer.add_argument(
            "action", nargs="?", metavar="ID", help="the action; by default the one that waits"
        )
        answer.add_argument("--message", default="", help="why, for the action's history")
    chosen = parser.parse_args(arguments)
    if chosen.command is None:
        parser.error("name a command, such as run, check or status")
    return chosen


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: of the command line, without the program's name; the process's own by default.

    Returns:
        The exit code.
    """
    chosen = _arguments(arguments)
    path = getattr(chosen, "config", None) or find_config()
    debug = getattr(chosen, "debug", False)
    try:
        config = load(path, state_dir=state_folder())
        if chosen.command == "check":
            return asyncio.run(check.run(config))
        if chosen.command != "run":
            return asyncio.run(remote.run(chosen, config))
        return _run(config, path, debug=debug, once=chosen.once)
    except ConfigError as error:
        sys.stderr.write("".join(f"{mistake}\n" for mistake in error.mistakes))
        return BAD_CONFIG
    except KeyboardInterrupt:
        return 130


def _run(config: Config, path: Path, *, debug: bool, once: bool) -> int:
    """Run the daemon, and again with what the configuration says after each SIGHUP."""
    logs.set_up(logging.DEBUG if debug else config.log_level)
    try:
        held = lock(state_folder())
    except LockedError as error:
        log.error("%s", error)  # noqa: TRY400  a sentence, not a traceback
        return LOCKED
    except StateError as error:
        log.error("%s", error)  # noqa: TRY400
        return BAD_CONFIG
    try:
        while True:
            for sentence in (*config.warnings, *config.advice):
                log.warning("%s", sentence)
            ended = asyncio.run(_live(config, path, debug=debug, once=once))
            if isinstance(ended, int):
                return ended
            config = ended
    finally:
        os.close(held)


def _reload(path: Path, *, debug: bool) -> Config | None:
    """Read the configuration again, and all files that it names; None where it can't work."""
    try:
        config = load(path, state_dir=state_folder())
    except ConfigError as error:
        log.error("the configuration was not reloaded: %s", "; ".join(error.mistakes))  # noqa: TRY400
        return None
    log.info("the configuration was reloaded")
    logs.set_up(logging.DEBUG if debug else config.log_level)
    return config


async def _live(config: Config, path: Path, *, debug: bool, once: bool) -> int | Config:
    """Run the daemon until it ends or a signal ends it; another configuration is to be lived with next."""
    async with adapters(config, once_timeout=config.once_timeout if once else None) as world:
        daemon = _daemon(world, config)
        work = asyncio.ensure_future(daemon.run(once=once))
        next_config: Config | None = None

        def hang_up() -> None:
            nonlocal next_config
            notify.reloading()
            if new := _reload(path, debug=debug):
                next_config = new
                work.cancel()
            else:  # the old one stays in force, and nothing is interrupted
                notify.ready(f"polling {config.origin}")

        loop = asyncio.get_running_loop()
        for number, act in (
            (signal.SIGTERM, work.cancel),
            (signal.SIGINT, work.cancel),
            (signal.SIGHUP, hang_up),
            (signal.SIGUSR1, daemon.poll_now),
        ):
            loop.add_signal_handler(number, act)
        sleep = world.world.clock.sleep
        bus = Bus()  # of its own: whoever asks is answered while RAUC's is busy
        control = Control(bus, daemon, sleep)
        daemon.changed = partial(_tell, daemon, control, world.hooks)
        beside = [asyncio.ensure_future(task) for task in (control.serve(), _feed_watchdog(sleep))]
        log.info("hawkbit-rauc speaks for %s at %s", config.target_name, config.base_url)
        notify.ready(f"polling {config.origin}")
        try:
            return await work
        except asyncio.CancelledError:
            if next_config is not None:
                return next_config
            notify.stopping()
            return 0
        finally:
            for task in beside:
                task.cancel()
            await bus.close()


def _tell(daemon: Daemon, control: Control, hooks: Hooks) -> None:
    """Tell those who listen on the bus, and the board's own programs, what the daemon does now."""
    control.changed()
    hooks.tell_state(daemon.status())


def _daemon(world: Adapters, config: Config) -> Daemon:
    return Daemon(
        world.world,
        world.attributes,
        first_poll_within=config.first_poll_within,
        commit=world.commit,
        random=random.random,
        retry_wait=config.retry_wait,
        once_timeout=config.once_timeout,
    )


async def _feed_watchdog(sleep: Callable[[float], Awaitable[None]]) -> None:
    """Tell systemd's watchdog that the event loop turns."""
    if interval := notify.watchdog_interval():
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                notify.alive()
                await sleep(interval)


if __name__ == "__main__":
    sys.exit(main())
