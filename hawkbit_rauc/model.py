# SPDX-License-Identifier: LGPL-2.1-or-later
"""The words of the deployment story: what hawkBit asks for, what RAUC says, what the journal keeps.

Plain frozen data without behaviour beyond derived properties; wire names stop at the adapters.
"""

from __future__ import annotations

import enum
import uuid
from collections.abc import Mapping

from attrs import field, frozen

#: Root of the transaction ids that can be computed again after the journal was lost.
_TRANSACTIONS = uuid.uuid5(uuid.NAMESPACE_URL, "https://hawkbit-rauc/transactions")

#: Hash algorithms that hawkBit announces, strongest first (one is verified).
HASH_ALGORITHMS = ("sha256", "sha1", "md5")


@frozen
class Identity:
    """Whom this board speaks for: the server's origin, the tenant and the controller id."""

    origin: str
    tenant: str
    controller: str


# ---------------------------------------------------------------- what hawkBit asks for


@frozen
class Offer:
    """A link of a poll that names one action."""

    action: str
    href: str


@frozen
class Poll:
    """What one base poll said.

    Attributes:
        interval: seconds until the next poll as the server wishes, None if it did not say.
        deployment: an action to be deployed.
        cancel: an action to be canceled.
        confirmation: an action that waits for consent.
        identify: whether the server asks for the controller's attributes.
    """

    interval: float | None = None
    deployment: Offer | None = None
    cancel: Offer | None = None
    confirmation: Offer | None = None
    identify: bool = False


@frozen
class Artifact:
    """A file of a deployment.

    Attributes:
        filename: name as the server gives it; never used as a path.
        size: bytes, None if the server did not say.
        hashes: lower-case hex by algorithm name ("sha256", "sha1", "md5").
        url: absolute URL to fetch it from, None if the server gave no usable link; not compared, as
            it may be signed anew with each answer.
        encrypted: hawkBit decrypts while serving, so size and hashes describe other bytes.
    """

    filename: str
    size: int | None
    hashes: Mapping[str, str]
    url: str | None = field(eq=False)
    encrypted: bool = False

    @property
    def digest(self) -> tuple[str, str] | None:
        """The strongest hash given as (algorithm, hex), or None."""
        for algorithm in HASH_ALGORITHMS:
            if value := self.hashes.get(algorithm):
                return algorithm, value.lower()
        return None


@frozen
class Chunk:
    """A software module of a deployment."""

    part: str
    name: str
    version: str
    artifacts: tuple[Artifact, ...] = ()


@frozen
class Deployment:
    """What an action asks for.

    Attributes:
        action: id of the action.
        download: "skip", "attempt" or "forced" (or a word this program does not know).
        update: the same for the installation.
        window: "available" or "unavailable" if the action has a maintenance schedule.
        chunks: the software modules.
        history: messages of the action's history, newest first.
    """

    action: str
    download: str = "forced"
    update: str = "forced"
    window: str | None = None
    chunks: tuple[Chunk, ...] = ()
    history: tuple[str, ...] = ()


class Execution(enum.StrEnum):
    """DDI's word for how far an action is."""

    CLOSED = "closed"
    PROCEEDING = "proceeding"
    DOWNLOAD = "download"
    DOWNLOADED = "downloaded"
    REJECTED = "rejected"


class Finished(enum.StrEnum):
    """DDI's word for the result; it counts only with `Execution.CLOSED`."""

    NONE = "none"
    SUCCESS = "success"
    FAILURE = "failure"


@frozen
class Feedback:
    """One entry for an action's history.

    Attributes:
        action: id of the action.
        execution: how far it is.
        finished: the result; anything but NONE only together with CLOSED.
        details: sentences, most important first; the adapter makes them fit for the server.
        cancel: whether it answers the cancelation rather than the deployment.
        code: a number for machines.
    """

    action: str
    execution: Execution
    finished: Finished = Finished.NONE
    details: tuple[str, ...] = ()
    cancel: bool = False
    code: int | None = None


@frozen
class Consent:
    """Somebody on the board agrees, or does not, to an action that waits for it (DDI, confirmation feedback).

    Attributes:
        action: id of the action.
        given: whether it may start.
        details: sentences for the history.
    """

    action: str
    given: bool
    details: tuple[str, ...] = ()


class Told(enum.Enum):
    """What became of a feedback that the server answered for good."""

    ACCEPTED = enum.auto()
    #: 404, 405 or 410: the action is closed, unknown, or not being canceled (any more).
    CLOSED = enum.auto()


# ---------------------------------------------------------------- what the program says of itself


@frozen
class Status:
    """What the daemon does, for people and user interfaces on the board.

    Attributes:
        state: "starting", "idle", "downloading", "installing", "waiting", "reboot-pending" or "unreachable".
        action: id of the action that it works on or that waits, "" without one.
        progress: per cent of the download or the installation, -1 if there is none.
        reason: what it waits for, or why it can't go on, "" if neither.
        next_poll: when the server is asked next, seconds of CLOCK_BOOTTIME; 0 while that is not known.
        last_action: id of the action that ended last, "" if none is known.
        last_outcome: "success" or "failure", "" if none is known.
        last_reason: why it ended so.
    """

    state: str = "starting"
    action: str = ""
    progress: int = -1
    reason: str = ""
    next_poll: float = 0.0
    last_action: str = ""
    last_outcome: str = ""
    last_reason: str = ""


