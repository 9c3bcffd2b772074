# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the story needs from the world; adapters and the tests' doubles both provide these.

All methods may raise `PassingError`. A cancelled call has no effect later than its return.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from hawkbit_rauc.model import (
    Artifact,
    BundleFacts,
    Consent,
    Deployment,
    Feedback,
    Identity,
    Offer,
    Poll,
    Record,
    RemoteBundle,
    System,
    Told,
)

#: Called with (done, total) bytes or per cent as work goes on; returns at once.
Progress = Callable[[int, int], None]
#: What RAUC installs from: a file, or what it fetches by itself.
Source = Path | RemoteBundle


class Server(Protocol):
    """HawkBit, seen from one controller."""

    @property
    def identity(self) -> Identity:
        """Whom we speak for."""

    async def poll(self) -> Poll:
        """Ask for work (DDI base poll). Raises: ServerError, CredentialsError."""

    def forget(self) -> None:
        """Drop the ETag of the last poll, because what it said was not (fully) handled."""

    async def deployment(self, offer: Offer) -> Deployment:
        """Read what an action asks for, with its history. Raises: OfferGoneError, ServerError."""

    async def cancelation(self, offer: Offer) -> str:
        """Read which action is to be stopped. Raises: OfferGoneError, ServerError."""

    async def tell(self, feedback: Feedback) -> Told:
        """Add an entry to an action's history. Raises: ServerError."""

    async def confirmation(self, offer: Offer) -> tuple[str, ...]:
        """Read the history of an action that waits for consent. Raises: OfferGoneError, ServerError."""

    async def consent(self, consent: Consent) -> None:
        """Give consent to an action, or refuse it. Raises: OfferGoneError, ServerError."""

    async def confirm_automatically(self, *, on: bool) -> None:
        """Have the server ask for no consent, or again for each. Raises: ServerError."""

    async def identify(self, attributes: Mapping[str, str]) -> None:
        """Send the controller's attributes (DDI configData). Raises: ServerError."""

    async def tell_installed(self, distribution_set: str, version: str) -> bool:
        """Say what runs that no action brought (DDI installedBase); False if it is not known. Raises: ServerError."""


class Downloads(Protocol):
    """How a bundle comes to RAUC."""

    async def fetch(self, artifact: Artifact, progress: Progress, *, ahead: bool = False) -> Source:
        """Bring a bundle to where RAUC finds it.

        Either to the disk, verified and durable, going on with what is there already; or not at all,
        if RAUC is to stream it and nothing stands against that; `ahead` of its installation, always to the
        disk.

        Raises: DownloadError, MismatchError, SpaceError, OfferGoneError (404 on the artifact),
        DeploymentError (it can't be streamed), InstallerError.
        """

    def discard(self, *, older_than: float = 0) -> None:
        """Remove the bundle and what belongs to it, if older than so many seconds; nothing to remove is fine."""


class Installer(Protocol):
    """RAUC."""

    async def system(self) -> System:
        """Look at slots, primary and boot state. Raises: InstallerBusyError, InstallerError."""

    async def look_into(self, bundle: Source) -> BundleFacts:
        """Ask what a bundle says of itself; nothing if RAUC can't tell (before 1.10)."""

    async def install(self, bundle: Source, transaction: str, progress: Progress) -> None:
        """Install a bundle; returns when RAUC said `Completed 0`.

        Raises: InstallationError (the bundle is wrong), AttemptFailedError (it failed by what may pass),
        InstallerBusyError (refused because
        of another installation; nothing was begun), InstallerError (went away; whatever happened is seen
        in the slots' status later).
        """

    async def mark(self, state: str, slot: str) -> None:
        """Mark a slot (by name) "good", "bad" or "active". Raises: InstallerError."""


class Hooks(Protocol):
    """The board's own programs, by the moment at which they are asked."""

    async def ask(self, moment: str, facts: Mapping[str, str]) -> str | None:
        """Ask before something happens; why it has to wait, None to go on. Raises: DeploymentError."""


class Journal(Protocol):
    """The one durable record."""

    def read(self) -> Record | None:
        """Return the record of the last action, or None if nothing usable is there."""

    def write(self, record: Record) -> None:
        """Make the record durable before returning. Raises: StateError."""

    def known(self) -> str | None:
        """Return which installation the server knows to run, as `rules.outcome.installation` names it; None before the first."""

    def know(self, installation: str) -> None:
        """Note durably which installation the server knows to run. Raises: StateError."""


class Board(Protocol):
    """The machine we run on."""

    @property
    def boot_id(self) -> str:
        """The kernel's id of this boot."""

    def awake(self, why: str, *, shutdown: bool = False) -> AbstractAsyncContextManager[None]:
        """Hold off sleep, and shutdown too if asked for, as long as the context lasts; never raises itself."""

    async def reboot(self) -> None:
        """Ask for a reboot; returns when it was accepted. Raises: PassingError."""


class Clock(Protocol):
    """Time that passes, also while the board sleeps (CLOCK_BOOTTIME)."""

    def now(self) -> float:
        """Seconds since some fixed point."""

    async def sleep(self, seconds: float) -> None:
        """Wait; may be cancelled."""
