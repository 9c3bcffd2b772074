# SPDX-License-Identifier: LGPL-2.1-or-later
"""The report on a server: what it does in each state, and what it does differently from the double."""

import argparse
import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from types import FrameType

import httpx

from hawkbit_testing.conformance.site import SWITCHED, Cell
from hawkbit_testing.conformance.suite import Difference, differences, run
from hawkbit_testing.hawkbit import Hawkbit
from hawkbit_testing.management import GATEWAY_TOKEN, NotPutBackError, RefusedError, Server
from hawkbit_testing.quirks import VERSIONS, Quirks

DESCRIPTION = """\
Goes through all operations, states and words of DDI on a hawkBit server, prints what it does, and what it does
differently from the double of the same version. Needs an operator's user of the Management API; the password is
taken from HAWKBIT_PASSWORD. Makes targets and software, and switches confirmation flow, autoclose and gateway
token of the tenant for moments: use a tenant that serves no devices. All that is undone in the end, after Ctrl-C
too.
"""
EXIT = "Exit code: 0 no difference, 1 differences, 2 the server can't be looked at, 130 interrupted."


def main(arguments: Sequence[str] | None = None) -> int:
    """Report on a server; returns the exit code."""
    parser = argparse.ArgumentParser("python -m hawkbit_testing", description=DESCRIPTION, epilog=EXIT)
    parser.add_argument("--url", required=True, help="the server, such as http://127.0.0.1:8080")
    parser.add_argument("--user", default="admin", help="an operator; default: admin")
    parser.add_argument(
        "--version",
        default="",
        help=f"its version, {VERSIONS[0]} to {VERSIONS[-1]}; default: what its OpenAPI document lets guess",
    )
    asked = parser.parse_args(arguments)
    password = os.environ.get("HAWKBIT_PASSWORD")
    if not asked.url.startswith(("http://", "https://")):
        return _sorry(f"--url {asked.url}: no http:// or https:// address")
    if password is None:
        return _sorry(f"HAWKBIT_PASSWORD is not set; set it to the password of {asked.user}")
    try:
        if asked.version:
            Quirks.of(asked.version)
    except ValueError as error:
        return _sorry(f"--version: {error}")
    return report(Server(asked.url, asked.user, password, asked.version))


def report(server: Server) -> int:
    """Report on a server; returns the exit code."""
    try:
        if not server.answers():
            return _sorry(
                f"{server.url}: no answer of the Management API (/rest/v1) for this user; "
                "check URL, user and password"
            )
        if not server.target_tokens:
            return _sorry(
                f"{server.url}: targets may not use their tokens; set authentication.targettoken.enabled"
            )
        # A server that is newer than the double knows is held to the newest that it knows.
        first, second = min(server.version, Quirks.of(VERSIONS[-1]).version)
        double = Hawkbit(f"{first}.{second}")
        announce(server)
        with _interrupted_once():
            seen = run(server, begun=lambda what: print(f"… {what}", file=sys.stderr, flush=True))
    except KeyboardInterrupt:
        _sorry("interrupted; the settings are as before, and what was made is deleted")
        return 130
    except NotPutBackError as error:
        return _sorry(f"{server.url}: {error}")
    except RefusedError as error:
        return _sorry(f"{server.url}: the Management API refuses what the report needs: {error}")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return _sorry(f"{server.url}: {error or type(error).__name__}")
    except ValueError as error:
        return _sorry(f"{server.url}: {error}; give its --version")
    finally:
        server.close()
    return tell(f"hawkBit {first}.{second}", run(double), seen)


def announce(server: Server) -> None:
    """Say what will be switched, and how it is set now."""
    print(
        f"These settings of the tenant {server.tenant} are switched for moments and put back:",
        file=sys.stderr,
    )
    for key in server.settings(SWITCHED):
        value = server.configuration(key)
        if key == GATEWAY_TOKEN and value:
            value = "(a token)"  # it is secret
        print(f"  {key}: {json.dumps(value)}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _interrupted_once() -> Iterator[None]:
    """Take Ctrl-C, a closed terminal and SIGTERM for one KeyboardInterrupt; further ones don't disturb the end."""
    names = ("SIGINT", "SIGTERM", "SIGHUP")  # the last is not everywhere
    numbers = [signal.Signals[name] for name in names if hasattr(signal, name)]
    numbers = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]  # as under nohup

    def interrupt(number: int, frame: FrameType | None) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        _sorry("interrupted: putting the settings back and deleting what was made")
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def tell(name: str, expected: Sequence[Cell], seen: Sequence[Cell]) -> int:
    """Print the table of a server and how it differs from what is expected; returns the exit code."""
    odd = {(one.operation, one.state, one.request): one for one in differences(expected, seen)}
    for operation, cells in groupby(
        sorted(seen, key=lambda cell: cell.operation), lambda cell: cell.operation
    ):
        print(f"\n{operation}")
        for cell in cells:
            difference = odd.get((cell.operation, cell.state, cell.request))
            print(f"{'!' if difference else ' '} {_asked(cell):56} {cell.seen}")
            if difference:
                print(f"  {'':>24}{name}: {difference.expected or 'no such cell'}")
    lacking = [one for one in odd.values() if one.seen is None]
    if lacking:
        print("\nCould not be had on this server")
        for one in lacking:
            print(f"  {one.operation}: {_asked(one)}")
    differing = len(odd) - len(lacking)
    print(
        f"\n{len(seen)} cells seen, {len(lacking)} could not be had; "
        f"{differing or 'none'} differ{'s' if differing == 1 else ''} from {name}"
    )
    return 1 if differing else 0


def _asked(cell: Cell | Difference) -> str:
    """Return the state and the request of a cell."""
    return ", ".join(part for part in (cell.state, cell.request) if part)


def _sorry(text: str) -> int:
    print(text, file=sys.stderr)
    return 2
