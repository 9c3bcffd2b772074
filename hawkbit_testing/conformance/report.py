# SPDX-License-Identifier: LGPL-2.1-or-later
"""The report on a server: what it does in each state, and what it does differently from the double."""

import argparse
import os
import sys
from collections.abc import Sequence
from itertools import groupby

import httpx

from hawkbit_testing.conformance.site import Cell
from hawkbit_testing.conformance.suite import differences, run
from hawkbit_testing.hawkbit import Hawkbit
from hawkbit_testing.management import RefusedError, Server
from hawkbit_testing.quirks import VERSIONS, Quirks

DESCRIPTION = """\
Goes through all operations, states and words of DDI on a hawkBit server, prints what it does, and what it does
differently from the double of the same version. Needs an operator's user of the Management API; the password is
taken from HAWKBIT_PASSWORD. Makes targets and software, deletes them in the end, and switches confirmation flow,
autoclose and gateway token of the tenant for moments: use a tenant that serves no devices.
"""
EXIT = "Exit code: 0 no difference, 1 differences, 2 the server can't be looked at."


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
        seen = run(server, begun=lambda what: print(f"… {what}", file=sys.stderr))
    except RefusedError as error:
        return _sorry(f"{server.url}: the Management API refuses what the report needs: {error}")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return _sorry(f"{server.url}: {error or type(error).__name__}")
    except ValueError as error:
        return _sorry(f"{server.url}: {error}; give its --version")
    finally:
        server.close()
    return tell(f"hawkBit {first}.{second}", run(double), seen)


def tell(name: str, expected: Sequence[Cell], seen: Sequence[Cell]) -> int:
    """Print the table of a server and how it differs; returns the exit code.

    Args:
        name: of what is expected.
        expected: the double's cells.
        seen: the server's cells.
    """
    odd = {(one.operation, one.state, one.request): one for one in differences(expected, seen)}
    for operation, cells in groupby(
        sorted(seen, key=lambda cell: cell.operation), lambda cell: cell.operation
    ):
        print(f"\n{operation}")
        for cell in cells:
            difference = odd.get((cell.operation, cell.state, cell.request))
            where = ", ".join(filter(None, (cell.state, cell.request)))
            print(f"{'!' if difference else ' '} {where:56} {cell.seen}")
            if difference:
                print(f"  {'':>24}{name}: {difference.expected or 'no such cell'}")
    lacking = [one for one in odd.values() if one.seen is None]
    if lacking:
        print("\nCould not be had on this server")
        for one in lacking:
            print(f"  {one.operation}: {', '.join(filter(None, (one.state, one.request)))}")
    differing = len(odd) - len(lacking)
    print(
        f"\n{len(seen)} cells seen, {len(lacking)} could not be had; "
        f"{differing or 'none'} differ{'s' if differing == 1 else ''} from {name}"
    )
    return 1 if differing else 0


def _sorry(text: str) -> int:
    print(text, file=sys.stderr)
    return 2
