# SPDX-License-Identifier: LGPL-2.1-or-later
"""The corrections and descriptions of overlay.yaml, put into a document as OpenAPI Overlay 1.0 says."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from jsonpath_rfc9535 import JSONPathError, find
from structure import operations, resolve


class Overlaid(NamedTuple):
    """What became of a document."""

    document: dict[str, Any]
    """The document with all actions applied."""

    is_new: bool
    """Whether no action lists the document's version."""

    idle: list[str]
    """If it is new: the actions that the newest listed version needs and this one doesn't, each by name."""

    undescribed: list[str]
    """If it is new: what no action describes, so that callers find no docstring."""


def seen(overlay: dict[str, Any]) -> set[str]:
    """Return all versions of hawkBit that the overlay's actions list."""
    return {version for action in overlay["actions"] for version in action.get("x-seen") or []}


def apply(document: dict[str, Any], overlay: dict[str, Any]) -> Overlaid:
    """Return the document with all actions of the overlay applied, in their order.

    Raises:
        SystemExit: an action gives no reason or no versions, can't be applied, or its versions are not true of
            this document; or something in it is described by no action.
    """
    version, known = document["info"]["version"], seen(overlay)
    newest = max(known, key=order, default="")
    document, idle = copy.deepcopy(document), []
    for number, action in enumerate(overlay["actions"], 1):
        name = f"overlay action {number} ({' '.join(str(action.get('target')).split())})"
        if not action.get("description"):
            raise SystemExit(f"{name} gives no reason; add a description")
        if not action.get("x-seen"):
            raise SystemExit(f"{name} doesn't say which documents need it; add x-seen")
        before = json.dumps(document)
        document, places = _apply(document, action, name)
        needed = json.dumps(document) != before
        problem = f"{name} {'changes' if places else 'hits'} nothing"
        if version not in known:
            if not needed and newest in action["x-seen"]:
                idle.append(f"{problem}; its reason was: {action['description']}")
        elif not needed and version in action["x-seen"]:
            raise SystemExit(f"{problem} in the document of hawkBit {version}; take it out of x-seen")
        elif needed and version not in action["x-seen"]:
            raise SystemExit(f"{name} is needed by the document of hawkBit {version}, too; add it to x-seen")
    undescribed = list(_undescribed(document))
    if undescribed and version in known:
        raise SystemExit(
            f"no action of the overlay describes {', '.join(undescribed)} of hawkBit {version}; add one"
        )
    return Overlaid(document, version not in known, idle, undescribed)


def order(version: str) -> list[tuple[int, str]]:
    """Return a key that sorts versions."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"[.+-]", version)]


def _undescribed(document: dict[str, Any]) -> Iterator[str]:
    """Give the names of all operations, parameters, schemas and members without a description."""
    for name, _, operation in operations(document):
        if not operation.get("summary"):
            yield name
        for parameter in operation.get("parameters", []):
            if not resolve(document, parameter).get("schema", {}).get("description"):
                yield f"{name}, parameter `{parameter.get('name')}`"
    for title, schema in document.get("components", {}).get("schemas", {}).items():
        if not schema.get("description"):
            yield f"`{title}`"
        for member, described in schema.get("properties", {}).items():
            if not described.get("description"):
                yield f"`{title}.{member}`"


def _apply(document: dict[str, Any], action: dict[str, Any], name: str) -> tuple[dict[str, Any], int]:
    """Return the document with one action applied, and how many places it hit."""
    try:
        places = [node.location for node in find(action["target"], document)]
        for place in reversed(places):  # from the end, so that removing keeps the other indices right
            parent: Any = document
            for step in place[:-1]:
                parent = parent[step]
            if action.get("remove"):
                del parent[place[-1]]
            elif place:
                parent[place[-1]] = _merge(parent[place[-1]], copy.deepcopy(action["update"]))
            else:
                document = _merge(document, copy.deepcopy(action["update"]))
    except (JSONPathError, KeyError, TypeError) as error:
        raise SystemExit(f"{name} can't be applied: {error}") from error
    return document, len(places)


def _merge(target: Any, update: Any) -> Any:
    """Return the target with the update merged in: objects deeply, arrays at their end."""
    if isinstance(target, dict) and isinstance(update, dict):
        return target | {
            key: _merge(target[key], value) if key in target else value for key, value in update.items()
        }
    if isinstance(target, list) and isinstance(update, list):
        return target + update
    return update
