# SPDX-License-Identifier: LGPL-2.1-or-later
"""The outcome rule row by row (docs/outcome.md), and the other pure decisions."""

import pytest
from attrs import define, evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from hawkbit_rauc.model import (
    Artifact,
    Chunk,
    Counts,
    Deployment,
    Identity,
    Outcome,
    Record,
    Slot,
    System,
    transaction_id,
)
from hawkbit_rauc.rules import bundles, memory, notes
from hawkbit_rauc.rules.bundles import Choice, held_back, instead_of_installing
from hawkbit_rauc.rules.memory import overtaken
from hawkbit_rauc.rules.outcome import (
    MAX_ATTEMPTS,
    committed,
    installed_by,
    installed_image,
    judge,
    may_overwrite,
    reversible,
    runs_bundle,
    switched_to,
    waits_for_boot,
)
from hawkbit_rauc.rules.pace import BUSY_PACE, pace
from hawkbit_rauc.rules.verdicts import CONSENT, Decided, Downloaded, Install, Reboot, TakeBack, Verdict, Wait

ME = Identity("https://hawkbit.test", "DEFAULT", "board-1")
OLD, NEW = "boot-1", "boot-2"
ARTIFACT = Artifact("v2.raucb", 10, {"sha1": "ab"}, "https://hawkbit.test/v2.raucb")
DEPLOYMENT = Deployment("7", chunks=(Chunk("os", "os", "2", (ARTIFACT,)),))


def recalled(
    journal: Record | None,
    noted: Record | None,
    deployment: Deployment,
    system: System,
    identity: Identity,
    choice: Choice = bundles.ANY,
) -> Record:
    """What is known of an action: by the journal, or without one by note and RAUC."""
    if journal is not None:
        return memory.recall(journal, deployment, choice)
    return memory.look_back(noted, deployment, system, identity, choice)


# ---------------------------------------------------------------- boards


@define
class PaperBoard:
    """A board with two slot groups; A is booted. What happens to it is written as a chain of calls."""

    version: str = "1.13"
    loader: str | None = "grub"
    stores: bool = True
    parts: bool = False
    firmware: bool = False
    renamed: bool = False
    booted: str = "A"
    primary: str | None = "A"
    witnessed: bool | None = None
    slots: dict[str, Slot] | None = None

    def __attrs_post_init__(self) -> None:
        self.slots = {"firmware": Slot("firmware.0", device="/dev/boot")} if self.firmware else {}
        for index, name in enumerate("AB"):
            root = Slot(
                f"rootfs.{index}",
                bootname=name,
                device=f"/dev/{name}",
                boot_status=None if self.loader == "noop" else "good",
                status="ok",
                sha256="image-v1",
                installed_count=3,
                activated_count=2,
                bundle_hash=None if self.version == "1.8" else "manifest-v1",
            )
            self.slots[name] = root
            if self.parts:
                self.slots[f"app {name}"] = evolve(
                    root, name=f"appfs.{index}", bootname=None, device=f"/dev/app{name}", parent=root.name
                )

    def group(self, name: str) -> list[str]:
        return [key for key in self.slots if key.endswith(name)]

    def change(self, key: str, **what) -> "PaperBoard":
        self.slots[key] = evolve(self.slots[key], **what)
        return self

    def write(
        self, record: Record, name: str = "B", *, image: str = "image-v2", skipped: tuple = ()
    ) -> "PaperBoard":
        """RAUC writes a slot group."""
        for key in self.group(name):
            old = self.slots[key]
            self.change(key, status="ok", installed_at="2026-01-02T00:00:00Z")
            if self.version != "1.8":
                self.change(key, transaction=record.transaction, bundle_hash="manifest-v2")
            if key not in skipped:
                self.change(key, sha256=image, installed_count=old.installed_count + 1)
        return self.change(name, boot_status=None if self.loader == "noop" else "bad")

    def activate(self, name: str = "B") -> "PaperBoard":
        self.primary = name
        self.change(name, boot_status=None if self.loader == "noop" else "good")
        return self.change(
            name, activated_count=self.slots[name].activated_count + 1, activated_at="2026-01-02T00:00:01Z"
        )

    def install(self, record: Record, name: str = "B", **how) -> "PaperBoard":
        return self.write(record, name, **how).activate(name)

    def boot(self, name: str, *, good: bool | None = None, bad: str = "") -> "PaperBoard":
        self.booted = name
        for key in "AB":
            if self.loader != "noop" and (key == name and good is not None):
                self.change(key, boot_status="good" if good else "bad")
            if key == bad:
                self.change(key, boot_status="bad")
        if bad and self.primary == bad:
            self.primary = name
        return self

    @property
    def system(self) -> System:
        shown = []
        for key, slot in self.slots.items():
            kept = slot if self.stores else Slot(slot.name, slot.bootname, slot.device, slot.parent)
            kept = evolve(kept, boot_status=slot.boot_status)
            in_group = key.endswith(self.booted)
            state = ("booted" if key == self.booted else "active") if in_group else "inactive"
            names = {"name": f"system.{slot.name[-1]}"} if self.renamed and slot.bootname else {}
            shown.append(evolve(kept, state=state, **names))
        primary = next((slot.name for slot in shown if slot.bootname == self.primary), None)
        return System(tuple(shown), primary, "board", self.loader, self.witnessed)

    def begin(self, record: Record | None = None) -> Record:
        return memory.begin(record or Record("7", artifact="ab"), self.system, OLD, ME)


