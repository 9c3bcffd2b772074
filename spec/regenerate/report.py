# SPDX-License-Identifier: LGPL-2.1-or-later
"""The report on a run, in Markdown that reads well on a terminal, too."""

import re
from typing import NamedTuple

from changes import Change


class Report(NamedTuple):
    """What a run is to tell."""

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

    idle: list[str]
    """The actions of the overlay that a document of a new version doesn't need."""

    is_new: bool
    """Whether no action of the overlay lists the document's version."""

    def __str__(self) -> str:
        """Return the report."""
        parts = [f"# From hawkBit {self.was} to {self.now}"]
        parts += ["## The document", _list(self.document, "Nothing differs.")]
        parts += ["## The Python API", _list(self.api, "Nothing differs for callers.")]
        if self.is_new:
            advice = (
                f"hawkBit {self.now} is new to the overlay: see what follows, then add it to `x-versions`."
            )
            parts += ["## The overlay", advice, _list(self.idle, "Each action is needed as before.")]
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
            return f"The version stays {self.version}: there is nothing to tell."
        return f"A {step} step: {self.version} becomes {next_version(self.version, step)}."

    def _changelog(self) -> str:
        changed = [f"`hawkbit_ddi` is made from the document of hawkBit {self.now}; it was {self.was}."]
        if self.was == self.now:
            changed = []
        lines: dict[str, list[str]] = {"Added": [], "Changed": changed, "Removed": []}
        for change in self.api:
            text = change.what if change.action != "changed" else f"{change.what}: {change.how}"
            lines[change.action.capitalize()].append(f"{'**Breaking:** ' if change.breaking else ''}{text}.")
        # What the server asks for and no signature shows.
        lines["Changed"] += [
            f"**Breaking:** hawkBit {self.now}: {change.what}: {change.how}."
            for change in self.document
            if change.breaking and change.action == "changed"
        ]
        sections = [f"### {title}\n\n{_list(items, '')}" for title, items in lines.items() if items]
        return "\n\n".join(sections) or "Nothing to add."


def next_version(version: str, step: str) -> str:
    """Return the version that follows by a step of Semantic Versioning.

    Below 1.0.0 what breaks takes a minor step and all else a patch; what follows the third number falls away.
    """
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    if not found:
        return f"the next {step} version"
    major, minor, patch = (int(number) for number in found.groups())
    if major == 0:
        step = "minor" if step == "major" else "patch"
    following = {
        "major": (major + 1, 0, 0),
        "minor": (major, minor + 1, 0),
        "patch": (major, minor, patch + 1),
    }
    return ".".join(str(number) for number in following[step])


def _list(items: list[Change] | list[str], nothing: str) -> str:
    return "\n".join(f"* {item}" for item in items) or nothing
