# SPDX-License-Identifier: LGPL-2.1-or-later
"""A bundle arrives whole, verified and durable, or the error says why; over real sockets."""

import asyncio
import hashlib
import json
import math
import os
import random
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from rig.flaky_server import Fault, FlakyServer

from hawkbit_rauc.bundle import download, hashing
from hawkbit_rauc.bundle import part_file as part
from hawkbit_rauc.bundle.download import Downloads
from hawkbit_rauc.errors import DownloadError, HawkbitRaucError, MismatchError, OfferGoneError, SpaceError
from hawkbit_rauc.model import Artifact

DATA = random.Random(1).randbytes(3 * 2**20 + 12345)
CUT = 1_000_000


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSE", 0.0)


NewServer = Callable[..., FlakyServer]


@pytest.fixture(autouse=True, params=["hash at once", "hash beside"])
def hashes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whether a thread of its own computes the hash: all must hold either way."""
    monkeypatch.setattr(hashing, "SLOW", math.inf if request.param == "hash beside" else 0.0)
    hashing.pays.cache_clear()
    yield
    hashing.pays.cache_clear()


@pytest.fixture
def new_server() -> Iterator[NewServer]:
    with ExitStack() as stack:
        yield lambda *script, **options: stack.enter_context(
            FlakyServer(options.pop("data", DATA), list(script), **options)
        )


@pytest.fixture(scope="session")
def authorities() -> ssl.SSLContext:
    return ssl.create_default_context()  # costly, and the same for all


@pytest.fixture
def http(authorities: ssl.SSLContext) -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=5, verify=authorities) as client:
        yield client


@pytest.fixture
def location(tmp_path: Path) -> Path:
    return tmp_path / "bundle.raucb"


def artifact(url: str | None, data: bytes = DATA, **changes) -> Artifact:
    values = {
        "filename": "bundle.raucb",
        "size": len(data),
        "hashes": {"sha1": hashlib.sha1(data).hexdigest(), "sha256": hashlib.sha256(data).hexdigest()},
        "url": url,
    }
    return Artifact(**{**values, **changes})


def fetch(downloads: Downloads, wanted: Artifact, progress=lambda done, total: None) -> Path:
    return asyncio.run(downloads.fetch(wanted, progress))


def leave(location: Path, data: bytes, wanted: Artifact, etag: str | None = '"v1"', **changes) -> None:
    """Put a part on the disk as an earlier process would have left it."""
    digest = ":".join(wanted.digest or ())
    location.with_name(location.name + ".part").write_bytes(data)
    note = {"hash": digest, "size": wanted.size, "etag": etag, "boot": "", "safe": [0, ""], **changes}
    location.with_name(location.name + ".part.json").write_text(json.dumps(note))


def files(location: Path) -> set[str]:
    return {path.name for path in location.parent.iterdir()}


# ---------------------------------------------------------------- whole


@pytest.mark.case(21)
def test_a_bundle_arrives_with_one_request_for_a_range(new_server, http, location):
    """One request, for a range even at the beginning, and only the bundle is left."""
    server = new_server()
    assert fetch(Downloads(location, http), artifact(server.url)) == location
    assert location.read_bytes() == DATA
    assert server.ranges == ["bytes=0-"]
    assert server.requests[0].headers["accept-encoding"] == "identity"
    assert files(location) == {"bundle.raucb"}


def test_progress_is_told_in_the_loops_thread_and_ends_with_all(new_server, http, location):
    """Progress comes in the event loop's thread, grows, and is seldom."""
    seen = []
    here = threading.get_ident()

    def progress(done: int, total: int) -> None:
        assert threading.get_ident() == here
        seen.append((done, total))

    started = time.monotonic()
    fetch(Downloads(location, http), artifact(new_server(Fault(piece=200_000, pause=0.05)).url), progress)
    assert seen[-1] == (len(DATA), len(DATA))
    assert seen == sorted(seen)
    assert len(seen) <= 2 + 4 * (time.monotonic() - started + 0.25)


