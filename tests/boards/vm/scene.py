# SPDX-License-Identifier: LGPL-2.1-or-later
"""A board with GRUB, what it boots, and its target at a server."""

from collections.abc import Mapping
from pathlib import Path

from attrs import frozen
from boards.vm.grub_board import GrubBoard

from hawkbit_testing.management import Action, Target


@frozen
class Images:
    """The systems: `shared` by all, the slots' by version, and the bundles by version."""

    shared: Path
    slots: Mapping[str, Path]
    bundles: Mapping[str, Path]


@frozen
class GrubScene:
    """A board with power, and its target at a real hawkBit."""

    board: GrubBoard
    target: Target
    images: Images

    def offer(self, version: str) -> Action:
        """Assign a bundle."""
        return self.target.assign(self.images.bundles[version])