# ---------------------------------------------------------------- where RAUC finds a bundle


@frozen
class RemoteBundle:
    """A bundle that RAUC fetches by itself, piece by piece, while it installs.

    Attributes:
        url: where it is, all redirects followed; its query may hold a signature.
        headers: `Name: value` of each header that this place may see.
        certificate, key: client certificate and key that this place may see, PEM files (or the key's
            PKCS#11 URI).
        authorities: PEM file with the authorities to check the server by, None for RAUC's own.
        verify: whether the server's certificate is checked.
    """

    url: str = field(repr=False)
    headers: tuple[str, ...] = field(default=(), repr=False)
    certificate: str | None = None
    key: str | None = field(default=None, repr=False)
    authorities: str | None = None
    verify: bool = True


@frozen
class Refusal:
    """Why the installer can't stream a bundle.

    Attributes:
        why: a sentence.
        certain: False if it could not be asked, so that only an installation would tell.
    """

    why: str
    certain: bool = True


# ---------------------------------------------------------------- what RAUC says


@frozen
class BundleFacts:
    """What RAUC tells of a bundle before it installs it.

    Attributes:
        hash: of its manifest; None if RAUC can't tell (before 1.10).
        reboot: whether the bundle itself asks for a reboot (True) or waives it; None if it does not say.
        touches: classes of the slots that its images are for; None if RAUC can't tell (before 1.10), or if a
            handler of the bundle's own may touch anything.
    """

    hash: str | None = None
    reboot: bool | None = None
    touches: frozenset[str] | None = None


@frozen
class Slot:
    """One slot as RAUC's GetSlotStatus shows it.

    Attributes:
        name: RAUC's name such as "rootfs.0".
        bootname: the boot loader's name of it, None for slots that are not booted.
        device: device path.
        parent: name of the slot that this one belongs to.
        state: "booted", "active" or "inactive".
        boot_status: "good" or "bad" as the boot loader counts, None if it does not.
        status: "ok", "pending" or what else RAUC stored, None if it stores nothing.
        sha256: of the image that was installed.
        bundle_hash: manifest hash of the bundle that was installed (RAUC >= 1.9).
        bundle_version: version of that bundle.
        transaction: RAUC's id of the installation (>= 1.10).
        installed_count, activated_count: how often; 0 if RAUC stores nothing.
        installed_at, activated_at: ISO 8601 times by the board's clock.
    """

    name: str
    bootname: str | None = None
    device: str | None = None
    parent: str | None = None
    state: str = "inactive"
    boot_status: str | None = None
    status: str | None = None
    sha256: str | None = None
    bundle_hash: str | None = None
    bundle_version: str | None = None
    transaction: str | None = None
    installed_count: int = 0
    activated_count: int = 0
    installed_at: str | None = None
    activated_at: str | None = None

    @property
    def kind(self) -> str:
        """RAUC's class of the slot, such as "rootfs": of one class, one slot is written while another runs."""
        return self.name.rpartition(".")[0]

    @property
    def stores_status(self) -> bool:
        """Whether RAUC keeps a status for it: another slot's says nothing of this one."""
        return bool(self.status or self.installed_count or self.transaction or self.sha256)


@frozen
class System:
    """Where the board stands, in one look at RAUC.

    Attributes:
        slots: all slots; empty if RAUC can't tell (a status call that it does not know).
        primary: name of the slot that the boot loader tries next, None if RAUC can't tell.
        compatible: the board's compatible string.
        boot_loader: "grub", "uboot", "barebox", "efi", "noop", "custom", or None if unknown.
        witnessed: whether the configured commit witness vouches for this boot, None without one.
    """

    slots: tuple[Slot, ...] = ()
    primary: str | None = None
    compatible: str = ""
    boot_loader: str | None = None
    witnessed: bool | None = None

    @property
    def booted(self) -> Slot | None:
        """The slot that runs, None for a recovery or external system."""
        return next((slot for slot in self.slots if slot.state == "booted"), None)

    def key(self, slot: Slot) -> str:
        """Name a slot so that both systems name it alike: slot names may differ between images."""
        return slot.bootname or slot.device or slot.name

    def group(self, slot: Slot) -> Slot:
        """The bootable slot that this one is booted with: the topmost parent."""
        by_name = {other.name: other for other in self.slots}
        seen = {slot.name}
        while (parent := by_name.get(slot.parent or "")) and parent.name not in seen:
            seen.add(parent.name)
            slot = parent
        return slot

    @property
    def stores_status(self) -> bool:
        """Whether RAUC keeps a status for any slot."""
        return any(slot.stores_status for slot in self.slots)

    def named(self, key: str | None) -> Slot | None:
        """The slot that `key` names so, None without."""
        return next((slot for slot in self.slots if key is not None and self.key(slot) == key), None)

    def boots_beside(self, slot: Slot) -> tuple[Slot, ...]:
        """The other slots of its class that can be booted: what takes turns with it."""
        return tuple(
            other
            for other in self.slots
            if other.bootname and other.kind == slot.kind and other.name != slot.name
        )

    @property
    def primary_key(self) -> str | None:
        """What `key` calls the primary slot, None if RAUC can't tell which that is."""
        slot = next((slot for slot in self.slots if slot.name == self.primary), None)
        return self.key(slot) if slot else None


