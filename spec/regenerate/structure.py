# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is kept of a document: the structure of DDI, without the prose and the examples of its authors."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

ROOT = "/{tenant}/controller/v1/{controllerId}"
"""Every path of DDI is this one or lies below it."""

# Objects whose keys are names, not words of OpenAPI: a member of a schema may well be called `description`.
NAMED = {
    "properties", "patternProperties", "$defs", "schemas", "responses", "parameters", "requestBodies", "headers",
    "securitySchemes", "content", "callbacks", "mapping", "encoding", "scopes",
}  # fmt: skip
VALUES = {"default", "enum", "const", "required"}
PROSE = {"description", "summary", "title", "tags", "example", "examples", "externalDocs", "servers", "links"}
METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
LONGEST_CHAIN = 10
"""How many references in a row are followed: they may lead in a circle."""


def keep(documents: Iterable[tuple[str, Any]], version: str | None) -> dict[str, Any]:
    """Return the structure of DDI in the first of the documents that has it.

    Args:
        documents: Each with the name of its source.
        version: hawkBit's version; None takes the one that the document tells.

    Raises:
        SystemExit: none of them is a document of DDI, or the version is not known.
    """
    tried = []
    for source, document in documents:
        if _is_ddi(document):
            break
        tried.append(source)
    else:
        raise SystemExit(f"there is no DDI in {', '.join(tried)}: no path is below {ROOT}")
    if not isinstance(document.get("openapi"), str) or not document["openapi"].startswith("3."):
        raise SystemExit(f"{source} is no document of OpenAPI 3")
    told = document["info"].get("version") if isinstance(document.get("info"), dict) else None
    kept: dict[str, Any] = _strip({key: document[key] for key in ("openapi", "security") if key in document})
    kept["info"] = {"title": "hawkBit DDI", "version": _version(version or str(told), source)}
    kept["paths"] = {path: _strip(item) for path, item in document["paths"].items() if _is_below(str(path))}
    kept["components"] = _used(kept, _strip(document.get("components", {})))
    for reference in sorted(_references(kept, [kept])):
        if not reference.startswith("#/"):
            raise SystemExit(f"{source} refers to another document ({reference}); give one that is complete")
    return kept


def text(document: dict[str, Any]) -> str:
    """Return the text of a document's file; the same structure gives the same bytes."""
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def resolve(document: dict[str, Any], node: Any) -> Any:
    """Return what a node stands for: itself, or what its reference leads to; {} if that is not there."""
    for _ in range(LONGEST_CHAIN):
        if not isinstance(node, dict) or "$ref" not in node:
            break
        target: Any = document
        for step in str(node["$ref"]).removeprefix("#/").split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            target = target.get(name, {}) if isinstance(target, dict) else {}
        node = target
    return node


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Give all operations of a document, each with its name in the report and with the item of its path."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield f"`{method.upper()} {path.replace(ROOT, '…')}`", item, item[method]


def schemas_below(document: dict[str, Any], *nodes: Any) -> set[str]:
    """Return the names of all schemas that these nodes are made of."""
    return {
        ref.split("/")[-1] for ref in _references(document, nodes) if ref.startswith("#/components/schemas/")
    }


def _version(version: str, source: str) -> str:
    if not re.fullmatch(r"\d[0-9A-Za-z.+-]{0,39}", version):
        raise SystemExit(
            f"{source} doesn't tell hawkBit's version ({version!r}); give it, for instance --hawkbit-version 1.1.0"
        )
    return version


def _is_ddi(document: Any) -> bool:
    paths = document.get("paths") if isinstance(document, dict) else None
    return isinstance(paths, dict) and any(_is_below(str(path)) for path in paths)


def _is_below(path: str) -> bool:
    return path == ROOT or path.startswith(ROOT + "/")


def _strip(node: Any, inside: str = "") -> Any:
    """Return a part of a document without prose.

    Args:
        node: The part.
        inside: The word of OpenAPI above it if its keys are names, such as `properties`: then all keys are kept.
    """
    if isinstance(node, list):
        return [_strip(value) for value in node]
    if not isinstance(node, dict):
        return node
    stripped: dict[str, Any] = {}
    for key, value in sorted((str(key), value) for key, value in node.items()):
        if inside:
            stripped[key] = _strip(value)
            if inside == "responses" and "$ref" not in stripped[key]:
                stripped[key]["description"] = ""  # OpenAPI wants one
        elif key in VALUES:
            stripped[key] = value
        elif key not in PROSE and not key.startswith("x-"):
            stripped[key] = _strip(value, key if key in NAMED else "")
    return stripped


def _used(kept: dict[str, Any], components: Any) -> dict[str, Any]:
    """Return the components that the paths of DDI, or their security, refer to."""
    if not isinstance(components, dict):
        return {}
    references = _references({"components": components}, (kept["paths"],))
    used = {
        kind: {n: value for n, value in items.items() if f"#/components/{kind}/{n}" in references}
        for kind, items in components.items()
        if isinstance(items, dict)
    }
    if "securitySchemes" in components:
        used["securitySchemes"] = components["securitySchemes"]
    return {kind: items for kind, items in used.items() if items}


def _references(document: dict[str, Any], nodes: Iterable[Any]) -> set[str]:
    """Return all references in these nodes, and in what they lead to."""
    found: set[str] = set()
    rest = list(nodes)
    while rest:
        node = rest.pop()
        if isinstance(node, dict):
            reference = node.get("$ref")
            if isinstance(reference, str) and reference not in found:
                found.add(reference)
                rest.append(resolve(document, node))
            rest.extend(node.values())
        elif isinstance(node, list):
            rest.extend(node)
    return found
