# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files, as a stream and onto the disk: resumed, hashed, checked, and never with the credentials elsewhere."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from hawkbit_ddi import (
    Artifact,
    Client,
    DdiError,
    DeploymentBase,
    Download,
    Hashes,
    LinkError,
    MismatchError,
    NotFoundError,
    QuotaExceededError,
    RangeNotSatisfiableError,
    RedirectError,
    ServerError,
    TransportError,
    UnauthorizedError,
    UnreadableAnswerError,
    errors,
    get_controller_base,
)
from sdk.sdk_answers import BASE, OWN, PORTAL, QUOTA, TLS, TOKEN, client_of

from hawkbit_testing import Hawkbit, faults

FILE = bytes(range(256)) * 1000
SHA256, SHA1, MD5 = (hashlib.new(name, FILE).hexdigest() for name in ("sha256", "sha1", "md5"))
TAG = f'"{SHA1}"'
LINK = f"{BASE.removesuffix('/prefix')}{OWN}/softwaremodules/4/artifacts/system.raucb"
CDN = "https://cdn.example/system.raucb?signature=secret"

both = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "asyncio"])


def save(client: Client, source: Artifact | str, path: Path, *, asynchronous: bool, **more: Any) -> Download:
    """Download to a file."""
    if asynchronous:
        return asyncio.run(client.adownload(source, path, **more))
    return client.download(source, path, **more)


def stream(
    client: Client, source: Artifact | str, *, asynchronous: bool, **more: Any
) -> tuple[int, bytes, Download]:
    """Download as a stream; where its bytes began, the bytes, and how it ended."""
    if not asynchronous:
        with client.download_stream(source, **more) as download:
            return download.position, b"".join(download), download

    async def run() -> tuple[int, bytes, Download]:
        async with client.adownload_stream(source, **more) as download:
            return download.position, b"".join([piece async for piece in download]), download

    return asyncio.run(run())


def artifact(**more: Any) -> Artifact:
    """What a server announces about the file."""
    announced: dict[str, Any] = {
        "filename": "system.raucb",
        "size": len(FILE),
        "hashes": {"sha256": SHA256, "sha1": SHA1, "md5": MD5},
        "_links": {"md5sum-http": {"href": LINK + ".MD5SUM"}, "download-http": {"href": LINK}},
    }
    return Artifact.from_dict(announced | more)