KINDS = [
    pytest.param(
        {"version": version, "loader": loader, "parts": parts},
        id=f"{version} {loader}{' with parts' * parts}",
    )
    for version in ("1.8", "1.13")
    for loader in ("grub", "uboot", "noop")
    for parts in (False, True)
]
each_kind = pytest.mark.parametrize("kind", KINDS)
each_counting_kind = pytest.mark.parametrize("kind", [kind for kind in KINDS if "noop" not in kind.id])
each_memory = pytest.mark.parametrize("left", ["journal", "note", "lost"])


def remembered(record: Record, left: str, system: System) -> Record:
    """The record as it is known after the journal was kept, or lost with or without the note."""
    journal = record if left == "journal" else None
    noted = notes.read([notes.begun(record), *([notes.completed(record)] * record.completed)])
    return recalled(journal, noted if left == "note" else None, DEPLOYMENT, system, ME)


def known(kind: dict, left: str) -> bool:
    """Whether anything can be known: RAUC 1.8 has no transactions."""
    return left != "lost" or kind["version"] != "1.8"


def judged(record: Record, board: PaperBoard, boot_id: str = NEW) -> Verdict:
    return judge(record, board.system, boot_id)


def sentence(verdict: Verdict) -> str:
    """What a verdict says."""
    return "; ".join(verdict.outcome.details) if isinstance(verdict, Decided) else verdict.why


def failed(verdict: Verdict) -> str:
    assert isinstance(verdict, Decided)
    assert not verdict.outcome.success
    return sentence(verdict)


def succeeded(verdict: Verdict) -> str:
    assert isinstance(verdict, Decided), verdict
    assert verdict.outcome.success, verdict
    return sentence(verdict)


# ---------------------------------------------------------------- row by row


@pytest.mark.parametrize("booted", ["", "C"])
def test_row_1_an_unknown_booted_slot_decides_nothing(booted):
    board = PaperBoard()
    record = evolve(board.begin(), completed=True)
    board.install(record).booted = booted or "nothing"
    assert judged(record, board) == Wait(
        "booted from an external or unknown system, which is neither the old system nor the new one: "
        "can't tell how the installation ended"
    )


@each_memory
@each_kind
@pytest.mark.parametrize("completed", [False, True])
@pytest.mark.parametrize("boot_id", [OLD, NEW])
def test_row_2_the_committed_new_system_is_a_success(kind, left, completed, boot_id):
    board = PaperBoard(**kind)
    record = evolve(board.begin(), completed=completed)
    board.install(record).boot("B", good=True)
    record = remembered(record, left, board.system)
    if known(kind, left):
        assert "slot rootfs.1" in succeeded(judged(record, board, boot_id))
    else:
        assert isinstance(judged(record, board, boot_id), Install)


@each_kind
def test_row_2_slots_may_have_other_names_in_the_new_system(kind):
    board = PaperBoard(**kind)
    record = board.begin()
    board.install(record).boot("B", good=True).renamed = True
    assert "slot system.1" in succeeded(judged(record, board))


def test_row_2_an_identical_image_that_was_skipped_is_ours():
    board = PaperBoard("1.8")
    record = evolve(board.begin(), completed=True)
    board.install(record, image="image-v1", skipped=("B",)).boot("B", good=True)
    assert "by RAUC's slot counts" in succeeded(judged(record, board))


def test_row_2_a_skipped_part_of_the_group_does_not_matter():
    board = PaperBoard("1.8", parts=True)
    record = board.begin()
    board.install(record, skipped=("app B",)).boot("B", good=True)
    succeeded(judged(record, board))


@each_memory
@each_counting_kind
def test_row_3_the_new_system_waits_for_its_commit(kind, left):
    board = PaperBoard(**kind)
    record = evolve(board.begin(), completed=True)
    board.install(record).boot("B", good=False)
    record = remembered(record, left, board.system)
    if known(kind, left):
        verdict = judged(record, board)
        assert isinstance(verdict, Wait)
        assert verdict.trial
        assert "not committed" in verdict.why


@pytest.mark.parametrize("loader", ["uboot", "barebox"])
def test_row_3_where_good_is_not_enough_the_witness_decides(loader):
    board = PaperBoard(loader=loader, witnessed=False)
    record = board.begin()
    board.install(record).boot("B", good=True)
    assert isinstance(judged(record, board), Wait)
    board.witnessed = True
    succeeded(judged(record, board))


def test_row_4_the_same_bundle_by_somebody_else_counts():
    board = PaperBoard()
    record = evolve(board.begin(), bundle_hash="manifest-v2")
    board.install(evolve(record, transaction="somebody's")).boot("B", good=True)
    assert "the same bundle" in succeeded(judged(record, board))
    board.boot("B", good=False)
    assert isinstance(judged(record, board), Wait)


