# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command `hawkbit-rauc` and its arguments.

A command imports what it alone needs when it is called: `status` needs neither the daemon nor HTTP.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any, NoReturn

from hawkbit_rauc.app.exit_codes import ExitCode
from hawkbit_rauc.board.state_folder import state_folder
from hawkbit_rauc.config.config import find_config, load
from hawkbit_rauc.errors import ConfigError

_HELP = """Rolls hawkBit deployments out to this board, which installs with RAUC."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(ExitCode.BAD_USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


class _Version(argparse.Action):
    """Print the version; importing package metadata is too slow for every start."""

    def __call__(self, parser: argparse.ArgumentParser, *_arguments: Any, **_more: Any) -> NoReturn:
        from importlib.metadata import version  # noqa: PLC0415

        sys.stdout.write(f"hawkbit-rauc {version('hawkbit-rauc')}\n")
        parser.exit(ExitCode.DONE)


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = _Parser(prog="hawkbit-rauc", description=_HELP)
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    common = _Parser(add_help=False)
    for one in (parser, common):
        # Without SUPPRESS the command's default would overwrite what stands before the command.
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


def main(arguments: list[str] | None = None) -> ExitCode:
    """Run the command.

    Args:
        arguments: of the command line, without the program's name; None for the process's own.
    """
    chosen = _arguments(arguments)
    path = getattr(chosen, "config", None) or find_config()
    debug = getattr(chosen, "debug", False)
    try:
        config = load(path, state_dir=state_folder())
        if chosen.command == "run":
            from hawkbit_rauc.app import run  # noqa: PLC0415

            return run.run(config, path, debug=debug, once=chosen.once)
        if chosen.command == "check":
            from hawkbit_rauc.app import check  # noqa: PLC0415

            return asyncio.run(check.run(config))
        from hawkbit_rauc.app import ask  # noqa: PLC0415

        return asyncio.run(ask.run(chosen, config))
    except ConfigError as error:
        sys.stderr.write("".join(f"{mistake}\n" for mistake in error.mistakes))
        return ExitCode.BAD_CONFIG
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