class Server:
    """A file server that does as RFC 9110 says, unless `answer` has something else to say; keeps what was asked."""

    def __init__(self, content: bytes = FILE, tag: str | None = TAG) -> None:
        self.content = content
        self.tag = tag
        self.answer: Callable[[httpx.Request], httpx.Response | None] = lambda _: None
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answer(request) or self.serve(request)

    def serve(self, request: httpx.Request) -> httpx.Response:
        """Give the part that is asked for."""
        headers = {} if self.tag is None else {"ETag": self.tag}
        start = int(request.headers["range"].removeprefix("bytes=").removesuffix("-"))
        if request.headers.get("if-range", self.tag) != self.tag:
            return httpx.Response(200, content=self.content, headers=headers)
        total = len(self.content)
        if start >= total:
            return httpx.Response(416, headers={"Content-Range": f"bytes */{total}"})
        headers["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
        return httpx.Response(206, content=self.content[start:], headers=headers)

    @property
    def asked(self) -> list[tuple[str | None, str | None]]:
        """Range and If-Range of each request."""
        return [(r.headers.get("range"), r.headers.get("if-range")) for r in self.requests]


@pytest.fixture
def server() -> Server:
    """A file server that has the file."""
    return Server()


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """A client of it."""
    with closing(client_of(server)) as client:
        yield client


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file shall lie."""
    return tmp_path / "system.raucb"


def lying_beside(path: Path) -> list[str]:
    """The names of all that lies in the file's folder."""
    return sorted(file.name for file in path.parent.iterdir())


def left_behind(path: Path, content: bytes, tag: str | None = TAG) -> None:
    """Make a part as a former try leaves it."""
    path.with_name(path.name + ".part").write_bytes(content)
    if tag is not None:
        path.with_name(path.name + ".part.etag").write_text(tag)


@both
def test_an_artifact_becomes_a_file(client: Client, server: Server, path: Path, asynchronous: bool) -> None:
    """All of it, checked by the strongest hash, under its name and with nothing beside it; an older file is replaced."""
    path.write_bytes(b"old")
    done = save(client, artifact(), path, asynchronous=asynchronous)
    assert path.read_bytes() == FILE
    assert lying_beside(path) == ["system.raucb"]
    assert (done.size, done.position, done.etag) == (len(FILE), len(FILE), TAG)
    assert (done.algorithm, done.digest) == ("sha256", SHA256)
    assert server.asked == [("bytes=0-", None)]
    assert str(server.requests[0].url) == LINK
    assert server.requests[0].headers["accept-encoding"] == "identity"
    assert server.requests[0].headers["authorization"] == f"TargetToken {TOKEN}"


@both
def test_an_artifact_becomes_a_stream(client: Client, server: Server, asynchronous: bool) -> None:
    """The bytes in order, counted and hashed while they pass."""
    start, content, done = stream(client, artifact(), asynchronous=asynchronous)
    assert (start, content) == (0, FILE)
    assert (done.position, done.size, done.etag, done.digest) == (len(FILE), len(FILE), TAG, SHA256)


@both
def test_a_link_alone_will_do(client: Client, server: Server, path: Path, asynchronous: bool) -> None:
    """Without hash and size the answer's own length counts, and the SHA-256 is told."""
    done = save(client, LINK, path, asynchronous=asynchronous)
    assert (path.read_bytes(), done.size, done.digest) == (FILE, len(FILE), SHA256)
    with pytest.raises(
        MismatchError, match=f"{len(FILE) + 1} bytes were announced, the server has {len(FILE)}"
    ):
        save(client, LINK, path, asynchronous=asynchronous, size=len(FILE) + 1)
    with pytest.raises(MismatchError, match="md5 is"):
        save(client, LINK, path, asynchronous=asynchronous, hashes=Hashes(md5="0" * 32))


@both
@pytest.mark.parametrize("version", ["0.3", "0.9", "1.1"])
def test_a_broken_download_is_gone_on_with(path: Path, version: str, asynchronous: bool) -> None:
    """Cut in the middle, called again: the rest is asked for with the tag as received, without quotes from old servers."""
    with Hawkbit(version) as hawkbit:
        target = hawkbit.target()
        target.assign({"my system.raucb": FILE})
        client = Client(hawkbit.url, target.id, target_token=target.token, verify=TLS, trust_env=False)
        with client:
            link = get_controller_base.sync(client=client).links["deploymentBase"]
            file = client.follow(link.href, DeploymentBase).deployment.chunks[0].artifacts[0]

        def fetch() -> None:
            with Client(
                hawkbit.url, target.id, target_token=target.token, verify=TLS, trust_env=False
            ) as fresh:
                save(fresh, file, path, asynchronous=asynchronous)

        hawkbit.fault("artifacts/my%20system", faults.cut(100_000))
        with pytest.raises(TransportError, match="broke off"):
            fetch()
        here = path.with_name("system.raucb.part").stat().st_size
        assert 0 < here <= 100_000
        assert not path.exists()
        fetch()
        last = hawkbit.requests("GET .*artifacts")[-1].headers
    assert path.read_bytes() == FILE
    assert lying_beside(path) == ["system.raucb"]
    assert last["Range"] == f"bytes={here}-"
    assert last["If-Range"] == (TAG if version == "1.1" else SHA1)


@both
def test_a_stream_is_gone_on_with(client: Client, server: Server, asynchronous: bool) -> None:
    """`start` and `etag` fetch the rest of the same file, and the whole of another; `position` tells which."""
    start, content, _ = stream(client, LINK, asynchronous=asynchronous, start=1000, etag=TAG)
    assert (start, content) == (1000, FILE[1000:])
    start, content, _ = stream(client, artifact(), asynchronous=asynchronous, start=1000, etag='"other"')
    assert (start, content) == (0, FILE)
    start, content, _ = stream(client, artifact(), asynchronous=asynchronous, start=len(FILE))
    assert (start, content) == (len(FILE), b"")
    assert server.asked == [("bytes=1000-", TAG), ("bytes=1000-", '"other"'), (f"bytes={len(FILE)}-", None)]
    with pytest.raises(ValueError, match="0 or more"):
        stream(client, LINK, asynchronous=asynchronous, start=-1)


@both
def test_what_is_here_already_is_not_fetched_again(
    client: Client, server: Server, path: Path, asynchronous: bool
) -> None:
    """A complete part costs one request without a body, even if the server doesn't say how long the file is."""
    left_behind(path, FILE)
    server.answer = lambda _: httpx.Response(416)
    save(client, artifact(), path, asynchronous=asynchronous)
    assert path.read_bytes() == FILE
    server.answer = lambda _: None
    left_behind(path, FILE)
    save(client, artifact(), path, asynchronous=asynchronous)
    assert path.read_bytes() == FILE
    assert server.asked == [(f"bytes={len(FILE)}-", TAG)] * 2


@both
def test_a_file_that_changed_is_fetched_whole(
    client: Client, server: Server, path: Path, asynchronous: bool
) -> None:
    """The tag of the part doesn't fit any more: the answer 200 replaces what is here."""
    left_behind(path, b"x" * 1000, '"of another file"')
    save(client, artifact(), path, asynchronous=asynchronous)
    assert path.read_bytes() == FILE
    assert server.asked == [("bytes=1000-", '"of another file"')]
    server.content = FILE[:500]
    left_behind(path, b"x" * 1000, '"of another file"')
    save(client, LINK, path, asynchronous=asynchronous)
    assert path.read_bytes() == FILE[:500]


@both
def test_a_tag_goes_with_its_file(client: Client, server: Server, path: Path, asynchronous: bool) -> None:
    """What replaces a part and has no tag leaves none of the old one's behind."""
    left_behind(path, b"x" * 1000, '"of another file"')
    server.answer = lambda _: httpx.Response(200, stream=httpx.ByteStream(FILE[:1000]))
    with pytest.raises(TransportError):
        save(client, artifact(), path, asynchronous=asynchronous)
    assert lying_beside(path) == ["system.raucb.part"]


@both
@pytest.mark.parametrize(
    "torn", [b"\0" * 1000, FILE + b"more", b"\0" * len(FILE)], ids=["zeros", "long", "full"]
)
def test_a_torn_part_is_fetched_anew_once(
    client: Client, server: Server, path: Path, torn: bytes, asynchronous: bool
) -> None:
    """Bytes that a power cut spoiled are found by the hash and fetched again; nobody has to call twice."""
    left_behind(path, torn)
    save(client, artifact(), path, asynchronous=asynchronous)
    assert path.read_bytes() == FILE
    assert server.asked[-1] == ("bytes=0-", None)
    assert len(server.asked) <= 2


@both
@pytest.mark.parametrize("tag", [None, "", 'W/"weak"', "un\nsendable", "ä"])
def test_only_a_hash_or_a_strong_tag_vouches_for_a_part(
    client: Client, server: Server, path: Path, tag: str | None, asynchronous: bool
) -> None:
    """Without both a part is thrown away; with a hash it counts, and a tag that can't be sent back is not sent."""
    left_behind(path, FILE[:1000], tag)
    save(client, LINK, path, asynchronous=asynchronous)
    assert server.asked == [("bytes=0-", None)]
    left_behind(path, FILE[:1000], tag)
    save(client, artifact(), path, asynchronous=asynchronous)
    assert server.asked[1:] == [("bytes=1000-", None)]
    left_behind(path, FILE[:1000], TAG)
    save(client, LINK, path, asynchronous=asynchronous)
    assert server.asked[2:] == [("bytes=1000-", TAG)]
    assert path.read_bytes() == FILE


@both
def test_a_wrong_file_leaves_nothing_behind(
    client: Client, server: Server, path: Path, asynchronous: bool
) -> None:
    """Right size, wrong bytes: MismatchError with both hashes, and neither file nor part."""
    server.content = b"x" * len(FILE)
    with pytest.raises(MismatchError, match=f"sha256 is [0-9a-f]+, announced was {SHA256}"):
        save(client, artifact(), path, asynchronous=asynchronous)
    assert lying_beside(path) == []
    with pytest.raises(MismatchError, match="announced was"):
        stream(client, artifact(), asynchronous=asynchronous)


@pytest.mark.parametrize(
    ("hashes", "algorithm"),
    [
        ({"sha256": SHA256, "sha1": "0" * 40, "md5": "0" * 32}, "sha256"),
        ({"sha256": SHA256.upper()}, "sha256"),
        ({"sha1": SHA1, "md5": "0" * 32, "sha256": None}, "sha1"),
        ({"sha1": "", "md5": MD5}, "md5"),
        ({}, "sha256"),
    ],
)
def test_the_strongest_hash_counts(
    client: Client, path: Path, hashes: dict[str, str | None], algorithm: str
) -> None:
    """SHA-256 before SHA-1 before MD5, in any case of letters; a weaker one neither saves nor spoils."""
    assert client.download(artifact(hashes=hashes), path).algorithm == algorithm


@pytest.mark.parametrize("odd", ["abc", "g" * 64, "0" * 40, "ä" * 64, "\u0660" * 64])
def test_a_hash_that_is_none_is_told_before_anything_is_fetched(
    client: Client, server: Server, path: Path, odd: str
) -> None:
    """What can't be checked isn't fetched, and no weaker hash takes its place."""
    with pytest.raises(MismatchError, match="has not 64 hexadecimal digits"):
        client.download(artifact(hashes={"sha256": odd, "md5": MD5}), path)
    assert server.requests == []


@both
@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [
        (200, PORTAL, UnreadableAnswerError),
        (200, b"short", MismatchError),
        (204, b"", UnreadableAnswerError),
        (401, b"", UnauthorizedError),
        (404, b"", NotFoundError),
        (429, b"", errors.RateLimitedError),
        (503, PORTAL, ServerError),
        (599, b"", ServerError),
        (302, b"", RedirectError),
    ],
)
def test_a_refusal_costs_nothing_of_what_is_here(
    client: Client,
    server: Server,
    path: Path,
    status: int,
    content: bytes,
    kind: type[DdiError],
    asynchronous: bool,
) -> None:
    """Refusals and pages of portals are errors of the tree, and the part stays to be gone on with."""
    left_behind(path, FILE[:1000])
    media = {"Content-Type": "text/html; charset=utf-8"} if content == PORTAL else {}
    server.answer = lambda _: httpx.Response(status, content=content, headers=media)
    with pytest.raises(kind):
        save(client, artifact(), path, asynchronous=asynchronous)
    assert path.with_name("system.raucb.part").read_bytes() == FILE[:1000]
    server.answer = lambda _: None
    save(client, artifact(), path, asynchronous=asynchronous)
    assert path.read_bytes() == FILE
    assert server.asked[-1] == ("bytes=1000-", TAG)