def test_row_4_the_same_image_by_somebody_else_counts_on_an_old_rauc():
    board = PaperBoard("1.8")
    record = board.begin()
    board.install(record)
    record = evolve(record, completed=True, image_sha256=installed_image(record, board.system))
    board.install(record).boot("B", good=True)
    assert "the same bundle" in succeeded(judged(record, board))


@pytest.mark.parametrize("version", ["1.8", "1.13"])
@pytest.mark.parametrize("named", [None, "2026.1"])
def test_row_4_another_bundle_by_somebody_else_is_a_failure(version, named):
    board = PaperBoard(version)
    record = evolve(board.begin(), bundle_hash="manifest-x", image_sha256="image-x", completed=True)
    other = evolve(record, transaction="somebody's")
    board.install(other).install(other).boot("B", good=True).change("B", bundle_version=named)
    assert "superseded by another installation" in failed(judged(record, board))
    assert (named or "an unknown bundle") in failed(judged(record, board))


@pytest.mark.parametrize("version", ["1.8", "1.13"])
def test_row_17_what_waited_for_its_boot_before_the_attempt_supersedes_nothing(version):
    """The power was cut after the attempt was noted, and RAUC never began: it is installed again, three times at most."""
    board = PaperBoard(version)
    board.install(board.begin(), image="image-v1.5")
    record = evolve(board.begin(), transaction="never used")
    board.boot("B", good=True)
    assert judged(record, board) == Install()
    assert "interrupted 3 times" in failed(judged(evolve(record, attempt=record.series + 3), board))
    by_hand = evolve(record, transaction="somebody's")
    board.install(by_hand, image="image-v3").install(by_hand, image="image-v3")
    assert "superseded by another installation" in failed(judged(record, board))


@each_memory
@each_kind
@pytest.mark.parametrize("completed", [False, True])
def test_row_5_installed_in_this_boot_the_reboot_is_pending(kind, left, completed):
    board = PaperBoard(**kind)
    record = evolve(board.begin(), completed=completed)
    board.install(record)
    record = remembered(record, left, board.system)
    if known(kind, left):
        assert judged(record, board, OLD) == Reboot("installed, reboot pending")


@each_memory
@each_kind
@pytest.mark.parametrize("boot_id", [OLD, NEW])
def test_row_6_an_attempt_that_did_not_end_is_made_again(kind, left, boot_id):
    for happened in ("nothing", "begun", "written"):
        board = PaperBoard(**kind)
        record = board.begin()
        if happened == "begun":
            board.change("B", boot_status="bad", status="pending")
        if happened == "written":
            board.write(record)
        record = remembered(record, left, board.system)
        assert isinstance(judged(record, board, boot_id), Install), happened


@each_memory
@each_kind
def test_row_6_an_activation_that_is_left_to_somebody_is_waited_for(kind, left):
    board = PaperBoard(**kind)
    record = evolve(board.begin(), completed=True)
    board.write(record)
    record = remembered(record, left, board.system)
    verdict = judged(record, board)
    if left == "lost":  # nobody knows that RAUC completed it
        assert isinstance(verdict, Install)
    else:
        assert isinstance(verdict, Wait)
        assert "slot rootfs.1" in verdict.why
        assert not verdict.trial


@each_memory
@each_kind
def test_row_5_a_boot_loader_that_came_with_the_system_changes_nothing(kind, left):
    board = PaperBoard(**kind, firmware=True)
    record = board.begin()
    board.write(record, "firmware").change("firmware", boot_status=None).install(record)
    record = remembered(record, left, board.system)
    if known(kind, left):
        assert judged(record, board, OLD) == Reboot("installed, reboot pending")


@each_kind
def test_row_16_what_no_boot_depends_on_is_a_success_once_it_is_installed(kind):
    board = PaperBoard(**kind, firmware=True)
    record = board.begin()
    board.write(record, "firmware").change("firmware", boot_status=None)
    assert isinstance(judged(record, board, OLD), Install)
    record = evolve(record, completed=True)
    assert "installed into firmware.0" in succeeded(judged(record, board, OLD))
    assert isinstance(reversible(record, board.system), str)


@each_counting_kind
def test_row_7_a_primary_that_was_not_booted_is_booted_at_most_twice(kind):
    board = PaperBoard(**kind)
    record = evolve(board.begin(), completed=True)
    board.install(record)
    for reboots in (0, 1):
        assert isinstance(judged(evolve(record, reboots=reboots), board), Reboot)
    verdict = judged(evolve(record, reboots=2), board)
    assert isinstance(verdict, TakeBack), "what is primary is about to run: it has to be taken back first"
    assert "was never booted" in verdict.why


def test_row_7_nothing_is_decided_while_the_old_system_is_not_committed():
    board = PaperBoard()
    record = evolve(board.begin(), completed=True)
    board.install(record).boot("A", good=False)
    assert "old slot" in sentence(judged(record, board))


@each_counting_kind
def test_row_8_an_old_slot_that_was_activated_by_hand_is_a_failure(kind):
    board = PaperBoard(**kind)
    record = evolve(board.begin(), completed=True)
    board.install(record).activate("A")
    assert "activated by hand" in failed(judged(record, board))