def test_a_whole_bundle_is_not_asked_for_again(new_server, http, location):
    """After a restart a verified bundle is taken from the disk."""
    server = new_server()
    location.write_bytes(DATA)
    fetch(Downloads(location, http), artifact(server.url))
    assert server.requests == []


def test_another_bundle_in_the_place_is_replaced(new_server, http, location):
    """What lies there and has another hash is not taken."""
    server = new_server()
    location.write_bytes(DATA[:-1] + b"x")
    fetch(Downloads(location, http), artifact(server.url))
    assert location.read_bytes() == DATA


@pytest.mark.parametrize("size", [1, 2, 65535, 65536, 65537, 262144, 262145])
def test_any_size_arrives_on_both_paths(new_server, http, location, size):
    """Sizes around the buffers' arrive through the socket and through httpx."""
    data = DATA[:size]
    for script in ([], [Fault(chunked=True)], [Fault(piece=1 if size < 10 else 999)]):
        server = new_server(*script, data=data)
        fetch(Downloads(location, http), artifact(server.url, data))
        assert location.read_bytes() == data
        location.unlink()


@pytest.mark.parametrize("algorithm", ["sha256", "sha1", "md5"])
def test_whichever_hash_is_given_is_checked(new_server, http, location, algorithm):
    """Each hash that hawkBit may give accepts the right bytes, in any case, and refuses the wrong ones."""
    server = new_server()
    digest = hashlib.new(algorithm, DATA).hexdigest().upper()
    fetch(Downloads(location, http), artifact(server.url, hashes={algorithm: digest}))
    assert location.read_bytes() == DATA
    with pytest.raises(MismatchError, match=algorithm):
        fetch(Downloads(location, http), artifact(server.url, hashes={algorithm: digest[::-1]}))
    assert not location.exists()


def test_an_encrypted_artifact_is_checked_for_completeness_only(new_server, http, location):
    """Size and hash of an encrypted artifact describe other bytes; its length over the wire counts."""
    wanted = artifact("", size=len(DATA) + 16, hashes={"sha1": "0" * 40}, encrypted=True)
    server = new_server()
    fetch(
        Downloads(location, http),
        artifact(server.url, size=wanted.size, hashes=wanted.hashes, encrypted=True),
    )
    assert location.read_bytes() == DATA
    server = new_server(Fault(cut=CUT))
    with pytest.raises(DownloadError, match="closed"):
        fetch(
            Downloads(location, http),
            artifact(server.url, size=wanted.size, hashes=wanted.hashes, encrypted=True),
        )


def test_a_bundle_without_hash_is_taken_with_a_warning(new_server, http, location, caplog):
    """Without a hash the size is checked, and the log says who decides."""
    fetch(Downloads(location, http), artifact(new_server().url, hashes={}))
    assert "RAUC's signature" in caplog.text
    with pytest.raises(MismatchError, match="announced 3158074 bytes, server sends 3158073"):
        fetch(Downloads(location, http), artifact(new_server().url, hashes={}, size=len(DATA) + 1))


def test_a_bundle_of_unknown_size_arrives(new_server, http, location):
    """If hawkBit does not say the size, the server's length and the hash decide."""
    fetch(
        Downloads(location, http), artifact(new_server(Fault(chunked=True, ignore_range=True)).url, size=None)
    )
    assert location.read_bytes() == DATA


# ---------------------------------------------------------------- resume


def test_a_cut_is_resumed_within_the_fetch(new_server, http, location):
    """After a cut only what is missing is asked for, on condition of the same ETag."""
    server = new_server(Fault(cut=CUT), Fault(cut=CUT))
    fetch(Downloads(location, http), artifact(server.url))
    assert location.read_bytes() == DATA
    assert server.ranges == ["bytes=0-", f"bytes={CUT}-", f"bytes={2 * CUT}-"]
    assert server.requests[1].headers["if-range"] == '"v1"'
    assert server.sent == len(DATA)