def test_a_full_history_is_a_quota(client: Client, server: Server, path: Path) -> None:
    """The download's own quota is told apart from a rate limit."""
    server.answer = lambda _: httpx.Response(429, json=QUOTA)
    with pytest.raises(QuotaExceededError, match="tooManyEntries"):
        client.download(artifact(), path)


@both
@pytest.mark.parametrize(
    "said",
    [
        None,
        "",
        "bytes 0-255999/256000",
        "bytes 0-254999/256000",
        "bytes 999-255999/256000",
        "bytes 1001-255999/256000",
        "bytes 1000-999/256000",
        "bytes 1000-256000/256000",
        "bytes 1000-255998/256000",
        "items 1000-255999/256000",
        "bytes 1000-255999/256000, bytes 0-1/256000",
        "bytes 1000-\u066255999/256000",
    ],
)
def test_a_part_that_was_not_asked_for_is_not_used(
    client: Client, server: Server, path: Path, said: str | None, asynchronous: bool
) -> None:
    """Content-Range must name the part that is missing; what can't be resumed so is fetched anew, once."""
    left_behind(path, FILE[:1000])

    def lie(request: httpx.Request) -> httpx.Response | None:
        if request.headers["range"] == "bytes=0-":
            return None
        headers = [] if said is None else [(b"Content-Range", said.encode())]
        return httpx.Response(206, content=FILE[1000:], headers=headers)

    server.answer = lie
    save(client, artifact(), path, asynchronous=asynchronous)
    assert path.read_bytes() == FILE
    with pytest.raises(UnreadableAnswerError):
        stream(client, artifact(), asynchronous=asynchronous, start=1000)