@each_memory
@each_counting_kind
@pytest.mark.parametrize("completed", [False, True])
def test_row_9_a_fallback_is_a_failure_with_the_states_of_both_slots(kind, left, completed):
    board = PaperBoard(**kind)
    record = evolve(board.begin(), completed=completed)
    board.install(record).boot("A", good=True, bad="B")
    record = remembered(record, left, board.system)
    if known(kind, left):
        told = failed(judged(record, board))
        assert "fell back to slot rootfs.0" in told
        assert "slot rootfs.0: booted, good, primary" in told
        assert "slot rootfs.1: inactive, bad" in told


def test_row_9_without_a_boot_loader_that_counts_a_changed_primary_is_a_fallback():
    board = PaperBoard(loader="noop")
    record = evolve(board.begin(), completed=True)
    board.install(record).primary = "A"
    assert "fell back" in failed(judged(record, board))


@pytest.mark.parametrize("loader", ["grub", "uboot", "noop"])
@pytest.mark.parametrize("left", ["journal", "note"])
def test_row_10_without_stored_status_the_booted_slot_decides(loader, left):
    board = PaperBoard(loader=loader, stores=False)
    record = evolve(board.begin(), completed=True)
    board.install(record)
    record = remembered(record, left, board.system)
    assert isinstance(judged(record, board, OLD), Reboot)
    assert isinstance(judged(record, board, NEW), Reboot)
    board.boot("B", good=True)
    assert "by the booted slot only" in succeeded(judged(record, board))
    if loader != "noop":
        board.boot("B", good=False)
        assert isinstance(judged(record, board), Wait)
        board.boot("A", good=True, bad="B")
        assert "fell back" in failed(judged(record, board))


@pytest.mark.parametrize("version", ["1.8", "1.13"])
def test_row_10_other_slot_alone_is_no_success(version):
    """RAUC had not begun, and the power was cut until the boot loader took the other slot."""
    board = PaperBoard(version=version, stores=False)
    record = board.begin()
    board.booted = "B"
    assert judged(record, board) == Install()


@pytest.mark.parametrize("attempt", [1, 2, 3])
def test_row_11_the_transaction_is_computed_again(attempt):
    board = PaperBoard()
    record = evolve(board.begin(Record("7", artifact="ab", attempt=attempt - 1)))
    board.install(record).boot("B", good=True)
    found = recalled(None, None, DEPLOYMENT, board.system, ME)
    assert (found.attempt, found.transaction) == (attempt, record.transaction)
    succeeded(judged(found, board))


@pytest.mark.parametrize(
    "other", [evolve(ME, controller="b"), evolve(ME, tenant="b"), evolve(ME, origin="b")]
)
def test_row_11_another_boards_transaction_is_not_ours(other):
    board = PaperBoard()
    board.install(memory.begin(Record("7", artifact="ab"), board.system, OLD, other))
    assert recalled(None, None, DEPLOYMENT, board.system, ME).attempt == 0


def test_row_12_the_note_at_the_server_stands_in_for_the_journal():
    board = PaperBoard("1.8", parts=True)
    record = evolve(board.begin(), completed=True)
    board.install(record)
    found = remembered(record, "note", board.system)
    assert found == evolve(
        record,
        before={key: evolve(count, sha256=None) for key, count in record.before.items()},
        primary=None,
        noted=True,
    )


@pytest.mark.parametrize(
    ("bundle_hash", "good", "runs"),
    [
        ("manifest-v1", True, True),
        ("manifest-v1", False, False),
        ("manifest-v2", True, False),
        (None, True, False),
    ],
)
def test_row_13_nothing_known_the_booted_bundle_may_be_this_one(bundle_hash, good, runs):
    board = PaperBoard().boot("A", good=good)
    assert recalled(None, None, DEPLOYMENT, board.system, ME) == Record("7", artifact="ab")
    assert runs_bundle(board.system, bundle_hash) is runs


def test_row_13_old_raucs_know_no_bundle():
    assert not runs_bundle(PaperBoard("1.8").system, "manifest-v1")


@each_kind
@pytest.mark.parametrize("series", [0, 4])
def test_row_14_there_is_no_fourth_attempt(kind, series):
    board = PaperBoard(**kind)
    record = Record("7", artifact="ab", attempt=series, series=series)
    for _ in range(3):
        assert isinstance(judged(record, board), Install)
        record = board.begin(record)
    assert "interrupted 3 times" in failed(judged(record, board))


@pytest.mark.parametrize(("completed", "success"), [(True, True), (False, None)])
def test_without_slots_the_installation_is_the_success(completed, success):
    record = evolve(PaperBoard().begin(), completed=completed)
    verdict = judge(record, System(), NEW)
    assert isinstance(verdict, Decided if success else Install)


def test_an_outcome_is_decided_once():
    board = PaperBoard()
    outcome = Outcome(success=False, details=("x",))
    record = evolve(board.begin(), completed=True, outcome=outcome)
    board.install(record).boot("B", good=True)
    assert judged(record, board) == Decided(outcome)