@frozen
class Setup:
    """How the installer is configured, as far as it matters here.

    Attributes:
        boot_loader: see `System`.
        status: where it keeps the status of its slots: "data directory", "status file" or "slots" (each slot its
            own); None if that is not known.
        activates: it makes primary what it has installed.
    """

    boot_loader: str | None = None
    status: str | None = None
    activates: bool = True

    @property
    def stores_all(self) -> bool:
        """Whether it can keep a status of every slot."""
        return self.status in ("data directory", "status file")


# ---------------------------------------------------------------- what the journal keeps


@frozen
class Counts:
    """What a slot counted before an installation."""

    installed: int = 0
    activated: int = 0
    sha256: str | None = None


@frozen
class Outcome:
    """How an action ended, decided once; `details` say why, root cause first."""

    success: bool
    details: tuple[str, ...]
    code: int | None = None


@frozen
class Record:
    """What neither hawkBit nor RAUC nor the disk knows about one action.

    Attributes:
        action: id of the action.
        attempt: number of the installation begun last; 0 before the first.
        series: attempts made before this offer of the action (servers that reuse ids), and for bundles before this one.
        bundle: which of the action's bundles is being installed, in their order, counted from 0.
        more: further bundles of the action come after this one.
        artifact: hash of the bundle's file, the transaction id is made of it.
        transaction: the id given to RAUC for the attempt.
        booted: key of the slot that ran when the attempt began (bootname, else device or name).
        primary: key of the slot that was primary then, None if RAUC could not tell.
        before: counts of each slot by key before the attempt.
        noted: the attempt is known by its note in the action's history alone, which others can write too.
        boot_id: the boot in which the attempt began.
        completed: RAUC said `Completed 0` for this attempt.
        bundle_hash: manifest hash that RAUC gave for the bundle.
        bundle_reboot: whether the bundle asks for a reboot, or waives it.
        touches: classes of the slots that the bundle has images for, None if RAUC could not tell.
        target: key of the slot that the attempt switched to, as far as RAUC showed one after `Completed 0`.
        trouble: why the last attempt failed, if that may pass.
        failure: why it failed for good, while it is not seen yet what the failure has left behind.
        in_force: nothing of what was installed takes a boot.
        image_sha256: what RAUC stored for the target slot after our installation.
        reboots: boots since that came up in the old slot although the new one was primary.
        mismatches: downloads with a wrong hash or size.
        trying: seconds of passing troubles in which nothing moved.
        consented: somebody on the board agreed to what the server does not force.
        handed: fingerprints of the artifacts that the board's own programs have taken.
        kept: the action was to download only; its bundle stays for the action that installs it.
        committed: the new system was found healthy and is, or is about to be, marked good by ourselves.
        gave_up: why its trial was given up by ourselves.
        unwanted: its cancelation was asked for while the journal was lost; nothing of it is begun any more.
        undoing: a cancelation was accepted after the installation and is being carried out.
        overtaken: the action that was begun before this one, which is heavier, and is not over.
        outcome: decided, to be told.
        told: the server has it, or does not want it.
    """

    action: str
    attempt: int = 0
    series: int = 0
    bundle: int = 0
    more: bool = False
    artifact: str = ""
    transaction: str | None = None
    booted: str | None = None
    primary: str | None = None
    before: Mapping[str, Counts] = field(factory=dict)
    noted: bool = False
    boot_id: str | None = None
    completed: bool = False
    bundle_hash: str | None = None
    bundle_reboot: bool | None = None
    touches: tuple[str, ...] | None = None
    target: str | None = None
    trouble: str | None = None
    failure: str | None = None
    in_force: bool = False
    image_sha256: str | None = None
    reboots: int = 0
    mismatches: int = 0
    trying: float = 0.0
    consented: bool = False
    handed: tuple[str, ...] = ()
    kept: bool = False
    committed: bool = False
    gave_up: str | None = None
    unwanted: bool = False
    undoing: bool = False
    overtaken: Record | None = None
    outcome: Outcome | None = None
    told: bool = False


def transaction_id(identity: Identity, action: str, artifact: str, attempt: int) -> str:
    """Name one installation so that it can be named again after everything else was lost.

    Args:
        identity: whom the board speaks for.
        action: id of the action.
        artifact: hash of the bundle's file, hex.
        attempt: 1, 2, ...

    Returns:
        A UUID (version 5) as text, for RAUC's `transaction-id` (RAUC >= 1.10).
    """
    name = "\n".join((identity.origin, identity.tenant, identity.controller, action, artifact, str(attempt)))
    return str(uuid.uuid5(_TRANSACTIONS, name))
