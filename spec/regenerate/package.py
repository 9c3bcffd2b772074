# SPDX-License-Identifier: LGPL-2.1-or-later
"""The package that a document becomes: validated, generated, formatted, completed by hand, type-checked."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openapi_python_client import Project
from openapi_python_client.config import Config, ConfigFile, MetaType
from openapi_python_client.parser import GeneratorData
from openapi_python_client.parser.errors import GeneratorError
from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator
from structure import operations, schemas_below

LONGEST_MESSAGE = 400


def validate(document: dict[str, Any], name: str) -> None:
    """Check that a document is valid OpenAPI.

    Args:
        document: The document.
        name: What messages call it.

    Raises:
        SystemExit: it breaks a rule; the message names the place.
    """
    validator = OpenAPIV30SpecValidator if document["openapi"].startswith("3.0") else OpenAPIV31SpecValidator
    with _sentence(f"{name} is no valid OpenAPI"):
        error = next(validator(document).iter_errors(), None)
        if error is not None:
            place = "/".join(str(step) for step in error.absolute_path)
            raise SystemExit(f"{name} is no valid OpenAPI: {_line(error.message)} (at {place or 'its root'})")


def generate(document: dict[str, Any], spec: Path, version: str, into: Path) -> None:
    """Write the whole package into a folder: what the generator makes, formatted, and what is written by hand.

    Args:
        document: What the overlay made of hawkBit's document.
        spec: The folder with the templates, the handwritten files and the configuration.
        version: The package's own version.
        into: The package's folder, which is not there yet.

    Raises:
        SystemExit: the generator has an error or a warning.
    """
    config = Config.from_sources(
        ConfigFile.load_from_path(spec / "generator.yaml"), MetaType.NONE, spec, "utf-8", False, into
    )
    with _sentence("the generator can't make a package of the document"):
        data = GeneratorData.from_dict(document, config=config)
        if isinstance(data, GeneratorError):
            raise SystemExit(f"the generator refuses the document: {_line(f'{data.header} {data.detail}')}")
        project = _project(document, data, config, spec, version)
        with contextlib.redirect_stdout(None):
            problems = project.build()
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            raise SystemExit(
                f"the generator refuses the document: {_line(f'{problems[0].header} {problems[0].detail}')}{more}"
            )
    options = ["--no-cache", "--quiet", "--config", str(spec / "generator-ruff.toml"), str(into)]
    _run("ruff", "check", "--fix", *options)
    _run("ruff", "format", *options)
    # Last, as nothing is to touch them; some take the place of what the generator makes by its own templates.
    handwritten = spec / "handwritten" / into.name
    for file in [*handwritten.rglob("*.py"), *handwritten.rglob("py.typed")]:
        shutil.copyfile(file, into / file.relative_to(handwritten))


def check_types(package: Path, cache: Path) -> None:
    """Check a package by mypy's strictest rules.

    Args:
        package: The package's folder.
        cache: The folder in which mypy keeps what it knows of other packages.

    Raises:
        SystemExit: mypy has found something.
    """
    options = ["--strict", "--config-file=", "--python-version=3.11", "--no-error-summary"]
    _run("mypy", *options, f"--cache-dir={cache}", package.name, cwd=package.parent)


def _project(
    document: dict[str, Any], data: GeneratorData, config: Config, spec: Path, version: str
) -> Project:
    # A schema that is nothing but a map (`_links`, `data`) becomes a dict, not a class.
    maps = {
        str(m.class_info.name): m
        for m in data.models
        if not m.required_properties and not m.optional_properties
    }
    data.models = [model for model in data.models if model.class_info.name not in maps]
    project = Project(openapi=data, config=config, custom_template_path=spec / "templates")
    schemas = document["components"]["schemas"]
    bodies = [operation.get("requestBody") for _, _, operation in operations(document)]
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
        requests={schemas[name].get("title", name) for name in schemas_below(document, *bodies)},
        hawkbit_version=document["info"]["version"],
        version=version,
    )
    return project


@contextlib.contextmanager
def _sentence(problem: str) -> Iterator[None]:
    """Turn what generator and validator raise about a document that they don't understand into one sentence."""
    try:
        yield
    except OSError:  # a full disk is no fault of the document
        raise
    except Exception as error:
        raise SystemExit(f"{problem}: {_line(f'{type(error).__name__}: {error}')}") from error


def _run(tool: str, *arguments: str, cwd: Path | None = None) -> None:
    """Run a tool of this environment."""
    run = subprocess.run(
        [sys.executable, "-I", "-m", tool, *arguments],
        cwd=cwd,
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        told = _line(run.stdout + run.stderr) or f"it ended with {run.returncode}"
        raise SystemExit(f"{tool} refuses the generated package: {told}")


def _line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…"