@both
def test_a_part_of_another_file_is_not_used(
    client: Client, server: Server, path: Path, asynchronous: bool
) -> None:
    """A server that passes If-Range over is found out by its tag, even without a hash."""
    left_behind(path, b"x" * 1000, '"of another file"')
    server.answer = lambda r: r.headers.pop("if-range", None) and None
    save(client, LINK, path, asynchronous=asynchronous)
    assert path.read_bytes() == FILE
    with pytest.raises(UnreadableAnswerError, match="part of another file"):
        stream(client, LINK, asynchronous=asynchronous, start=1000, etag='"of another file"')


@both
def test_a_file_of_another_size_is_told(
    client: Client, server: Server, path: Path, asynchronous: bool
) -> None:
    """The server's size is not the announced one: nothing is fetched, and the part stays as it is."""
    left_behind(path, FILE[:1000])
    server.content = FILE + b"x"
    with pytest.raises(MismatchError, match="256000 bytes were announced, the server has 256001"):
        save(client, artifact(), path, asynchronous=asynchronous)
    assert path.with_name("system.raucb.part").read_bytes() == FILE[:1000]


@both
def test_a_server_without_that_range_is_asked_for_all(
    client: Client, server: Server, path: Path, asynchronous: bool
) -> None:
    """416 for a part that is longer than the server's file: fetched anew; a stream raises."""
    server.content = FILE[:500]
    left_behind(path, FILE[:1000])
    save(client, LINK, path, asynchronous=asynchronous)
    assert path.read_bytes() == FILE[:500]
    with pytest.raises(RangeNotSatisfiableError):
        stream(client, LINK, asynchronous=asynchronous, start=501)


