# SPDX-License-Identifier: LGPL-2.1-or-later
"""The document's view of what differs: paths, parameters, bodies, answers, schemas and their members."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from changes import Change, Element, compare
from structure import operations, resolve, schemas_below

LOWEST = {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
HIGHEST = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}
CONSTRAINTS = [*sorted(LOWEST | HIGHEST), "multipleOf", "pattern", "uniqueItems"]


class Document(NamedTuple):
    """A document before and after the overlay."""

    served: dict[str, Any]
    overlaid: dict[str, Any]


def compare_documents(old: Document, new: Document) -> list[Change]:
    """Return what differs between the structures of two documents.

    What servers say differently breaks nothing if the overlay makes it the same again.
    """
    breaking = {change.place for change in _compare(old.overlaid, new.overlaid) if change.breaking}
    changes = [
        change._replace(breaking=change.place in breaking) for change in _compare(old.served, new.served)
    ]
    return sorted(changes, key=lambda change: not change.breaking)


def _compare(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    return compare(elements(old), elements(new), added_breaks=_added_breaks, changed_breaks=_changed_breaks)


def elements(document: dict[str, Any]) -> dict[str, Element]:
    """Return all that a document says, by name."""
    schemes = document.get("components", {}).get("securitySchemes", {}).values()
    security = frozenset(" ".join(str(s.get(k)) for k in ("type", "in", "name") if k in s) for s in schemes)
    found = {"authentication": Element("document", {"schemes": security}, sent=True)}
    sent, received = set(), set()
    for name, item, operation in operations(document):
        found |= _operation(document, name, item.get("parameters", []), operation)
        sent |= schemas_below(document, operation.get("requestBody"), operation.get("parameters"))
        received |= schemas_below(document, operation.get("responses"))
    for title, schema in document.get("components", {}).get("schemas", {}).items():
        for name, element in _schema(title, schema):
            found[f"`{name}`"] = element._replace(sent=title in sent, received=title in received)
    return found


def _operation(
    document: dict[str, Any], name: str, shared: list[Any], operation: dict[str, Any]
) -> dict[str, Element]:
    responses = operation.get("responses", {})
    aspects = {
        "operationId": operation.get("operationId"),
        "deprecated": bool(operation.get("deprecated")),
        "statuses": frozenset(responses),
    }
    found = {name: Element("operation", aspects)}
    for reference in [*shared, *operation.get("parameters", [])]:
        parameter = resolve(document, reference)
        said = {"required": bool(parameter.get("required")), **_aspects(parameter.get("schema", {}))}
        kind = f"{parameter.get('in')} parameter"
        found[f"{name}, {kind} `{parameter.get('name')}`"] = Element(kind, said, name, sent=True)
    if body := resolve(document, operation.get("requestBody")):
        said = {"required": bool(body.get("required")), **_content(body)}
        found[f"{name}, body"] = Element("body", said, name, sent=True)
    for status, reference in responses.items():
        if status.startswith("2") and (content := _content(resolve(document, reference))):
            found[f"{name}, answer {status}"] = Element("answer", content, name, received=True)
    return found


def _content(node: dict[str, Any]) -> dict[str, Any]:
    """Return what is said of a body: its media types, and the type of its JSON."""
    content = node.get("content", {})
    if not content:
        return {}
    one = content.get("application/json") or next(iter(content.values()))
    return {"media types": frozenset(content), **_aspects(one.get("schema", {}))}


def _schema(
    name: str, schema: Any, parent: str = "", *, required: bool | None = None
) -> Iterator[tuple[str, Element]]:
    """Return a schema and all that is within it, by name."""
    if not isinstance(schema, dict):
        return
    said = _aspects(schema) if required is None else {"required": required, **_aspects(schema)}
    yield name, Element("member" if parent else "schema", said, f"`{parent}`" if parent else "")
    for member, inner in schema.get("properties", {}).items():
        yield from _schema(f"{name}.{member}", inner, name, required=member in schema.get("required", []))
    for key, sign in (("items", "[]"), ("additionalProperties", "{}")):
        inner = schema.get(key)
        if isinstance(inner, dict) and (inner.keys() & {"properties", "enum", *CONSTRAINTS}):
            yield from _schema(name + sign, inner, name)


def _aspects(schema: dict[str, Any]) -> dict[str, Any]:
    said = {"type": _type(schema), "values": None, "default": schema.get("default")}
    if "enum" in schema:
        said["values"] = frozenset(str(one) for one in schema["enum"])
    if schema.get("deprecated"):
        said["deprecated"] = True
    return said | {constraint: schema[constraint] for constraint in CONSTRAINTS if constraint in schema}


def _type(schema: Any) -> str:
    """Return a schema's type in words."""
    if not isinstance(schema, dict) or not schema:
        return "anything"
    null = " or null" if schema.get("nullable") else ""
    if "$ref" in schema:
        return str(schema["$ref"]).split("/")[-1] + null
    for key, word in (("allOf", "all"), ("anyOf", "any"), ("oneOf", "one")):
        if key in schema:
            return f"{word} of {', '.join(_type(one) for one in schema[key])}{null}"
    kind = schema.get("type", "anything")
    kind = " or ".join(kind) if isinstance(kind, list) else str(kind)
    if kind == "array":
        kind = f"list of {_type(schema.get('items'))}"
    elif kind == "object" and "properties" not in schema and "additionalProperties" in schema:
        kind = f"map of {_type(schema['additionalProperties'])}"
    elif "format" in schema:
        kind = f"{kind} {schema['format']}"
    return kind + null


def _added_breaks(element: Element) -> bool:
    return element.sent and bool(element.aspects.get("required"))


def _changed_breaks(element: Element, aspect: str, before: Any, after: Any) -> bool:
    """Tell whether callers of the package must react to what a new document says of an element."""
    if aspect == "type":
        return True
    if aspect == "required":  # what always came may be absent now
        return bool(after) if element.sent else not after
    if aspect == "values":  # answers with unknown values are read; what may be sent may not shrink
        return element.sent and after is not None and (before is None or not after >= before)
    if aspect == "default":  # leaving it out means something else
        return element.sent and before is not None
    if aspect == "media types":  # the package speaks JSON alone
        return "application/json" in (before or ()) and "application/json" not in (after or ())
    if aspect == "schemes":
        return not after >= before
    if aspect in CONSTRAINTS:
        return element.sent and _tightens(element, aspect, before, after)
    # operationId, statuses, deprecated: the overlay names the functions, and each status has its exception.
    return False


def _tightens(element: Element, constraint: str, before: Any, after: Any) -> bool:
    if after is None or (constraint == "minLength" and after == 1 and element.kind == "path parameter"):
        return False  # a part of a path is never empty
    if before is None:
        return True
    if constraint in LOWEST:
        return bool(after > before)
    if constraint in HIGHEST:
        return bool(after < before)
    return True