# ---------------------------------------------------------------- whatever may be


names = st.sampled_from(["rootfs.0", "rootfs.1", "appfs.0", "appfs.1", "rescue.0"])
keys = st.sampled_from(["A", "B", "/dev/x", "rootfs.0"])
counts = st.integers(0, 5)
hashes = st.none() | st.sampled_from(["h1", "h2"])
transactions = st.none() | st.sampled_from([transaction_id(ME, "7", "ab", n) for n in (1, 2, 3)] + ["other"])
slots = st.builds(
    Slot,
    names,
    bootname=st.none() | st.sampled_from("AB"),
    device=st.none() | st.sampled_from(["/dev/x", "/dev/y"]),
    parent=st.none() | names,
    state=st.sampled_from(["booted", "active", "inactive"]),
    boot_status=st.sampled_from(["good", "bad", None]),
    status=st.sampled_from(["ok", "pending", None]),
    sha256=hashes,
    bundle_hash=hashes,
    bundle_version=hashes,
    transaction=transactions,
    installed_count=counts,
    activated_count=counts,
    installed_at=st.none() | st.sampled_from(["1", "2"]),
    activated_at=st.none() | st.sampled_from(["1", "2"]),
)
systems = st.builds(
    System,
    st.lists(slots, max_size=5).map(tuple),
    primary=st.none() | names,
    boot_loader=st.sampled_from(["grub", "uboot", "noop", None]),
    witnessed=st.sampled_from([True, False, None]),
)
records = st.builds(
    Record,
    st.just("7"),
    attempt=st.integers(0, 5),
    series=st.integers(0, 2),
    artifact=st.just("ab"),
    transaction=transactions,
    booted=st.none() | keys,
    before=st.dictionaries(keys, st.builds(Counts, counts, counts, hashes)),
    boot_id=st.sampled_from([OLD, NEW, None]),
    completed=st.booleans(),
    noted=st.booleans(),
    primary=st.none() | keys,
    target=st.none() | keys,
    bundle_hash=hashes,
    image_sha256=hashes,
    reboots=st.integers(0, 3),
)


@pytest.mark.no_cover  # it would take it four times the time
@settings(max_examples=2000, deadline=None)
@given(records, systems)
def test_no_state_is_too_strange_for_a_verdict(record, system):
    """Judging never raises; success means a committed slot that is not the old one; attempts are limited."""
    verdict = judge(record, system, NEW)
    assert isinstance(verdict, Decided | Install) or verdict.why
    beside = record.completed and not any(
        system.group(slot).bootname for slot in installed_by(record, system)
    )
    if isinstance(verdict, Decided) and verdict.outcome.success and system.slots and not beside:
        assert committed(system)
        assert record.booted is None or system.key(system.booted) != record.booted
    if isinstance(verdict, Install):
        assert record.attempt - record.series < MAX_ATTEMPTS
        assert not (record.completed and record.attempt > record.series) or record.noted
    target = reversible(record, system)
    assert isinstance(target, str) or system.booted is None or target.name != system.booted.name
    waits_for_boot(system)
    may_overwrite(system)
    switched_to(record, system)
    installed_image(record, system)


@given(records, systems)
def test_what_is_begun_can_be_remembered(record, system):
    """Beginning counts one attempt more and notes every slot."""
    begun = memory.begin(record, system, NEW, ME)
    assert begun.attempt > record.attempt
    assert begun.attempt - begun.series == record.attempt - record.series + 1
    assert begun.transaction not in {slot.transaction for slot in system.slots}
    assert set(begun.before) == {system.key(slot) for slot in system.slots}
    assert (begun.completed, begun.reboots, begun.boot_id) == (False, 0, NEW)
    assert begun.transaction == transaction_id(ME, "7", "ab", begun.attempt)


# ---------------------------------------------------------------- what holds it back


@pytest.mark.parametrize(
    ("update", "window", "instead"),
    [
        ("forced", None, None),
        ("attempt", None, None),
        ("a new word", "unavailable", None),
        ("forced", "available", None),
        ("skip", None, Downloaded()),
        ("skip", "available", Downloaded()),
        ("skip", "unavailable", Wait("downloaded and verified; waiting for the maintenance window")),
    ],
)
def test_only_skip_holds_an_installation_back(update, window, instead):
    """Beside a window it is to be waited for; without one nothing is to be installed at all."""
    deployment = evolve(DEPLOYMENT, update=update, window=window)
    assert instead_of_installing(deployment) == instead
    assert held_back(deployment, Record("1"), ask=True) == (CONSENT if update == "attempt" else None)


@pytest.mark.parametrize(("download", "update"), [("attempt", "attempt"), ("attempt", "skip")])
@pytest.mark.parametrize("consented", [False, True])
@pytest.mark.parametrize("ask", [False, True])
def test_what_is_not_forced_waits_for_consent_where_asked_for(download, update, consented, ask):
    deployment = evolve(DEPLOYMENT, download=download, update=update)
    held = held_back(deployment, Record("1", consented=consented), ask=ask)
    assert held == (CONSENT if ask and not consented else None)


