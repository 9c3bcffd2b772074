# SPDX-License-Identifier: LGPL-2.1-or-later
"""The report on a run, in Markdown that reads well on a terminal, too."""

import re
from typing import NamedTuple

from changes import Change
from overlay import Overlaid


class Report(NamedTuple):
    """What a run tells."""

    was: str
    """The version of hawkBit that the package was made for."""

    now: str
    """The version that it is made for now."""

    version: str
    """The package's own version."""

    document: list[Change]
    """What differs between the documents."""

    api: list[Change]
    """What differs between the packages, for callers."""

    overlaid: Overlaid
    """What the overlay did to the document."""

    @property
    def tells_something(self) -> bool:
        """Whether there is anything that differs."""
        return self.was != self.now or bool(self.document or self.api)

    def __str__(self) -> str:
        """Return the report."""
        same = self.was == self.now
        parts = [
            f"# Made anew for hawkBit {self.now}" if same else f"# From hawkBit {self.was} to {self.now}"
        ]
        parts += ["## The document", _list(self.document, "Nothing differs.")]
        parts += ["## The Python API", _list(self.api, "Nothing differs for callers.")]
        if self.overlaid.is_new:
            advice = (
                f"hawkBit {self.now} is new to the overlay: see to what follows, then add it to `x-versions`."
            )
            todo = [*self.overlaid.idle, *(f"nothing describes {name}" for name in self.overlaid.undescribed)]
            parts += ["## The overlay", advice, _list(todo, "Each action is needed as before.")]
        parts += ["## The next version", self._step(), "## The changelog", self._changelog()]
        return "\n\n".join(parts) + "\n"

    def _step(self) -> str:
        changes = [*self.document, *self.api]
        if any(change.breaking for change in changes):
            step = "major"
        elif any(change.action == "added" for change in self.api):
            step = "minor"
        elif changes or self.was != self.now:
            step = "patch"
        else:
            return f"It stays {self.version}: there is nothing to tell."
        following, why = next_version(self.version, step)
        return f"{self.version} becomes {following}: {why}."

    def _changelog(self) -> str:
        lines: dict[str, list[str]] = {"Added": [], "Changed": [], "Removed": []}
        if self.was != self.now:
            lines["Changed"].append(
                f"`hawkbit_ddi` is made from the document of hawkBit {self.now}; it was {self.was}."
            )
        for change in self.api:
            text = f"{change.what}: {change.how}" if change.action == "changed" else change.what
            lines[change.action.capitalize()].append(f"{'**Breaking:** ' if change.breaking else ''}{text}.")
        # What the server asks for and no signature shows.
        lines["Changed"] += [
            f"**Breaking:** hawkBit {self.now}: {change.what}: {change.how}."
            for change in self.document
            if change.breaking and change.aspect not in {"", "type", "values", "required"}
        ]
        sections = [f"### {title}\n\n{_list(items, '')}" for title, items in lines.items() if items]
        return "\n\n".join(sections) or "Nothing to add."


def next_version(version: str, step: str) -> tuple[str, str]:
    """Return the version that follows by a step of Semantic Versioning, and why that one."""
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    if not found:
        return f"the next {step} version", "what it is now is no version"
    major, minor, patch = (int(number) for number in found.groups())
    if major == 0:
        if step == "major":
            return f"0.{minor + 1}.0", "something breaks, which is a minor step below 1.0.0"
        return f"0.{minor}.{patch + 1}", "nothing breaks, which is a patch below 1.0.0"
    if step == "major":
        return f"{major + 1}.0.0", "something breaks, which is a major step"
    if step == "minor":
        return f"{major}.{minor + 1}.0", "something is new, which is a minor step"
    return f"{major}.{minor}.{patch + 1}", "nothing is new for callers, which is a patch"


def _list(items: list[Change] | list[str], nothing: str) -> str:
    return "\n".join(f"* {item}" for item in items) or nothing
