# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/boards.md: what hawkBit is told at each ending on each board; the tests hold the program to it."""

from __future__ import annotations

from boards.zoo.boards import ZOO, ZooBoard
from boards.zoo.endings import ENDINGS, NEVER
from rig.cache import REPOSITORY

PAGE = REPOSITORY / "docs" / "boards.md"

#: What is told where RAUC's boards need no exception.
USUAL = {
    "success": "success",
    "fallback": "failure",
    "old system chosen three times": "failure",
    "canceled before it began": "canceled",
    "canceled while fetching": "canceled",
    "canceled before the reboot": "canceled",
    "journal lost": "success",
    "journal and note lost": "success",
    "power cut after the switch": "success",
    "third system between": "success",
    "second update before the reboot": "canceled, success",
}
AGAIN = "success, installed again"
#: Of lives that would be those of the board above.
NOT_LIVED = ""


def expected(kind: ZooBoard, version: str, ending: str) -> str:
    """Return what hawkBit is to be told."""
    if not kind.waits_for_boot:
        return _without_a_boot(kind, ending)
    match ending:
        case "old system chosen three times" if kind.stores_nothing or kind.loader == "noop":
            return NOT_LIVED
        case "canceled before the reboot" if not kind.can_be_taken_back:
            return "rejected, success"
        case "second update before the reboot" if not kind.can_be_taken_back:
            return "success, success"
        case "power cut after the switch" if not kind.tells_what_runs or (kind.filled and version == "1.8"):
            return AGAIN
        case "journal and note lost" if version == "1.8" or not kind.tells_what_runs or kind.forgets == "new":
            return AGAIN
    return USUAL[ending]


def _without_a_boot(kind: ZooBoard, ending: str) -> str:
    end = "failure" if kind.fails else "success"
    match ending:
        case "success":
            return f"{end} at once"
        case "second update before the reboot":
            return f"{end}, {end}"
        case "power cut after the switch" if kind.fails:
            return "success" if kind.tells_what_runs else NEVER
        case "power cut after the switch":
            return AGAIN
        case "canceled before it began" | "canceled while fetching":
            return USUAL[ending]
    return NEVER


HEAD = """\
# What hawkBit is told, board by board

This page is made by `scripts/states` of the tables that the tests of `tests/boards/zoo` hold the program to.
Each cell is lived on a real RAUC, with a boot loader that counts as GRUB or U-Boot does and reboots that are simulated.
After each step the tests compare what hawkBit was told with what is in the slots, what runs, and what the boot loader will start:

* no success of what does not run or is not committed;
* no failure and no cancelation of what runs, or is about to;
* nothing is installed that was canceled before it began;
* no reboot is asked for and no slot is marked unless RAUC shows that it has switched to a new system.

[The outcome rule](outcome.md) says how the program decides.

## The lives

| life | what happens |
| --- | --- |
"""

TABLE = """
## The boards

GRUB boots them if no other boot loader is named; "no status" means that RAUC has no data directory, and raw slots.
*At once* means without a boot, because nothing of the bundle needs one.
*Installed again* means that the program could not know that the first installation was complete.
*Rejected* means that the cancelation was, with the reason, so that the update went on.
`-` can't happen, and an empty cell is not lived: it does not depend on what RAUC stores, or it can't be known, see below.
"""

UNKNOWN = """
## What the program can't know

* **What a slot without a status holds.**
  RAUC stores no status in raw slots unless it has a data directory or a status file.
  If the power is cut after RAUC has switched, but before it has said so, nothing tells whether the installation was complete: it is made again.
  If journal and note are lost, nothing tells what runs: it is installed again. That is so for RAUC 1.8 on every board, because it does not tell a bundle's hash.
* **What a bundle's own handler has written.**
  RAUC stores nothing of it. That the handler has switched is seen by the primary slot; what runs then is known by the booted slot only.
* **Who activates what RAUC does not.**
  RAUC activates neither what it installs with `activate-installed=false`, nor a child slot alone. The action stays open until somebody has activated the slot and booted it.
* **How an update ended, while a third system runs.**
  A rescue system, one from net or stick, or a third group of slots shows nothing of the new system. The action stays open until the old or the new system runs.
  If the journal is lost besides, a cancelation is accepted there, although what waits for its boot may be the action's.
  With `activate-installed=false` and no status, an installation from there that nobody activates counts as a fallback when it runs again.
* **What will be booted with `bootloader=noop`.**
  RAUC accepts marks there and does nothing. So an installation can't be taken back, and a cancelation before the reboot is rejected.
  An old system that runs after the reboot counts as a fallback, because nothing tells whether the new one was tried.
* **The way back to a system that RAUC can't activate.**
  A system from net or stick can't be made primary, and an old system whose firmware was written is not whole any more. A cancelation before the reboot is rejected there, too.

## What can't be lived here

| board | why | where it is tested instead |
| --- | --- | --- |
| artifact repositories (RAUC 1.13) | RAUC refuses artifacts in plain bundles, and others take a kernel with device mapper | rules and adapters only |
| verity and encrypted bundles, streaming | the same, and nbd | `tests/boards/vm` |
| RAUC's own GRUB, U-Boot, barebox and EFI backends | they take the boot loader's tools and its storage; a custom backend with their rules stands in | GRUB in `tests/boards/vm` |
| `boot-emmc`, `boot-mbr-switch` and the like, UBI, NAND | they take the hardware | - |
| a RAUC without `GetSlotStatus` | no version that Debian has is one | rules and adapters only |
| a root file system on NFS | RAUC reads the kernel's command line; `rauc.external` stands in, which RAUC treats alike | - |
| two bootable slots in one bundle | RAUC aborts | - |
"""


def text() -> str:
    """Return the page."""
    lives = [f"| {name} | {_sentence(live.__doc__)} |" for name, live in ENDINGS.items()]
    table = [f"| board | RAUC | {' | '.join(ENDINGS)} |", f"| --- | ---{' | ---' * len(ENDINGS)} |"]
    for kind in ZOO:
        cells = [_cell(kind, ending) for ending in ENDINGS]
        table.append(f"| {kind.name} | {', '.join(kind.versions)} | {' | '.join(cells)} |")
    return HEAD + "\n".join(lives) + "\n" + TABLE + "\n" + "\n".join(table) + "\n" + UNKNOWN


def _sentence(text: str | None) -> str:
    return " ".join((text or "").split())


def _cell(kind: ZooBoard, ending: str) -> str:
    """What is told, by version if that makes a difference."""
    told = {version: expected(kind, version, ending) for version in kind.versions}
    if len(set(told.values())) == 1:
        return next(iter(told.values()))
    return "<br>".join(f"{version}: {what}" for version, what in told.items())


def main() -> None:
    """Write the page."""
    PAGE.write_text(text())


if __name__ == "__main__":
    main()