def test_skipped_download_is_waited_with():
    held = held_back(evolve(DEPLOYMENT, download="skip"), Record("1"), ask=False)
    assert held == Wait("the server asks for no download")


# ---------------------------------------------------------------- what is known


def recall(journal: Record | None, noted: Record | None = None) -> Record:
    return recalled(journal, noted, DEPLOYMENT, PaperBoard().system, ME)


def test_an_open_journal_of_the_action_is_all_there_is_to_know():
    record = Record("7", attempt=2, artifact="zz")
    assert recall(record, Record("", attempt=3)) is record


def test_another_actions_journal_says_nothing_about_this_one():
    assert recall(Record("6", attempt=2)) == Record("7", artifact="ab")


def test_a_note_without_an_attempt_says_nothing():
    assert recall(None, Record("", attempt=0)) == Record("7", artifact="ab")


def test_an_action_offered_again_after_its_failure_is_a_new_wish():
    """It gets new attempt numbers, so its transactions are not those of the first series."""
    told = Record("7", attempt=3, artifact="ab", told=True, outcome=Outcome(success=False, details=()))
    assert recall(told) == Record("7", attempt=3, series=3, artifact="ab")


def test_an_action_offered_again_after_its_success_is_looked_at_again():
    told = Record("7", attempt=1, artifact="ab", told=True, outcome=Outcome(success=True, details=()))
    assert recall(told) == Record("7", attempt=1, artifact="ab")


def test_an_action_offered_again_with_another_bundle_is_a_new_wish():
    told = Record("7", attempt=1, artifact="zz", told=True, outcome=Outcome(success=True, details=()))
    assert recall(told) == Record("7", attempt=1, series=1, artifact="ab")


# ---------------------------------------------------------------- commit, and the way back


@pytest.mark.parametrize(
    ("loader", "status", "witnessed", "expected"),
    [
        ("grub", "good", None, True),
        ("grub", "bad", None, False),
        ("efi", "good", None, True),
        ("uboot", "good", None, True),
        ("uboot", "good", False, False),
        ("uboot", "bad", True, True),
        ("noop", None, None, True),
        ("noop", None, False, False),
        (None, None, None, False),
        (None, "good", None, True),
    ],
)
def test_committed(loader, status, witnessed, expected):
    board = PaperBoard(loader=loader, witnessed=witnessed).change("A", boot_status=status)
    assert committed(board.system) is expected


def test_nothing_booted_is_not_committed():
    board = PaperBoard()
    board.booted = "nothing"
    assert not committed(board.system)


@each_counting_kind
def test_an_installation_into_the_other_group_can_be_taken_back(kind):
    board = PaperBoard(**kind)
    record = board.begin()
    board.install(record)
    assert reversible(record, board.system) == board.slots["B"]


@pytest.mark.parametrize("version", ["1.8", "1.13"])
def test_noop_takes_nothing_back(version):
    """RAUC accepts marks there, and does nothing."""
    board = PaperBoard(version, "noop")
    record = board.begin()
    board.install(record)
    assert "noop" in reversible(record, board.system)


def test_an_external_system_can_not_be_made_primary():
    board = PaperBoard(booted="nothing")
    assert "make the running system primary" in reversible(board.begin(), board.system)


@each_counting_kind
def test_what_was_half_taken_back_can_be_taken_back_still(kind):
    """The booted slot was made primary again, and then the power was cut."""
    board = PaperBoard(**kind)
    record = evolve(board.begin(), completed=True)
    board.install(record)
    board.change("A", activated_count=board.slots["A"].activated_count + 1)
    assert reversible(record, board.system) == board.slots["B"]


@each_kind
def test_an_installation_that_wrote_more_than_the_other_group_can_not(kind):
    board = PaperBoard(**kind)
    record = board.begin()
    board.install(record).write(record, "A")
    assert isinstance(reversible(record, board.system), str)


def test_a_slot_outside_of_the_groups_can_not_be_taken_back():
    board = PaperBoard()
    record = board.begin()
    board.install(record)
    data = Slot("data.0", transaction=record.transaction, status="ok")
    system = evolve(board.system, slots=(*board.system.slots, data))
    assert isinstance(reversible(record, system), str)


def test_nothing_installed_can_not_be_taken_back_but_the_other_slot_where_nothing_is_stored():
    board = PaperBoard()
    assert isinstance(reversible(board.begin(), board.system), str)
    board = PaperBoard(stores=False)
    assert reversible(board.begin(), board.system).name == "rootfs.1"
    third = Slot("rootfs.2", bootname="C")
    assert isinstance(
        reversible(board.begin(), evolve(board.system, slots=(*board.system.slots, third))), str
    )


@pytest.mark.parametrize(
    ("change", "waits"),
    [
        ({}, False),
        ({"booted": "-"}, False),
        ({"primary": "B"}, True),
        ({"primary": "B", "witnessed": False}, False),
        ({"primary": None}, False),
    ],
)
@pytest.mark.parametrize("stores", [True, False])
def test_only_another_primary_slot_shows_an_installation_that_waits_for_its_boot(change, stores, waits):
    assert waits_for_boot(PaperBoard(**{"stores": stores, **change}).system) is waits


