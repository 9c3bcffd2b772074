# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a boot loader does at power-on: choose a slot, and count.

RAUC's side of it is `bootloader.sh`; both keep their variables in the board's file `bootenv`.

grub    as RAUC's contrib/grub.conf: the first of ORDER with OK=1 and TRY=0; each slot that was looked at gets
        TRY=1, so a booted slot is bad until it was marked good, at every boot. If there is none, TRY is taken
        away and the rescue entry started, which starts the board again.
uboot   as RAUC's contrib/uboot.sh: the first of ORDER with attempts left, one attempt is taken; a slot is good
        while any are left. If there is none, all get 3 attempts and the board starts again.
none    the primary slot, whatever happened before; every slot is always good.
noop    the same, but RAUC has nothing to do with it: what is primary is somebody else's business.

If the board has a rescue system without a bootname, that is what comes up if there is none.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

Kind = Literal["grub", "uboot", "none", "noop"]

ATTEMPTS = 3
POWER_CYCLES = 12


class NeverBootsError(RuntimeError):
    """The board goes round and round without any slot coming up."""


class BootLoader:
    """The boot loader of a board; `started` lists what the last boot started, up to the slot that came up."""

    def __init__(
        self, kind: Kind, bootnames: Sequence[str], environment: Path, rescue: str | None = None
    ) -> None:
        self.kind = kind
        self.bootnames = list(bootnames)
        self.rescue = rescue
        self.started: list[str] = []
        self._file = environment
        values = {
            "KIND": "none" if kind == "noop" else kind,
            "ORDER": " ".join(bootnames),
            "SLOTS": " ".join(bootnames),
        }
        for name in bootnames:
            values |= {f"{name}_OK": "1", f"{name}_TRY": "0", f"{name}_LEFT": str(ATTEMPTS)}
        self._write(values)

    @property
    def tells_rauc(self) -> bool:
        """Whether RAUC can read and change what it chooses."""
        return self.kind != "noop"

    @property
    def environment(self) -> dict[str, str]:
        """The variables as they are stored now."""
        lines = self._file.read_text().splitlines()
        return {name: value.strip('"') for name, value in (line.split("=", 1) for line in lines)}

    def boot(self, broken: Collection[str] = ()) -> str:
        """Switch the power on; again each time that a broken slot was started. Return the slot that comes up.

        Args:
            broken: bootnames of the slots that do not come up.

        Raises:
            NeverBootsError: if no slot comes up in a dozen attempts.
        """
        self.started = []
        for _ in range(POWER_CYCLES):
            slot = self._choose()
            self.started.append(slot or "none")
            if slot is not None and slot not in broken:
                return slot
        raise NeverBootsError(f"no slot comes up with {self.environment}")

    def _choose(self) -> str | None:
        values = self.environment
        order = values["ORDER"].split()
        chosen = None
        if self.kind in ("none", "noop"):
            return order[0]
        for name in order:
            if self.kind == "uboot":
                left = int(values[f"{name}_LEFT"])
                usable = left > 0
                values[f"{name}_LEFT"] = str(max(left - 1, 0))
            else:
                usable = values[f"{name}_OK"] == "1" and values[f"{name}_TRY"] == "0"
                values[f"{name}_TRY"] = "1"
            if usable:
                chosen = name
                break
        if chosen is None:
            for name in self.bootnames:
                if self.kind == "uboot":
                    values[f"{name}_LEFT"] = str(ATTEMPTS)
                elif values[f"{name}_OK"] == "1":
                    values[f"{name}_TRY"] = "0"
        self._write(values)
        return chosen or self.rescue

    def _write(self, values: dict[str, str]) -> None:
        text = "".join(
            f'{name}="{value}"\n' if " " in value else f"{name}={value}\n" for name, value in values.items()
        )
        new = self._file.with_name(self._file.name + ".new")
        new.write_text(text)
        new.rename(self._file)
