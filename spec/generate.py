# SPDX-License-Identifier: LGPL-2.1-or-later
"""Make generated/hawkbit_ddi from spec/; run it through scripts/regenerate, which provides its environment.

The steps: the document (ddi.json), corrected and described by the overlay (overlay.yaml), goes through
openapi-python-client with the templates of templates/; the package's files that the generator has no template
for come from templates/extra/; ruff formats. The result replaces the package at once or, with --check, is
compared with it.
"""

import argparse
import contextlib
import difflib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from jsonpath_rfc9535 import find
from openapi_python_client import GeneratorData, Project
from openapi_python_client.config import Config, ConfigFile, MetaType
from openapi_python_client.parser.errors import GeneratorError
from ruamel.yaml import YAML

SPEC = Path(__file__).resolve().parent
PACKAGE = SPEC.parent / "generated" / "hawkbit_ddi"


def merge(target: object, update: object) -> object:
    """Return `target` with `update` merged in as OpenAPI Overlay 1.0 says: objects deeply, arrays at their end."""
    if isinstance(target, dict) and isinstance(update, dict):
        return target | {
            key: merge(target[key], value) if key in target else value for key, value in update.items()
        }
    if isinstance(target, list) and isinstance(update, list):
        return target + update
    return update


def apply_overlay(document: dict, overlay: dict) -> dict:
    """Return the document with all actions of the overlay applied, in their order.

    Raises:
        SystemExit: an action hits nothing, changes nothing or gives no reason.
    """
    for number, action in enumerate(overlay["actions"], 1):
        name = f"overlay action {number} ({action['target']})"
        if not action.get("description"):
            sys.exit(f"{name} gives no reason; add a description")
        places = [node.location for node in find(action["target"], document)]
        if not places:
            sys.exit(f"{name} hits nothing in the document; correct its target or remove it")
        before = json.dumps(document)
        for place in reversed(places):  # from the end, so that removing keeps the other indices right
            parent = document
            for step in place[:-1]:
                parent = parent[step]
            if action.get("remove"):
                del parent[place[-1]]
            elif place:
                parent[place[-1]] = merge(parent[place[-1]], action["update"])
            else:
                document = merge(document, action["update"])
        if json.dumps(document) == before:
            sys.exit(f"{name} changes nothing; the document no longer needs it")
    return document


def used_by_requests(document: dict) -> set[str]:
    """Return the names of all schemas that request bodies are made of."""
    found: set[str] = set()

    def walk(node: object) -> None:
        if isinstance(node, dict):
            name = str(node.get("$ref", "")).removeprefix("#/components/schemas/")
            if name and name not in found:
                found.add(name)
                walk(document["components"]["schemas"][name])
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    for item in document["paths"].values():
        for operation in item.values():
            walk(operation.get("requestBody"))
    return found


def generate(into: Path) -> None:
    """Write the whole package, formatted, into the folder `into`.

    Raises:
        SystemExit: the generator has an error or as much as a warning to tell.
    """
    yaml = YAML(typ="safe")
    document = apply_overlay(json.loads((SPEC / "ddi.json").read_text()), yaml.load(SPEC / "overlay.yaml"))
    config = Config.from_sources(
        ConfigFile.load_from_path(SPEC / "generator.yaml"),
        MetaType.NONE,
        SPEC / "ddi.json",
        "utf-8",
        False,
        into,
    )
    data = GeneratorData.from_dict(document, config=config)
    if isinstance(data, GeneratorError):
        sys.exit(f"the generator refuses the document: {data.header} {data.detail}")
    # A schema that is nothing but a map (`_links`, `data`) becomes a dict, not a class.
    maps = {
        str(m.class_info.name): m
        for m in data.models
        if not m.required_properties and not m.optional_properties
    }
    data.models = [model for model in data.models if model.class_info.name not in maps]
    project = Project(openapi=data, config=config, custom_template_path=SPEC / "templates")
    schemas = document["components"]["schemas"]
    project.env.globals.update(
        maps=maps,
        # The generator drops what is said beside a reference, so members are described from the document itself.
        notes={
            schema.get("title", name): {
                member: p.get("description", "") for member, p in schema["properties"].items()
            }
            for name, schema in schemas.items()
            if "properties" in schema
        },
        requests={schemas[name].get("title", name) for name in used_by_requests(document)},
        hawkbit_version=document["info"]["version"],
    )
    with contextlib.redirect_stdout(None):
        problems = project.build()
    if problems:
        sys.exit("\n".join(f"generator: {p.header} {p.detail}" for p in problems))
    for template in sorted((SPEC / "templates" / "extra").glob("*.jinja")):
        text = project.env.get_template(f"extra/{template.name}").render()
        (into / template.name.removesuffix(".jinja")).write_text(text)
    ruff = [sys.executable, "-m", "ruff"]
    options = ["--no-cache", "--quiet", "--config", str(SPEC / "ruff.toml"), str(into)]
    subprocess.run([*ruff, "check", "--fix", *options], check=True)
    subprocess.run([*ruff, "format", *options], check=True)


def files(folder: Path) -> dict[str, str]:
    """Return the text of all files below a folder by relative name, without Python's caches."""
    names = (p for p in sorted(folder.rglob("*")) if p.is_file() and "__pycache__" not in p.parts)
    return {str(name.relative_to(folder)): name.read_text() for name in names}


def main() -> int:
    """Replace the package, or compare it; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="scripts/regenerate", description="Write generated/hawkbit_ddi anew."
    )
    parser.add_argument("--check", action="store_true", help="change nothing; fail on any difference")
    check = parser.parse_args().check
    # Beside the package, so that moving it into place is one rename.
    with tempfile.TemporaryDirectory(prefix=".regenerate-", dir=None if check else PACKAGE.parent) as scratch:
        fresh = Path(scratch) / "hawkbit_ddi"
        generate(fresh)
        new, old = files(fresh), files(PACKAGE)
        changed = [name for name in sorted(new.keys() | old.keys()) if new.get(name) != old.get(name)]
        if check:
            for name in changed:
                was, now = old.get(name, "").splitlines(), new.get(name, "").splitlines()
                print(
                    *difflib.unified_diff(was, now, f"{name} (kept)", f"{name} (generated)", lineterm=""),
                    sep="\n",
                )
            if changed:
                print(
                    f"generated/hawkbit_ddi is not up to date: {len(changed)} files; run scripts/regenerate"
                )
            return 1 if changed else 0
        if changed:
            if PACKAGE.exists():
                PACKAGE.rename(Path(scratch) / "old")
            fresh.rename(PACKAGE)
        print(f"generated/hawkbit_ddi: {len(new)} files, {len(changed)} changed")
    shutil.rmtree(PACKAGE.parent / ".ruff_cache", ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