def test_parents_that_go_in_circles_end():
    one = Slot("a", parent="b", state="booted")
    system = System((one, Slot("b", parent="a")))
    assert system.group(one).name == "b"


# ---------------------------------------------------------------- a third system, and what moved nothing


RESCUE = Slot("rescue.0", device="/dev/rescue")


def with_third(board: PaperBoard, third: Slot, *, booted: bool = True) -> System:
    """The board with a third system beside A and B, which runs."""
    slots = [evolve(slot, state="inactive") if booted else slot for slot in board.system.slots]
    return evolve(board.system, slots=(*slots, evolve(third, state="booted" if booted else "inactive")))


@pytest.mark.parametrize("third", [RESCUE, evolve(RESCUE, bootname="R"), Slot("rootfs.2", bootname="C")])
@pytest.mark.parametrize("stores", [True, False])
@pytest.mark.parametrize("completed", [True, False])
def test_row_1_a_third_system_decides_nothing(third, stores, completed):
    """Neither O nor T runs: what comes is seen when one of them does."""
    board = PaperBoard(stores=stores)
    third = evolve(third, boot_status="good")
    record = memory.begin(Record("7", artifact="ab"), with_third(board, third, booted=False), OLD, ME)
    record = evolve(record, completed=completed)
    board.install(record)
    verdict = judge(record, with_third(board, third), NEW)
    assert isinstance(verdict, Wait)
    assert third.name in verdict.why
    assert not verdict.trial


def test_row_1_a_third_slot_that_somebody_installed_supersedes_the_attempt():
    board = PaperBoard()
    third = Slot("rootfs.2", bootname="C", boot_status="good", status="ok", installed_count=1)
    record = memory.begin(Record("7", artifact="ab"), with_third(board, third, booted=False), OLD, ME)
    third = evolve(third, installed_count=2, transaction="somebody's")
    assert "superseded" in failed(judge(record, with_third(board, third), NEW))


@pytest.mark.parametrize("boot_id", [OLD, NEW])
def test_row_18_what_moved_nothing_waits_for_no_boot(boot_id):
    """A bundle whose own handler does everything, or that holds artifacts only: done when RAUC says so."""
    board = PaperBoard()
    record = evolve(board.begin(), completed=True)
    assert "no boot is waited for" in succeeded(judged(record, board, boot_id))


@pytest.mark.parametrize(
    ("touches", "done"), [((), True), (("appfs",), True), (("rootfs",), False), (None, False)]
)
def test_row_18_slots_without_status_are_no_evidence(touches, done):
    """Then the bundle has to say that it has no image for them."""
    board = PaperBoard(stores=False)
    record = evolve(board.begin(), completed=True, touches=touches)
    assert isinstance(judged(record, board, OLD), Decided) is done


def test_row_18_a_note_alone_is_no_evidence():
    """Others can write it; what the journal knows counts also if RAUC can't name the primary slot."""
    board = PaperBoard(primary=None)
    record = evolve(board.begin(), completed=True)
    assert isinstance(judged(evolve(record, noted=True), board, OLD), Install)
    assert "no boot is waited for" in succeeded(judged(record, board))


@pytest.mark.parametrize("stores", [True, False])
def test_row_19_a_handler_that_switches_by_itself_is_judged_by_the_boot(stores):
    """RAUC wrote nothing, and the other slot became primary: it is to be booted and committed like any."""
    board = PaperBoard(stores=stores)
    record = evolve(board.begin(), completed=True, touches=())
    board.primary = "B"
    assert switched_to(record, board.system) == "B"
    record = evolve(record, target="B")
    assert isinstance(judged(record, board, OLD), Reboot)
    assert "rootfs.1" in succeeded(judged(record, board.boot("B", good=True)))


@pytest.mark.parametrize("stores", [True, False])
@pytest.mark.parametrize("boot", [OLD, NEW])
def test_row_6_a_bundle_for_a_child_alone_waits_until_somebody_activates_its_system(stores, boot):
    """RAUC marks and activates nothing for it (seen on 1.8 to 1.15), so the old child goes on running."""
    board = PaperBoard(parts=True, stores=stores)
    record = evolve(board.begin(), completed=True)
    if stores:
        board.change("app B", transaction=record.transaction, installed_count=4, sha256="image-v2")
    assert "leaves for somebody to activate" in sentence(judged(record, board, boot))
    board.activate("B").primary = "B"
    assert isinstance(judged(record, board, boot), Reboot)
    assert "rootfs.1" in succeeded(judged(record, board.boot("B", good=True), NEW))


def test_row_4_a_slot_whose_installation_failed_is_not_the_same_bundle():
    """RAUC 1.11 and later count a failed installation, and store its bundle's hash."""
    board = PaperBoard()
    record = evolve(board.begin(), bundle_hash="manifest-v2")
    board.install(record).boot("B", good=True).change("B", status="failed")
    assert not isinstance(judged(record, board), Wait)
    failed(judged(record, board))


