# SPDX-License-Identifier: LGPL-2.1-or-later
"""The durable record and its lock, on real files."""

import fcntl
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rig.mount import mounted

from hawkbit_rauc.board.journal import Journal
from hawkbit_rauc.board.state_folder import lock, release
from hawkbit_rauc.durable import write_durably
from hawkbit_rauc.errors import LockedError, StateError
from hawkbit_rauc.model import Counts, Identity, Outcome, Record

ME = Identity("https://hawkbit.test", "DEFAULT", "board-1")
RECORD = Record(
    "7",
    attempt=2,
    series=1,
    bundle=1,
    more=True,
    artifact="ab",
    transaction="t",
    booted="A",
    before={"A": Counts(1, 2, "h"), "/dev/x": Counts()},
    boot_id="b",
    completed=True,
    bundle_hash="m",
    bundle_reboot=False,
    handed=("cd", "ef"),
    image_sha256="i",
    reboots=1,
    mismatches=1,
    trying=1.5,
    consented=True,
    kept=True,
    committed=True,
    gave_up="hook health/10-net refused (exit code 1)",
    undoing=True,
    overtaken=Record("6", attempt=1),
    outcome=Outcome(success=False, details=("one", "two"), code=3),
    told=True,
    primary="A",
    touches=("appfs", "rootfs"),
    target="B",
    trouble="no space",
    failure="post-install handler failed",
    unwanted=True,
    noted=True,
    in_force=True,
)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path, ME)


def read(folder: Path) -> Record | None:
    """Read the journal as the next life of the program does."""
    return Journal(folder, ME).read()


def known(folder: Path) -> str | None:
    return Journal(folder, ME).known()


def document(folder: Path) -> dict:
    return json.loads((folder / "journal.json").read_bytes())


def rewrite(folder: Path, **changes) -> None:
    (folder / "journal.json").write_text(json.dumps(document(folder) | changes))


def test_every_member_comes_back(journal, tmp_path):
    """The record of this test differs from the defaults in every member."""
    assert not [
        member.name
        for member in attrs.fields(Record)
        if getattr(RECORD, member.name) == getattr(Record("x"), member.name)
    ]
    journal.write(RECORD)
    assert read(tmp_path) == RECORD
    journal.write(Record("8"))
    assert read(tmp_path) == Record("8")


def test_the_file_is_read_once_and_what_was_written_is_known(journal, tmp_path):
    """Who holds the lock is the only one that writes: what happens to the file meanwhile changes nothing."""
    journal.write(RECORD)
    (tmp_path / "journal.json").write_bytes(b"torn")
    assert journal.read() == RECORD
    journal.write(Record("8"))
    assert journal.read() == Record("8")
    assert read(tmp_path) == Record("8")


def test_without_a_journal_nothing_is_known(journal, tmp_path):
    assert read(tmp_path) is None


def test_a_journal_cut_anywhere_is_lost_and_can_be_written_again(journal, tmp_path):
    """Cut after each of its bytes: never an error, never half a record."""
    journal.write(RECORD)
    file = tmp_path / "journal.json"
    whole = file.read_bytes()
    for end in range(len(whole)):
        file.write_bytes(whole[:end])
        assert read(tmp_path) == (RECORD if end == len(whole) - 1 else None), (
            end
        )  # only the line feed is missing
    file.write_bytes(whole[:50])
    Journal(tmp_path, ME).write(RECORD)
    assert read(tmp_path) == RECORD


@pytest.mark.parametrize(
    "content", [b"\0" * 500, b"\xff\xfe", b"[" * 100_000, b"[]", b"null", b"7", b'{"record": 7}', b"{}"]
)
def test_what_is_no_journal_is_lost(journal, tmp_path, content):
    (tmp_path / "journal.json").write_bytes(content)
    assert read(tmp_path) is None
    journal.write(RECORD)
    assert read(tmp_path) == RECORD


@pytest.mark.parametrize("name", ["origin", "tenant", "controller"])
def test_another_boards_journal_is_lost(journal, tmp_path, name):
    """A cloned card must not speak for the board that it was made on."""
    journal.write(RECORD)
    other = Journal(tmp_path, attrs.evolve(ME, **{name: "other"}))
    assert other.read() is None
    other.write(Record("8"))
    assert (other.read(), read(tmp_path)) == (Record("8"), None)


