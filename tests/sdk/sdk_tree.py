# SPDX-License-Identifier: LGPL-2.1-or-later
"""A copy of the project's tree, in which scripts/regenerate may do as it likes."""

import os
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]


class Tree(NamedTuple):
    """The part of the project's tree that scripts/regenerate reads and writes."""

    root: Path

    def regenerate(self, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run the script; HAWKBIT_PASSWORD and whatever proxy is around stay out of it."""
        environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        return subprocess.run(
            [str(self.root / "scripts" / "regenerate"), *map(str, arguments)],
            env=environment | options.pop("env", {}),
            capture_output=True,
            text=True,
            check=False,
            **options,
        )

    def contents(self) -> dict[str, bytes | None]:
        """The bytes of all files by name, and the folders."""
        return {
            str(path.relative_to(self.root)): path.read_bytes() if path.is_file() else None
            for path in sorted(self.root.rglob("*"))
            if ".venv-generator" not in path.parts
        }