def test_row_18_right_after_the_installation_rauc_tells_of_every_slot():
    """The same RAUC shows what it wrote, stored or not; so what it does not show was not written."""
    board = PaperBoard(stores=False)
    record = evolve(board.begin(), completed=True)
    assert "no boot is waited for" in succeeded(judge(record, board.system, OLD, just_completed=True))


@pytest.mark.parametrize("stores", [True, False])
def test_row_5_an_external_system_is_the_old_one_if_the_attempt_began_there(stores):
    """Booted from net or stick: what was installed waits for its boot, and is judged by it."""
    board = PaperBoard(stores=stores, booted="nothing", primary="A")
    record = evolve(board.begin(), completed=True)
    assert record.booted is None
    board.install(record)
    record = evolve(record, target=switched_to(record, board.system))
    assert judged(record, board, OLD) == Reboot("installed, reboot pending")
    assert isinstance(judged(record, board, NEW), Reboot)
    assert "rootfs.1" in succeeded(judged(record, board.boot("B", good=True)))


def test_a_transaction_of_an_earlier_life_is_not_ours():
    """goosebit offers an id again: v1, v2, v1; the slot that holds v1 still carries the id of its first time."""
    board = PaperBoard()
    first = board.begin(Record("7", artifact="ab"))
    board.install(first).boot("B", good=True)
    second = board.begin(Record("7", artifact="ab"))
    assert second.transaction != first.transaction
    assert second.attempt - second.series == 1
    assert judged(second, board) == Install()


@pytest.mark.parametrize(
    ("booted", "good", "may"),
    [("A", True, True), ("A", False, False), ("rescue", False, True), ("", False, True)],
)
def test_only_a_running_system_of_a_pair_has_to_be_committed_before_it_may_be_overwritten(booted, good, may):
    """From a rescue system, or an external one, there is no good system to lose."""
    board = PaperBoard().boot("A", good=good)
    if booted != "A":
        board.booted = "nothing"
    system = with_third(board, RESCUE) if booted == "rescue" else board.system
    assert may_overwrite(system) is may


# ---------------------------------------------------------------- when to poll


@pytest.mark.case(16)
@pytest.mark.parametrize(
    ("interval", "working", "seconds"),
    [
        (None, None, 300),
        (60.0, None, 60),
        (60.0, 0.0, BUSY_PACE),
        (60.0, 599.0, BUSY_PACE),
        (60.0, 600.0, 30),
        (3.0, 0.0, 3),
        (10.0, 9000.0, 10),
        (None, 9000.0, 30),
    ],
)
def test_pace(interval, working, seconds):
    """Fast while there is work, slower after ten minutes, never slower than the server asks for."""
    assert pace(interval, working) == seconds


# ---------------------------------------------------------------- several bundles of one action

IN_ORDER = Choice(patterns=("boot-*", "v2*"))
BOOT = Artifact("boot-1.raucb", 10, {"sha1": "cd"}, "https://hawkbit.test/boot-1.raucb")
SEVERAL = Deployment("7", chunks=(Chunk("os", "os", "2", (ARTIFACT, BOOT)),))


def recall_several(journal: Record | None = None, noted: Record | None = None, **slot: object) -> Record:
    """Find out what is known of the action with two bundles."""
    board = PaperBoard().change("B", **slot) if slot else PaperBoard()
    return recalled(journal, noted, SEVERAL, board.system, ME, IN_ORDER)


def test_an_action_with_several_bundles_begins_with_the_first():
    first = recall_several()
    assert first == Record("7", artifact="cd", more=True)
    assert bundles.current(first, SEVERAL, IN_ORDER) is BOOT
    second = bundles.following(evolve(first, attempt=2, completed=True), SEVERAL, IN_ORDER)
    assert second == Record("7", attempt=2, series=2, bundle=1, artifact="ab")
    assert bundles.current(second, SEVERAL, IN_ORDER) is ARTIFACT


def test_without_a_journal_the_note_says_which_bundle_it_was():
    noted = recall_several(noted=Record("", attempt=2, series=1, bundle=1))
    assert (noted.bundle, noted.more, noted.artifact, noted.series) == (1, False, "ab", 1)
    assert noted.transaction == transaction_id(ME, "7", "ab", 2)
    assert recall_several(noted=Record("", attempt=1)).more


@pytest.mark.parametrize(
    ("attempt", "content", "bundle"), [(1, "cd", 0), (3, "cd", 0), (2, "ab", 1), (6, "ab", 1)]
)
def test_without_journal_and_note_the_transaction_says_which_bundle_it_was(attempt, content, bundle):
    """The second's attempts count on from the first's, and it has its own three."""
    found = recall_several(transaction=transaction_id(ME, "7", content, attempt))
    assert (found.attempt, found.artifact, found.bundle, found.more) == (
        attempt,
        content,
        bundle,
        bundle == 0,
    )
    assert found.attempt - found.series == (1 if bundle else attempt)


def test_an_action_between_two_bundles_is_not_over_when_another_overtakes_it():
    between = Record("7", attempt=1, series=1, bundle=1)
    assert overtaken(between, Record("8")) == between
    assert overtaken(evolve(between, bundle=0), Record("8")) is None