def test_row_15_a_newer_programs_journal_is_read_and_kept(journal, tmp_path):
    """Version and unknown members survive what the old program writes about the same action."""
    journal.write(RECORD)
    newer = document(tmp_path)["record"] | {"future": [1]}
    rewrite(tmp_path, version=9, record=newer, more={"x": 1})
    assert read(tmp_path) == RECORD
    Journal(tmp_path, ME).write(attrs.evolve(RECORD, reboots=2))
    found = document(tmp_path)
    assert (found["version"], found["more"], found["record"]["future"]) == (9, {"x": 1}, [1])
    assert read(tmp_path) == attrs.evolve(RECORD, reboots=2)


def test_members_of_another_action_do_not_survive(journal, tmp_path):
    journal.write(RECORD)
    rewrite(tmp_path, record=document(tmp_path)["record"] | {"future": 1})
    Journal(tmp_path, ME).write(Record("8"))
    assert "future" not in document(tmp_path)["record"]


def test_what_the_server_knows_to_run_outlives_the_actions(journal, tmp_path):
    """With a record or without, but not for another board."""
    assert known(tmp_path) is None
    journal.know("t-1")
    assert (known(tmp_path), read(tmp_path)) == ("t-1", None)
    journal.write(RECORD)
    journal.write(Record("8"))
    assert (known(tmp_path), read(tmp_path)) == ("t-1", Record("8"))
    journal.know("t-2")
    assert (known(tmp_path), read(tmp_path)) == ("t-2", Record("8"))
    assert Journal(tmp_path, attrs.evolve(ME, controller="other")).known() is None
    rewrite(tmp_path, known=7)
    assert (known(tmp_path), read(tmp_path)) == (None, Record("8"))


@pytest.mark.parametrize("version", [None, "1", [], 0])
def test_a_strange_version_is_replaced(journal, tmp_path, version):
    journal.write(RECORD)
    rewrite(tmp_path, version=version)
    Journal(tmp_path, ME).write(RECORD)
    assert document(tmp_path)["version"] == 1


members = st.sampled_from([member.name for member in attrs.fields(Record)])
plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
anything = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["A", "installed", "activated", "sha256", "success", "details"]), inner
        )
    ),
    max_leaves=8,
)


@given(st.dictionaries(members, anything))
def test_a_member_of_a_wrong_type_costs_only_itself(changes):
    """All others are read as they are; only the action has to be there."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        folder = Path(name)
        journal = Journal(folder, ME)
        journal.write(RECORD)
        rewrite(folder, record=document(folder)["record"] | changes)
        found = read(folder)
        if found is None:
            assert not isinstance(changes["action"], str)
            return
        for member in attrs.fields(Record):
            value = getattr(found, member.name)
            if member.name not in changes:
                assert value == getattr(RECORD, member.name)
            assert type(value) in (
                type(getattr(RECORD, member.name)),
                type(getattr(Record("x"), member.name)),
            )
        Journal(folder, ME).write(found)


# ---------------------------------------------------------------- a disk that does not want to


def test_a_symbolic_link_in_the_way_is_not_followed(journal, tmp_path):
    """Neither the file being written nor the journal itself writes through a planted link."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    for name in ("journal.json.new", "journal.json"):
        (tmp_path / name).unlink(missing_ok=True)
        (tmp_path / name).symlink_to(victim)
        journal.write(RECORD)
        assert victim.read_text() == "precious"
        assert read(tmp_path) == RECORD


def test_a_lock_that_is_a_symbolic_link_is_refused(tmp_path):
    (tmp_path / "lock").symlink_to(tmp_path / "victim")
    with pytest.raises(StateError, match="set STATE_DIRECTORY"):
        lock(tmp_path)
    assert not (tmp_path / "victim").exists()


def test_a_missing_folder_is_a_sentence(tmp_path):
    with pytest.raises(
        StateError, match=r"can't write .*journal\.json: No such file .*check the state folder"
    ):
        Journal(tmp_path / "gone", ME).write(RECORD)


def test_a_full_disk_keeps_the_old_journal(journal, tmp_path):
    """If no byte fits any more, the write fails with a sentence, and the old record is still there."""
    journal.write(RECORD)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, old[1]))
    try:
        with pytest.raises(StateError, match="File too large"):
            journal.write(Record("8", artifact="x" * 200))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert read(tmp_path) == RECORD
    journal.write(Record("8"))
    assert read(tmp_path) == Record("8")


