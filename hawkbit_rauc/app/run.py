# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command `run`: the daemon as a service, with its lock, its signals and what systemd is told."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from hawkbit_rauc.app.assembly import Adapters, adapters
from hawkbit_rauc.app.control import Control
from hawkbit_rauc.app.exit_codes import ExitCode
from hawkbit_rauc.board import logs, systemd
from hawkbit_rauc.board.dbus import Bus
from hawkbit_rauc.board.hooks import Hooks
from hawkbit_rauc.board.state_folder import lock, release, state_folder
from hawkbit_rauc.config.config import Config, load
from hawkbit_rauc.errors import ConfigError, LockedError, StateError
from hawkbit_rauc.story.daemon import DONE, FAILED, UNREACHABLE, Daemon

log = logging.getLogger("hawkbit_rauc")

#: What the story ends with, as the process tells it.
ENDS = {DONE: ExitCode.DONE, FAILED: ExitCode.FAILED, UNREACHABLE: ExitCode.UNREACHABLE}


def run(config: Config, path: Path, *, debug: bool, once: bool) -> ExitCode:
    """Run the daemon, and again with what the configuration says after each SIGHUP.

    Args:
        config: as read at the start.
        path: of its file.
        debug: log more than it says.
        once: end when the server offers nothing that can be done now.

    Raises:
        ConfigError: a file that the configuration names can't be used any more.
    """
    logs.set_up(logging.DEBUG if debug else config.log_level)
    try:
        held = lock(state_folder())
    except LockedError as error:
        log.error("%s", error)  # noqa: TRY400  a sentence, not a traceback
        return ExitCode.LOCKED
    except StateError as error:
        log.error("%s", error)  # noqa: TRY400
        return ExitCode.NO_STATE  # not the configuration's fault: systemd starts it again
    try:
        while True:
            for sentence in (*config.warnings, *config.advice):
                log.warning("%s", sentence)
            ended = asyncio.run(_live(config, path, debug=debug, once=once))
            if isinstance(ended, ExitCode):
                return ended
            config = ended
    finally:
        release(held)


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


async def _live(config: Config, path: Path, *, debug: bool, once: bool) -> ExitCode | Config:
    """Run the daemon until it ends or a signal ends it; another configuration is to be lived with next."""
    async with adapters(config, once_timeout=config.once_timeout if once else None) as world:
        daemon = _daemon(world, config)
        work = asyncio.ensure_future(daemon.run(once=once))
        next_config: Config | None = None

        def hang_up() -> None:
            nonlocal next_config
            systemd.reloading()
            if new := _reload(path, debug=debug):
                next_config = new
                work.cancel()
            else:  # the old one stays in force, and nothing is interrupted
                systemd.ready(f"polling {config.origin}")

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
        systemd.ready(f"polling {config.origin}")
        try:
            return ENDS[await work]
        except asyncio.CancelledError:
            if next_config is not None:
                return next_config
            systemd.stopping()
            return ExitCode.DONE
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
        installed=world.installed,
        random=random.random,
        retry_wait=config.retry_wait,
        once_timeout=config.once_timeout,
    )


async def _feed_watchdog(sleep: Callable[[float], Awaitable[None]]) -> None:
    """Tell systemd's watchdog that the event loop turns."""
    if interval := systemd.watchdog_interval():
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                systemd.alive()
                await sleep(interval)
