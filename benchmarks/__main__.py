# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs all cases with all clients in turn, and prints ratios of their medians beside what is aimed at."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from attrs import frozen
from rig.cache import CACHE
from rig.debian import rauc_hawkbit_updater
from rig.nginx import tls_keys
from rig.process import need_root

from benchmarks import clients, page
from benchmarks.clients import Numbers
from benchmarks.ground import MIB, Ground, pace

MEMORY = "/dev/shm"  # noqa: S108  a file system in memory; the folder in it is made by tempfile

#: Who takes part where, by the name in the results.
DAEMONS = {"daemon": clients.ours, "updater": clients.updater}
CURLS = {
    "curl + openssl": partial(clients.curl, "openssl"),
    "curl + sha256sum": partial(clients.curl, "sha256sum"),
}
DOWNLOADERS: dict[str, Callable[[Ground, Path], Numbers]] = {
    **{name: partial(clients.download, client) for name, client in DAEMONS.items()},
    "engine": clients.engine,
    **CURLS,
}


@frozen
class Case:
    """One comparison.

    Attributes:
        name: of it.
        mib: size of the bundle.
        contest: the clients, each with what measures it once.
        tls, keep_alive, sleep: of the server.
        rate: what the link is held to, in tc's words.
    """

    name: str
    mib: int
    contest: Mapping[str, Callable[[Ground, Path], Numbers]]
    tls: bool = False
    keep_alive: bool = True
    sleep: str = "00:05:00"
    rate: str = ""


def cases(*, quick: bool) -> list[Case]:
    """All of them; quick ones measure the same things with less of it."""
    large, polls, rest = (128, 5, 5) if quick else (1024, 20, 20)
    polling = {n: partial(clients.polls, client, count=polls) for n, client in DAEMONS.items()}
    resting = {n: partial(clients.rest, client, seconds=rest) for n, client in DAEMONS.items()}
    return [
        Case("plain", large, DOWNLOADERS),
        Case("plain, small", 32, DOWNLOADERS),
        Case("tls", large, DOWNLOADERS, tls=True),
        Case("tls, small", 32, DOWNLOADERS, tls=True),
        Case("paced", 32 if quick else 256, DOWNLOADERS, rate="400mbit"),
        Case("polls", 1, polling, tls=True, keep_alive=False, sleep="00:00:01"),
        Case("rest", 1, resting),
    ]


def play(case: Case, runs: int) -> dict[str, page.Runs]:
    """Let the clients take turns, and return by client what each run gave for each number."""
    seen: dict[str, list[Numbers]] = {name: [] for name in case.contest}
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=MEMORY) as folder:
        size = case.mib * MIB
        with Ground(Path(folder), size, tls=case.tls, keep_alive=case.keep_alive, sleep=case.sleep) as ground:
            location = Path(folder) / "download" / "bundle.raucb"
            location.parent.mkdir()
            if case.rate:
                pace(case.rate)
            try:
                for run in range(1, runs + 1):
                    for name, measure in case.contest.items():
                        page.progress(f"{case.name}: {run} of {runs}, {name}")
                        seen[name].append(measure(ground, location))
            finally:
                if case.rate:
                    pace("")
    return {name: {key: [run[key] for run in found] for key in found[0]} for name, found in seen.items()}


def main() -> int:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="scripts/benchmark", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="3 runs with less in each: a look, no result")
    parser.add_argument("--runs", type=int, metavar="N", help="runs of each client in each case; 7")
    names = [case.name for case in cases(quick=True)]
    parser.add_argument("--case", action="append", choices=names, help="only this one; may be repeated")
    parser.add_argument("--results", type=Path, default=CACHE / "benchmark.json", help="where all numbers go")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the ratios as SVG")
    parser.add_argument("--show", action="store_true", help="print former results again, measure nothing")
    parser.add_argument("--fetch", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.fetch:
        rauc_hawkbit_updater()
        tls_keys()
        return 0
    need_root()
    clients.stop_on_signals()
    results: dict[str, dict[str, page.Runs]] = {}
    if arguments.show or arguments.case:
        results = json.loads(arguments.results.read_text()) if arguments.results.exists() else {}
    if not arguments.show:
        for case in cases(quick=arguments.quick):
            if not arguments.case or case.name in arguments.case:
                results[case.name] = play(case, arguments.runs or (3 if arguments.quick else 7))
        page.progress("")
        arguments.results.write_text(json.dumps(results, indent=1) + "\n")
    sys.stdout.write(page.tables(results))
    if arguments.plot:
        arguments.plot.write_text(page.plot(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