MOUNTED = """
import subprocess, sys
from pathlib import Path
from hawkbit_rauc.errors import StateError
from hawkbit_rauc.board.journal import Journal
from hawkbit_rauc.board.state_folder import lock
from hawkbit_rauc.model import Identity, Record
folder, options = Path(sys.argv[1]), sys.argv[2]
journal = Journal(folder, Identity("o", "t", "c"))
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "state", folder], check=True)
journal.write(Record("1"))
if options == "ro":
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
else:
    with open(folder / "filler", "wb", buffering=0) as filler:
        try:
            while filler.write(bytes(4096)):
                pass
        except OSError:
            pass
for act in (lambda: journal.write(Record("2", artifact="x" * 9000)), lambda: lock(folder)):
    try:
        act()
        print("done")
    except StateError as error:
        print(error)
print(journal.read().action)
"""


@pytest.mark.parametrize(
    ("options", "why"), [("ro", "Read-only file system"), ("full", "No space left on device")]
)
def test_a_real_file_system_that_takes_nothing(tmp_path, options, why):
    """Read-only or full: a sentence each, and what was written before is still read."""
    ended = subprocess.run(
        ["unshare", "--mount", sys.executable, "-c", MOUNTED, tmp_path, options],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    written, taken, action = ended.stdout.splitlines()
    assert why in written
    assert taken == "done", "a start fails by what may pass"
    assert action == "1"


def test_the_file_is_for_its_owner_only(journal, tmp_path):
    journal.write(RECORD)
    assert (tmp_path / "journal.json").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal.json"]


def test_what_was_left_of_a_write_is_no_trouble(journal, tmp_path):
    (tmp_path / "journal.json.new").write_bytes(b"x" * 100_000)
    journal.write(RECORD)
    assert read(tmp_path) == RECORD


def test_durably_means_file_then_name_then_folder(tmp_path):
    """The system calls come in the one order that survives a power cut."""
    program = f"""
from pathlib import Path
from hawkbit_rauc.durable import write_durably
write_durably(Path({str(tmp_path)!r}) / "x", b"content")
"""
    trace = tmp_path / "trace"
    subprocess.run(
        [
            "strace",
            "-f",
            "-o",
            trace,
            "-e",
            "trace=openat,write,fsync,rename,renameat,renameat2",
            sys.executable,
            "-c",
            program,
        ],
        check=True,
        timeout=60,
    )
    after = trace.read_text().partition(f"{tmp_path}/x.new")[2]
    calls = [line.split("(")[0].split()[-1] for line in after.splitlines()[1:] if "(" in line]
    assert calls[:5] == ["write", "fsync", "rename", "openat", "fsync"]


# ---------------------------------------------------------------- one instance at a time


def test_the_lock_keeps_a_second_instance_out_until_the_first_dies(tmp_path):
    """However the first one dies; a folder that is missing is made."""
    folder = tmp_path / "state"
    program = (
        "import sys; from pathlib import Path; from hawkbit_rauc.board.state_folder import lock;"
        "lock(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout.readline() == "held\n"
        with pytest.raises(LockedError, match=f"another hawkbit-rauc uses the state folder {folder}"):
            lock(folder)
        first.kill()
        first.wait()
        release(lock(folder))


def test_the_lock_is_not_inherited(tmp_path):
    """A program that we start does not keep the lock after our death."""
    held = lock(tmp_path)
    assert not any(map(os.get_inheritable, held))
    release(held)


@pytest.mark.parametrize("there", [True, False])
def test_a_read_only_folder_is_locked_too(tmp_path, caplog, there):
    """It may be mounted so after an error only: the board polls on, and a second instance stays out."""
    with mounted(tmp_path / "disk", "-t", "tmpfs", "tmpfs") as folder:
        if there:
            release(lock(folder))
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        held = lock(folder)
        assert "Read-only file system; nothing is installed before" in caplog.text
        with pytest.raises(LockedError):
            lock(folder)
        subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
        with pytest.raises(LockedError):
            lock(folder)
        release(held)


def test_an_earlier_version_is_kept_out_by_the_file(tmp_path):
    """And keeps out in turn."""
    (tmp_path / "lock").touch()
    with (tmp_path / "lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(LockedError):
            lock(tmp_path)


def test_a_state_folder_that_is_a_file_is_a_sentence(tmp_path):
    (tmp_path / "state").write_text("")
    with pytest.raises(StateError, match="can't use the state folder"):
        lock(tmp_path / "state")


def test_replacing_a_folder_is_a_sentence(tmp_path):
    (tmp_path / "x").mkdir()
    with pytest.raises(StateError, match="Is a directory"):
        write_durably(tmp_path / "x", b"")
