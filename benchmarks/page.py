# SPDX-License-Identifier: LGPL-2.1-or-later
"""What was measured, as tables for a page and as a plot."""

import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from attrs import frozen

#: Of one client: what each run gave, by the number's name.
Runs = Mapping[str, Sequence[float]]
#: By case and client.
Results = Mapping[str, Mapping[str, Runs]]


@frozen
class Ratio:
    """One line of the table: somebody's number through somebody else's, which is to be at most `goal`."""

    what: str
    case: str
    number: str
    who: str
    against: str
    goal: float | None = None

    def of(
        self, results: Results, choose: Callable[[Sequence[float]], float] = statistics.median
    ) -> float | None:
        """Return it, None where it was not measured."""
        try:
            runs = results[self.case]
            return choose(runs[self.who][self.number]) / choose(runs[self.against][self.number])
        except (KeyError, ZeroDivisionError):
            return None


def _download(case: str, words: str, shipped: float, waited: float, curl: float) -> Iterator[Ratio]:
    yield Ratio(f"{words}: wall, from the start", case, "wall", "daemon", "updater", shipped)
    yield Ratio(
        f"{words}: wall, from the first request", case, "wall without start", "daemon", "updater", waited
    )
    yield Ratio(f"{words}: CPU", case, "cpu", "daemon", "updater", shipped)
    for against, goal in (("curl + openssl", curl), ("curl + sha256sum", 0.45)):
        yield Ratio(f"{words}: wall, the engine", case, "wall", "engine", against, goal)
        yield Ratio(f"{words}: CPU, the engine", case, "cpu", "engine", against, goal)


RATIOS = (
    *_download("plain", "plain", 0.50, 0.60, 1.0),
    *_download("tls", "TLS", 0.65, 0.65, 0.95),
    Ratio("32 MiB, plain: wall, from the start", "plain, small", "wall", "daemon", "updater"),
    Ratio("32 MiB, plain: CPU, Python's start included", "plain, small", "cpu", "daemon", "updater"),
    Ratio("32 MiB, TLS: wall, from the start", "tls, small", "wall", "daemon", "updater"),
    Ratio("32 MiB, TLS: CPU, Python's start included", "tls, small", "cpu", "daemon", "updater"),
    Ratio("link of 400 Mbit/s: wall, from the start", "paced", "wall", "daemon", "updater", 0.95),
    Ratio("link of 400 Mbit/s: wall, the engine", "paced", "wall", "engine", "curl + sha256sum", 0.90),
    Ratio("largest RSS in a download", "plain", "rss", "daemon", "updater", 3.0),
    Ratio("idle RSS", "polls", "idle rss", "daemon", "updater", 3.0),
    Ratio("start to first request", "plain, small", "first request", "daemon", "updater", 0.25),
    Ratio("CPU of a poll, new TLS connection", "polls", "cpu per poll", "daemon", "updater", 0.2),
    Ratio("wake-ups between polls", "rest", "wakes a minute", "daemon", "updater", 0.0),
    Ratio("requests until the download is told", "plain", "requests", "daemon", "updater"),
    Ratio("bytes of a poll, TLS's own aside", "polls", "bytes per poll", "daemon", "updater"),
)

#: Numbers that are shown as they are: name, unit, factor.
ABSOLUTE = (
    ("wall", "s", 1),
    ("cpu", "s", 1),
    ("rss", "MiB", 2**-20),
    ("first request", "ms", 1000),
    ("cpu per poll", "ms", 1000),
    ("idle rss", "MiB", 2**-20),
    ("wakes a minute", "", 1),
    ("requests", "", 1),
    ("bytes per poll", "", 1),
)


def progress(text: str) -> None:
    """Say on one line of the terminal what is going on."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()
    elif text:
        sys.stderr.write(f"{text}\n")


def tables(results: Results) -> str:
    """Write ratios and absolute numbers as Markdown.

    Beside the medians stand the best runs: on a machine that does other work, they are nearer to a quiet one.
    """
    lines = ["| what | against | medians | best runs | goal |", "| --- | --- | --- | --- | --- |"]
    for ratio in RATIOS:
        if (found := ratio.of(results)) is not None:
            goal = "" if ratio.goal is None else f"{ratio.goal:.2f}"
            missed = " (missed)" if ratio.goal is not None and found > ratio.goal else ""
            best = ratio.of(results, min)
            lines.append(f"| {ratio.what} | {ratio.against} | {found:.2f}{missed} | {best:.2f} | {goal} |")
    lines += ["", "| case | who | number | median | best |", "| --- | --- | --- | --- | --- |"]
    for case, found_in in results.items():
        for who, runs in found_in.items():
            for name, unit, factor in ABSOLUTE:
                if name in runs:
                    median, best = (factor * number(runs[name]) for number in (statistics.median, min))
                    lines.append(f"| {case} | {who} | {name} | {median:.4g} {unit} | {best:.4g} |")
    return "\n".join(lines) + "\n"


def plot(results: Results) -> str:
    """Draw the ratios as bars beside the goals, as SVG."""
    rows = [(ratio, found) for ratio in RATIOS if (found := ratio.of(results)) is not None]
    left, scale, height = 470, 100, 22
    width, bottom = left + 4 * scale, 30 + height * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{bottom + 10}">',
        "<style>text { font: 12px sans-serif }</style>",
        f'<rect width="{width}" height="{bottom + 10}" fill="white"/>',
        f'<text x="{left}" y="14">hawkbit-rauc through the other; less is better, | is the goal</text>',
    ]
    for number, (ratio, found) in enumerate(rows):
        top = 24 + number * height
        color = "#2a7f4f" if ratio.goal is None or found <= ratio.goal else "#c0602a"
        parts += [
            f'<text x="{left - 8}" y="{top + 13}" text-anchor="end">{ratio.what} / {ratio.against}</text>',
            f'<rect x="{left}" y="{top + 2}" width="{found * scale:.1f}" height="14" fill="{color}"/>',
            f'<text x="{left + found * scale + 6:.1f}" y="{top + 13}">{found:.2f}</text>',
        ]
        if ratio.goal is not None:
            goal = left + ratio.goal * scale
            parts.append(f'<path d="M{goal:.1f} {top} v18" stroke="black" stroke-width="2"/>')
    parts.append(f'<path d="M{left + scale} 20 V{bottom}" stroke="#888" stroke-dasharray="3 3"/></svg>\n')
    return "\n".join(parts)
