# SPDX-License-Identifier: LGPL-2.1-or-later
"""What differs between two lists of elements: of two documents, or of two packages."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple


class Element(NamedTuple):
    """Something that has a name and can be told apart: an operation, a member, a function."""

    kind: str
    """Its kind, in a word."""

    aspects: Mapping[str, Any]
    """What is said of it: texts, numbers, None, or sets of texts."""

    parent: str = ""
    """The element that contains this one: when it comes or goes, this one needs no line of its own."""

    sent: bool = False
    """Whether callers send it."""

    received: bool = False
    """Whether callers receive it."""


class Change(NamedTuple):
    """One line of the report."""

    action: Literal["added", "changed", "removed"]
    what: str
    aspect: str
    """The aspect that changed; empty if the whole is added or removed."""

    how: str
    breaking: bool

    @property
    def place(self) -> tuple[str, str, str]:
        """What the change is about, whatever it is in detail."""
        return self.action, self.what, self.aspect

    def __str__(self) -> str:
        """Return the line, as Markdown."""
        return f"{'**breaking**' if self.breaking else 'harmless'}: {self.what}: {self.said}"

    @property
    def said(self) -> str:
        """What became of it."""
        if self.action == "changed":
            return self.how
        return f"{self.action}, {self.how}" if self.how else self.action


Elements = Mapping[str, Element]
Added = Callable[[Element], bool]
Changed = Callable[[Element, str, Any, Any], bool]


def compare(old: Elements, new: Elements, *, added_breaks: Added, changed_breaks: Changed) -> list[Change]:
    """Return what differs: first what breaks, then all else, both in the order of names.

    Args:
        old: The elements before, by name.
        new: The elements after, by name.
        added_breaks: Whether callers must react to an element that was added; they always must to one that is gone.
        changed_breaks: The same for an aspect of an element, with its value before and after.
    """
    changes = []
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if was is None and now is not None:
            if now.parent in new and now.parent not in old:
                continue  # the line of its parent says it
            said = ["required"] if now.aspects.get("required") else []
            if "type" in now.aspects:
                said.append(value(now.aspects["type"]))
            changes.append(Change("added", name, "", " ".join(said), added_breaks(now)))
        elif now is None and was is not None:
            if was.parent in old and was.parent not in new:
                continue
            changes.append(Change("removed", name, "", "", breaking=True))
        elif was is not None and now is not None:
            for aspect in dict.fromkeys([*was.aspects, *now.aspects]):
                before, after = was.aspects.get(aspect), now.aspects.get(aspect)
                if before != after:
                    breaking = changed_breaks(now, aspect, before, after)
                    changes.append(
                        Change("changed", name, aspect, _difference(aspect, before, after), breaking)
                    )
    return sorted(changes, key=lambda change: not change.breaking)


def value(said: Any) -> str:
    """Return a value of an aspect as text."""
    if said is None:
        return "none"
    if isinstance(said, bool):
        return "yes" if said else "no"
    if isinstance(said, frozenset):
        return " ".join(f"`{one}`" for one in sorted(said)) or "none"
    return f"`{said}`"


def _difference(aspect: str, before: Any, after: Any) -> str:
    if isinstance(before, frozenset) and isinstance(after, frozenset):
        come, gone = after - before, before - after
        parts = [f"{value(come)} added" if come else "", f"{value(gone)} removed" if gone else ""]
        return f"{aspect} {', '.join(part for part in parts if part)}"
    return f"{aspect} {value(before)} -> {value(after)}"