@both
def test_a_short_body_is_not_the_file(client: Client, server: Server, path: Path, asynchronous: bool) -> None:
    """Bytes that are missing at an orderly end are told, and what came is kept."""

    server.answer = lambda _: httpx.Response(200, stream=httpx.ByteStream(FILE[:1000]))
    with pytest.raises(TransportError, match="ended at 1000 of 256000 bytes"):
        save(client, artifact(), path, asynchronous=asynchronous)
    assert path.with_name("system.raucb.part").read_bytes() == FILE[:1000]
    server.answer = lambda _: httpx.Response(200, stream=httpx.ByteStream(FILE + b"x"))
    with pytest.raises(MismatchError, match="more than the announced 256000 bytes"):
        stream(client, artifact(), asynchronous=asynchronous)


@both
def test_a_compressed_file_is_refused(client: Client, server: Server, path: Path, asynchronous: bool) -> None:
    """A proxy that compresses spoils ranges and lengths."""
    server.answer = lambda _: httpx.Response(
        200, stream=httpx.ByteStream(FILE), headers={"Content-Encoding": "gzip"}
    )
    with pytest.raises(UnreadableAnswerError, match="compressed"):
        save(client, artifact(), path, asynchronous=asynchronous)


@both
def test_an_empty_file_is_a_file(client: Client, server: Server, path: Path, asynchronous: bool) -> None:
    """There is no first byte to ask for: 416 with nothing missing is all."""
    server.content = b""
    assert save(client, LINK, path, asynchronous=asynchronous).size == 0
    assert path.read_bytes() == b""


@both
def test_the_page_that_was_announced_is_no_portal(
    client: Client, server: Server, path: Path, asynchronous: bool
) -> None:
    """A file of HTML can be fetched where its size is known."""
    server.answer = lambda _: httpx.Response(200, content=PORTAL, headers={"Content-Type": "text/html"})
    save(client, LINK, path, asynchronous=asynchronous, size=len(PORTAL))
    assert path.read_bytes() == PORTAL


@both
def test_the_credentials_stay_at_home(client: Client, server: Server, path: Path, asynchronous: bool) -> None:
    """Neither a foreign link nor a redirect takes them along; on the way back they are put on again."""
    to = iter([CDN, LINK])
    server.answer = lambda r: (
        httpx.Response(307, headers={"Location": href}) if (href := next(to, None)) else None
    )
    save(client, artifact(), path, asynchronous=asynchronous)
    foreign = artifact(_links={"download": {"href": CDN}})
    save(client, foreign, path, asynchronous=asynchronous)
    assert [(r.url.host, "authorization" in r.headers) for r in server.requests] == [
        ("hawkbit.example", True),
        ("cdn.example", False),
        ("hawkbit.example", True),
        ("cdn.example", False),
    ]
    assert {r.headers["range"] for r in server.requests} == {"bytes=0-"}
    assert not any(TOKEN in str(r.headers) for r in server.requests if r.url.host == "cdn.example")