def test_a_part_is_resumed_by_the_next_process(new_server, http, location):
    """A part of an earlier process is resumed, with the ETag as received, also without quotes."""
    server = new_server(etag="abc")
    leave(location, DATA[:CUT], artifact(server.url), etag="abc")
    fetch(Downloads(location, http), artifact(server.url))
    assert location.read_bytes() == DATA
    assert server.ranges == [f"bytes={CUT}-"]
    assert server.requests[0].headers["if-range"] == "abc"


def test_a_cut_part_and_its_note_resume(new_server, http, location):
    """What one fetch leaves behind, the next one resumes."""
    server = new_server(*[Fault(cut=CUT // 4)] * 4)
    with pytest.raises(DownloadError, match="closed"):
        fetch(Downloads(location, http), artifact(server.url))
    assert location.with_name("bundle.raucb.part").stat().st_size == CUT
    fetch(Downloads(location, http), artifact(server.url))
    assert location.read_bytes() == DATA
    assert server.sent == len(DATA)


def test_a_try_without_progress_ends_the_fetch(new_server, http, location):
    """A server that gives nothing is not asked again before the next poll."""
    server = new_server(Fault(cut=-1))
    with pytest.raises(DownloadError):
        fetch(Downloads(location, http), artifact(server.url))
    assert len(server.requests) == 1


def test_a_complete_part_needs_no_request(new_server, http, location):
    """A part that was complete when the power went needs no bytes."""
    server = new_server()
    leave(location, DATA, artifact(server.url))
    fetch(Downloads(location, http), artifact(server.url))
    assert server.requests == []
    assert files(location) == {"bundle.raucb"}


def test_416_at_the_end_is_complete(new_server, http, location):
    """With an unknown size, 416 with the length of the part says that it is complete."""
    server = new_server()
    wanted = artifact(server.url, size=None)
    leave(location, DATA, wanted)
    fetch(Downloads(location, http), wanted)
    assert server.ranges == [f"bytes={len(DATA)}-"]
    assert location.read_bytes() == DATA


@pytest.mark.parametrize("torn", [CUT, len(DATA)])
def test_a_torn_tail_starts_over(new_server, http, location, torn):
    """Zeros at the end of a part, as a power cut leaves them, cost a second download and no failure."""
    server = new_server()
    wanted = artifact(server.url)
    leave(location, DATA[: torn - 9000] + bytes(9000), wanted)
    fetch(Downloads(location, http), wanted)
    assert location.read_bytes() == DATA
    assert server.ranges[-1] == "bytes=0-"


def test_after_a_power_cut_only_what_was_on_the_disk_counts(new_server, http, location, monkeypatch):
    """The last blocks of another boot's part may be zeros: what the note vouches for is gone on from."""
    monkeypatch.setattr(part, "SAFE_STEP", 2**20)
    server = new_server(Fault(cut=2_500_000), Fault(cut=0))
    with pytest.raises(DownloadError):
        fetch(Downloads(location, http, boot_id="one"), artifact(server.url))
    file, note = location.with_name("bundle.raucb.part"), location.with_name("bundle.raucb.part.json")
    size, safe = file.stat().st_size, json.loads(note.read_text())["safe"][0]
    assert size - 2**20 < safe < size
    os.truncate(file, safe)
    os.truncate(file, size)
    server.requests.clear()
    fetch(Downloads(location, http, boot_id="two"), artifact(server.url))
    assert server.ranges == [f"bytes={safe}-"]
    assert location.read_bytes() == DATA


@pytest.mark.parametrize("safe", [[CUT, "00"], [CUT + 1, "00"], [0, ""], [-1, ""], ["x", 1], 3, [1], None])
def test_a_part_of_another_boot_that_is_not_vouched_for_starts_over(new_server, http, location, safe):
    """A note that does not fit what is on the disk, or can't be right, vouches for nothing."""
    server = new_server()
    leave(location, DATA[:CUT], artifact(server.url), boot="one", safe=safe)
    fetch(Downloads(location, http, boot_id="two"), artifact(server.url))
    assert server.ranges == ["bytes=0-"]
    assert location.read_bytes() == DATA


@pytest.mark.parametrize(
    "note",
    [
        "",
        "null",
        "[]",
        '"x"',
        "{}",
        '{"hash":1,"etag":1}',
        "\xff",
        '{"hash":"sha256:00","etag":""}',
        "[" * 9000,
    ],
)
def test_a_part_with_a_bad_note_is_not_resumed(new_server, http, location, note):
    """A part of which nobody knows what it is is thrown away."""
    server = new_server()
    leave(location, b"x" * CUT, artifact(server.url))
    location.with_name("bundle.raucb.part.json").write_bytes(note.encode("latin-1"))
    fetch(Downloads(location, http), artifact(server.url))
    assert server.ranges == ["bytes=0-"]
    assert location.read_bytes() == DATA


def test_a_changed_artifact_starts_over(new_server, http, location):
    """The part of another artifact is not resumed."""
    server = new_server()
    leave(location, b"x" * CUT, artifact(server.url, b"x" * len(DATA)))
    fetch(Downloads(location, http), artifact(server.url))
    assert server.ranges == ["bytes=0-"]


def test_a_changed_etag_starts_over_with_a_200(new_server, http, location):
    """A server whose file changed answers 200; its bytes go to the beginning of the file."""
    server = new_server()
    leave(location, b"x" * CUT, artifact(server.url), etag='"old"')
    fetch(Downloads(location, http), artifact(server.url))
    assert location.read_bytes() == DATA
    assert len(server.requests) == 1


def test_without_resume_each_fetch_starts_over(new_server, http, location):
    """`resume_downloads = false` is obeyed within a fetch and between two."""
    server = new_server(Fault(cut=CUT))
    with pytest.raises(DownloadError):
        fetch(Downloads(location, http, resume=False), artifact(server.url))
    fetch(Downloads(location, http, resume=False), artifact(server.url))
    assert server.ranges == ["bytes=0-", "bytes=0-"]
    assert location.read_bytes() == DATA


# ---------------------------------------------------------------- lies

SIZE = len(DATA)
LIES = {
    "wrong start": (Fault(headers={"content-range": f"bytes 5-{SIZE - 1}/{SIZE}"}), DownloadError, "range"),
    "wrong total": (
        Fault(headers={"content-range": f"bytes 0-{SIZE - 1}/{SIZE + 5}"}),
        MismatchError,
        "announced",
    ),
    "impossible range": (Fault(headers={"content-range": f"bytes 9-5/{SIZE}"}), DownloadError, "range"),
    "no content-range": (Fault(headers={"content-range": None}), DownloadError, "which"),
    "length against range": (Fault(headers={"content-length": "77"}), DownloadError, "contradicts"),
    "longer than announced": (Fault(ignore_range=True, body=DATA + b"x"), MismatchError, "announced"),
    "shorter than announced": (Fault(ignore_range=True, body=DATA[:-1]), MismatchError, "announced"),
    "chunked and longer": (Fault(ignore_range=True, chunked=True, body=DATA + b"x"), MismatchError, "more"),
    "chunked and shorter": (Fault(ignore_range=True, chunked=True, body=DATA[:-1]), DownloadError, None),
    "wrong bytes": (Fault(body=b"x" + DATA[1:]), MismatchError, "sha256"),
    "compressed": (Fault(headers={"content-encoding": "gzip"}), DownloadError, "compressed"),
    "several ranges": (
        Fault(headers={"content-type": "multipart/byteranges; boundary=x"}),
        DownloadError,
        "several",
    ),
    "a page": (
        Fault(status=200, body=b"<html>", headers={"content-type": "text/html"}),
        DownloadError,
        "page",
    ),
    "an empty 200": (Fault(status=200), MismatchError, "announced"),
    "204": (Fault(status=204, headers={"content-length": None}), DownloadError, "204"),
    "304": (Fault(status=304), DownloadError, "304"),
    "401": (Fault(status=401), DownloadError, "401"),
    "403": (Fault(status=403, body=b"{}"), DownloadError, "403"),
    "404": (Fault(status=404), OfferGoneError, "not there"),
    "410": (Fault(status=410), OfferGoneError, "not there"),
    "416": (Fault(status=416), DownloadError, "416"),
    "500": (Fault(status=500, body=b"<html>"), DownloadError, "500"),
    "599": (Fault(status=599), DownloadError, "599"),
    "no HTTP": (Fault(headers={"content-length": "x"}), DownloadError, None),
    "redirect loop": (Fault(status=302, headers={"location": "/a"}), DownloadError, "redirected more than"),
    "redirect to nowhere": (Fault(status=302, headers={"location": "ftp://x/y?secret"}), DownloadError, None),
    "redirect without location": (Fault(status=302), DownloadError, "302"),
    "redirect to nonsense": (Fault(status=302, headers={"location": "http://[::1/x"}), DownloadError, None),
    "no answer": (Fault(stall=-1), DownloadError, "nothing"),
    "headers that drip": (Fault(drip=True, pause=0.1), DownloadError, "nothing"),
}


@pytest.mark.case(21)
@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_told_in_a_sentence_and_leaves_no_bundle(new_server, http, location, lie):
    """Whatever a server does wrong becomes one sentence without secrets, and never a bundle."""
    fault, kind, words = LIES[lie]
    server = new_server(*[fault] * 8)
    with pytest.raises(kind, match=words) as caught:
        fetch(
            Downloads(location, http, low_speed_time=1, low_speed_rate=100), artifact(server.url + "?secret")
        )
    assert type(caught.value) is kind
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not location.exists()


def test_retry_after_is_handed_on(new_server, http, location):
    """429 and 503 carry the server's wish to the story."""
    with pytest.raises(DownloadError, match="429") as caught:
        fetch(
            Downloads(location, http),
            artifact(new_server(Fault(status=429, headers={"retry-after": "17"})).url),
        )
    assert caught.value.retry_after == 17


def test_redirects_are_followed_with_the_range(new_server, http, location):
    """A CDN's redirect is followed; the range goes along."""
    cdn = new_server()
    server = new_server(Fault(status=302, headers={"location": cdn.url + "?signature=x"}))
    fetch(Downloads(location, http), artifact(server.url))
    assert location.read_bytes() == DATA
    assert cdn.ranges == ["bytes=0-"]


def test_a_plus_in_the_name_is_tried_as_a_space(new_server, http, location):
    """HawkBit's own link to a name with a space answers 404; the right one is asked for once."""
    server = new_server(Fault(status=404))
    fetch(Downloads(location, http), artifact(server.url.replace("bundle.", "my+bundle.")))
    assert [request.target for request in server.requests] == ["/my+bundle.raucb", "/my%20bundle.raucb"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (None, "no link"),
        ("", "no link"),
        ("nonsense?secret", "can't be used"),
        ("http://", "can't be used"),
        ("http://[::1/?secret", "can't be used"),
        ("ftp://127.0.0.1/x?secret", "can't be used"),
        ("http://user:secret@127.0.0.1:1/x?secret", "x: Connection refused"),
    ],
)
def test_a_link_that_cannot_be_used_is_told(http, location, url, words):
    """A bad link is a sentence without its secrets."""
    with pytest.raises(DownloadError, match=words) as caught:
        fetch(Downloads(location, http), artifact(url))
    assert "secret" not in str(caught.value)


# ---------------------------------------------------------------- limits and stops


def test_a_server_that_stands_still_is_given_up(new_server, http, location):
    """A body that stops is given up after `low_speed_time`, and what is here is kept."""
    server = new_server(Fault(stall=CUT), Fault(stall=0))
    with pytest.raises(DownloadError, match="nothing"):
        fetch(Downloads(location, http, low_speed_time=0.3, low_speed_rate=100), artifact(server.url))
    assert location.with_name("bundle.raucb.part").stat().st_size == CUT


@pytest.mark.parametrize("chunked", [False, True])
def test_a_trickle_is_given_up(new_server, http, location, chunked):
    """Bytes that come too slowly are given up, on both paths."""
    server = new_server(Fault(piece=1, pause=0.05, chunked=chunked, ignore_range=True))
    with pytest.raises(DownloadError, match="bytes per second"):
        fetch(
            Downloads(location, http, low_speed_time=0.5, low_speed_rate=100),
            artifact(server.url),
        )


def test_a_slow_but_steady_body_is_taken(new_server, http, location):
    """The patience with headers is not that with the body."""
    data = DATA[:600_000]
    server = new_server(Fault(chunked=True, piece=50_000, pause=0.1), data=data)
    fetch(Downloads(location, http, low_speed_time=1, low_speed_rate=100), artifact(server.url, data))
    assert location.read_bytes() == data
    assert len(server.requests) == 1


def test_the_speed_limit_holds(new_server, http, location):
    """Half a second's worth of bytes takes half a second."""
    data = DATA[:500_000]
    started = time.monotonic()
    fetch(Downloads(location, http, speed_limit=1_000_000), artifact(new_server(data=data).url, data))
    assert 0.4 <= time.monotonic() - started < 1.5


@pytest.mark.parametrize("stall", [-1, 0, CUT])
def test_cancelling_ends_the_thread_within_a_second(new_server, http, location, stall):
    """A cancelled fetch returns soon, hangs up, keeps the part, and writes nothing any more."""
    server = new_server(Fault(stall=stall))

    async def story() -> float:
        fetching = asyncio.ensure_future(
            Downloads(location, http).fetch(artifact(server.url), lambda d, t: None)
        )
        assert await asyncio.to_thread(server.stalled.wait, 5)
        started = time.monotonic()
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        return time.monotonic() - started

    assert asyncio.run(story()) < 0.5
    assert server.hung_up.wait(2)
    assert not location.exists()


def test_cancelling_on_a_kept_connection_waits_no_longer_than_a_second(new_server, http, location):
    """A thread that can't be woken is abandoned, and does nothing to the disk any more."""
    server = new_server(None, Fault(stall=-1))
    http.get(server.url)

    async def story() -> float:
        fetching = asyncio.ensure_future(
            Downloads(location, http).fetch(artifact(server.url), lambda d, t: None)
        )
        assert await asyncio.to_thread(server.stalled.wait, 5)
        started = time.monotonic()
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        return time.monotonic() - started

    assert asyncio.run(story()) < 1.5
    assert not location.exists()


# ---------------------------------------------------------------- the disk


def test_too_little_room_is_told_before_anything_is_asked(new_server, http, location):
    """What does not fit is not begun; the sentence has both figures and the mount point."""
    server = new_server()
    with pytest.raises(SpaceError, match=r"needs \d+\.\d MiB, \d+\.\d MiB free on /"):
        fetch(Downloads(location, http), artifact(server.url, size=2**60))
    assert server.requests == []


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("fault", [None, Fault(chunked=True, ignore_range=True)])
def test_a_disk_that_fills_up_keeps_the_part(new_server, http, full, monkeypatch, fault):
    """A full disk is a SpaceError, seen before or while writing; with room again the rest is fetched."""
    location = full / "bundle.raucb"
    server = new_server(fault)
    monkeypatch.setattr(part, "MARGIN", 0)
    (full / "other").write_bytes(bytes(4 * 2**20))
    with pytest.raises(SpaceError, match=f"free on {full}"):
        fetch(Downloads(location, http), artifact(server.url, size=None))
    have = location.with_name("bundle.raucb.part").stat().st_size
    assert bool(have) == bool(fault)
    assert len(server.requests) == 1
    (full / "other").unlink()
    fetch(Downloads(location, http), artifact(server.url, size=None))
    assert location.read_bytes() == DATA
    assert server.ranges[-1] == f"bytes={have}-"


def test_a_missing_folder_is_told(new_server, http, tmp_path):
    """The sentence names the folder and the key."""
    with pytest.raises(DownloadError, match="gone is not there; create it"):
        fetch(Downloads(tmp_path / "gone" / "b", http), artifact(new_server().url))


def test_a_folder_or_link_in_the_place_is_told(new_server, http, tmp_path):
    """Neither is replaced: somebody put it there."""
    (tmp_path / "folder").mkdir()
    with pytest.raises(DownloadError, match="is a folder"):
        fetch(Downloads(tmp_path / "folder", http), artifact(new_server().url))
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(DownloadError, match="symbolic link"):
        fetch(Downloads(tmp_path / "link", http), artifact(new_server().url))


def test_planted_parts_are_not_followed(new_server, http, location, tmp_path):
    """A link, a doubled link or a pipe in the part's place is replaced, and what it led to stays as it was."""
    victim = tmp_path / "victim"
    file, note = location.with_name("bundle.raucb.part"), location.with_name("bundle.raucb.part.json")
    for plant in (lambda: file.symlink_to(victim), lambda: file.hardlink_to(victim), lambda: os.mkfifo(file)):
        victim.write_bytes(DATA[:CUT])
        server = new_server()
        leave(location, b"", artifact(server.url))
        file.unlink()
        plant()
        fetch(Downloads(location, http), artifact(server.url))
        assert victim.read_bytes() == DATA[:CUT]
        assert location.read_bytes() == DATA
        assert server.ranges == ["bytes=0-"]
        location.unlink()
    note.symlink_to(victim)
    fetch(Downloads(location, http), artifact(new_server().url))
    assert victim.read_bytes() == DATA[:CUT]


def test_discard_removes_everything_twice(new_server, http, location):
    """Discarding is safe at any time."""
    leave(location, b"x", artifact(""))
    location.write_bytes(b"x")
    Downloads(location, http).discard()
    Downloads(location, http).discard()
    assert files(location) == set()


# ---------------------------------------------------------------- TLS and chance


@pytest.fixture(scope="session")
def self_signed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*command.split(), "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


@pytest.fixture
def tls(self_signed: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*self_signed)
    return context


def test_the_same_over_tls(new_server, location, tls, self_signed):
    """Over TLS a cut is resumed, a stop is quick, and the bytes are right."""
    with httpx.Client(trust_env=False, verify=ssl.create_default_context(cafile=str(self_signed[0]))) as http:
        server = new_server(Fault(cut=CUT), tls=tls)
        fetch(Downloads(location, http), artifact(server.url))
        assert location.read_bytes() == DATA
        plain = new_server()
        server = new_server(Fault(status=302, headers={"location": plain.url}), tls=tls)
        location.unlink()
        with pytest.raises(DownloadError, match="from https to http"):
            fetch(Downloads(location, http), artifact(server.url))
        test_cancelling_ends_the_thread_within_a_second(
            lambda fault: new_server(fault, tls=tls), http, location, CUT
        )


def test_an_unknown_authority_is_told(new_server, http, location, tls):
    """A certificate that can't be checked is a sentence."""
    with pytest.raises(DownloadError, match="certificate"):
        fetch(Downloads(location, http), artifact(new_server(tls=tls).url))


@pytest.mark.parametrize("seed", range(40))
def test_right_bytes_or_an_error_whatever_happens(new_server, http, location, seed):
    """Through a server that cuts, lies and compresses, and parts that tear: the right bytes or an error."""
    chance = random.Random(seed)
    faults = [
        fault
        for name, (fault, _, _) in LIES.items()
        if "headers that" not in name and "no answer" not in name
    ]
    server = new_server(data=DATA[: chance.randrange(1, len(DATA))])
    wanted = artifact(server.url, server.data)
    for _ in range(12):
        server.script[:] = [
            chance.choice([None, Fault(cut=chance.randrange(len(server.data))), chance.choice(faults)])
            for _ in range(3)
        ]
        server.etag = chance.choice(['"v1"', '"v2"', "v1", None, 'W/"v1"'])
        try:
            fetch(Downloads(location, http, low_speed_time=1, low_speed_rate=100), wanted)
        except HawkbitRaucError:
            assert not location.exists()
            file = location.with_name("bundle.raucb.part")
            if chance.random() < 0.3 and file.exists() and file.stat().st_size > 100:
                size = file.stat().st_size
                os.truncate(file, size - 50)
                os.truncate(file, size)
        else:
            assert location.read_bytes() == server.data
            location.unlink()
    server.script.clear()
    fetch(Downloads(location, http), wanted)
    assert location.read_bytes() == server.data
