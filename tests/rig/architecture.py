# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/architecture.svg: the wings with their modules and who imports whom, drawn from the imports themselves."""

import ast
from pathlib import Path
from xml.sax.saxutils import escape

from rig.cache import REPOSITORY

PACKAGE = REPOSITORY / "hawkbit_rauc"
PICTURE = REPOSITORY / "docs" / "architecture.svg"

#: From the top down; what is imported stands below or beside.
ROWS = (
    ("app",),
    ("story",),
    ("rules", "hawkbit", "bundle", "rauc", "board", "config"),
    ("net",),
    ("ground",),
)
WINGS = tuple(wing for row in ROWS for wing in row if wing != "ground")

WIDTH, BOX, GAP, LINE, MARGIN = 940, 144, 12, 15, 10

STYLE = """\
<style>
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .name { font-weight: 600; font-size: 14px; }
  rect { fill: #f6f8fa; stroke: #57606a; }
  path { stroke: #0969da; stroke-width: 1.5; fill: none; marker-end: url(#tip); }
  marker path { fill: #0969da; stroke: none; marker-end: none; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } rect { fill: #161b22; stroke: #8b949e; }
    path { stroke: #58a6ff; } marker path { fill: #58a6ff; }
  }
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path \
d="M0 0 8 4 0 8z"/></marker></defs>"""


def modules(wing: str) -> list[str]:
    """The names of a wing's modules; of those directly in the package for the ground."""
    folder = PACKAGE if wing == "ground" else PACKAGE / wing
    return [path.stem for path in sorted(folder.glob("*.py")) if not path.stem.startswith("__")]


def imported(wing: str) -> set[str]:
    """The other wings that a wing imports from."""
    found: set[str] = set()
    for path in (PACKAGE / wing).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hawkbit_rauc."):
                found.add(str(node.module).split(".")[1])
    return found & {*WINGS} - {wing}


def svg() -> str:
    """Draw the picture."""
    boxes: dict[str, tuple[float, float, float, float]] = {}
    shapes: list[str] = []
    top = MARGIN
    for row in ROWS:
        wide = len(row) == 1
        width = BOX * 3 if wide else BOX
        height = max(len(_lines(wing, wide=wide)) for wing in row) * LINE + 30
        left = (WIDTH - len(row) * width - (len(row) - 1) * GAP) / 2
        for wing in row:
            boxes[wing] = (left, top, width, height)
            shapes.append(f'<rect x="{left:g}" y="{top}" width="{width}" height="{height}" rx="6"/>')
            shapes.append(f'<text class="name" x="{left + 10:g}" y="{top + 20}">{wing}</text>')
            for number, line in enumerate(_lines(wing, wide=wide), 1):
                y = top + 22 + number * LINE
                shapes.append(f'<text x="{left + 10:g}" y="{y}">{escape(line)}</text>')
            left += width + GAP
        top += height + 46
    arrows = [
        _arrow(boxes[wing], boxes[other])
        for wing in WINGS
        if wing != "app"  # it puts everything together, and imports all
        for other in sorted(imported(wing))
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top - 36}" role="img">'
    title = "<title>The wings of hawkbit_rauc and who imports whom</title>"
    return "\n".join([head, title, STYLE, *shapes, *arrows, "</svg>", ""])


def _lines(wing: str, *, wide: bool) -> list[str]:
    """The names of a wing's modules: one in a line, or in a wide box as many as fit."""
    names = modules(wing)
    if not wide:
        return names
    lines = [""]
    for name in names:
        if len(lines[-1]) + len(name) > 62:
            lines.append("")
        lines[-1] += f", {name}" if lines[-1] else name
    note = {"app": "imports all others, and nothing imports it", "ground": "all but net may rest on it"}
    return [*lines, note[wing]] if wing in note else lines


def _arrow(box: tuple[float, float, float, float], to: tuple[float, float, float, float]) -> str:
    left, top, width, height = box
    other_left, other_top, other_width, _ = to
    if other_top == top:  # side by side
        return f'<path d="M{left + width:g} {top + 20} H{other_left:g}"/>'
    start, end = left + width / 2, min(max(left + width / 2, other_left + 20), other_left + other_width - 20)
    return f'<path d="M{start:g} {top + height} L{end:g} {other_top}"/>'


def main() -> None:
    """Write the picture."""
    Path(PICTURE).write_text(svg())


if __name__ == "__main__":
    main()