@both
@pytest.mark.parametrize("to", ["http://hawkbit.example/system.raucb", LINK, "http://[", "nowhere://x/"])
def test_a_redirect_downwards_or_in_circles_is_not_followed(
    client: Client, server: Server, path: Path, to: str, asynchronous: bool
) -> None:
    """From https to http, more than 5 times, or to no address at all: an error of the tree."""
    server.answer = lambda _: httpx.Response(302, headers={"Location": to})
    with pytest.raises((RedirectError, TransportError)):
        save(client, artifact(), path, asynchronous=asynchronous)
    assert len(server.requests) <= 6
    assert {request.url.scheme for request in server.requests} == {"https"}


def test_a_link_by_another_name_is_rebased(client: Client, server: Server, path: Path) -> None:
    """A server that names itself wrongly is asked by way of the configured origin."""
    href = "http://10.0.0.7:8080/DEFAULT/controller/v1/dev-1/softwaremodules/4/artifacts/system.raucb"
    client.download(artifact(_links={"download-http": {"href": href}}), path)
    assert str(server.requests[0].url) == LINK


@pytest.mark.parametrize(
    ("links", "chosen"),
    [
        ({"download-http": "a", "download": "b", "md5sum": "c"}, "b"),
        ({"md5sum-http": "c", "download-http": "a"}, "a"),
        ({"md5sum": "c", "by-the-cdn": "d"}, "d"),
    ],
)
def test_the_link_is_chosen_by_its_relation(
    client: Client, server: Server, path: Path, links: dict[str, str], chosen: str
) -> None:
    """`download`, else `download-http`, else any that is no checksum's."""
    named = {relation: {"href": f"https://cdn.example/{name}"} for relation, name in links.items()}
    client.download(artifact(_links=named), path)
    assert server.requests[0].url.path == f"/{chosen}"


@both
@pytest.mark.parametrize("links", [{}, {"md5sum": {"href": LINK}}, {"download": {"href": "ftp://x/y"}}])
def test_an_artifact_without_a_link_is_told(
    client: Client, path: Path, links: dict[str, Any], asynchronous: bool
) -> None:
    """No link, or none that can be fetched: LinkError, and nothing on the disk."""
    with pytest.raises(LinkError):
        save(client, artifact(_links=links), path, asynchronous=asynchronous)
    assert lying_beside(path) == []


@both
def test_no_answer_is_a_transport_error(
    client: Client, server: Server, path: Path, asynchronous: bool
) -> None:
    """What the network does comes as TransportError with httpx's error as the cause."""

    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Name or service not known")

    server.answer = fail
    with pytest.raises(
        TransportError, match=r"system\.raucb got no answer: Name or service not known"
    ) as caught:
        save(client, artifact(), path, asynchronous=asynchronous)
    assert isinstance(caught.value.__cause__, httpx.ConnectError)


@both
def test_trouble_with_the_disk_is_an_os_error(client: Client, path: Path, asynchronous: bool) -> None:
    """A folder that isn't there is not the server's fault."""
    with pytest.raises(FileNotFoundError):
        save(client, artifact(), path.parent / "missing" / "file", asynchronous=asynchronous)


def test_a_message_shows_no_query(client: Client, server: Server, path: Path) -> None:
    """Signatures in links are secrets."""
    server.answer = lambda _: httpx.Response(403)
    with pytest.raises(DdiError) as caught:
        client.download(CDN, path)
    assert "signature" not in str(caught.value)


def test_a_download_that_is_called_off_goes_on_later(path: Path) -> None:
    """Cancelled in the middle, the asynchronous download keeps what is here, and its file is closed."""
    with Hawkbit() as hawkbit:
        target = hawkbit.target()
        target.assign({"a.raucb": FILE})
        stalled = faults.stall(after=100_000)

        async def run() -> None:
            async with Client(hawkbit.url, target.id, target_token=target.token, trust_env=False) as client:
                base = await get_controller_base.asyncio(client=client)
                offer = await client.afollow(base.links["deploymentBase"].href, DeploymentBase)
                file = offer.deployment.chunks[0].artifacts[0]
                hawkbit.fault("artifacts", stalled)
                task = asyncio.create_task(client.adownload(file, path))
                await asyncio.to_thread(stalled.reached.wait, 10)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                stalled.released.set()
                await client.adownload(file, path)

        asyncio.run(run())
    assert path.read_bytes() == FILE
