# SPDX-License-Identifier: LGPL-2.1-or-later
"""What RAUC is given to stream, and what is refused before it begins; over real sockets."""

import asyncio
import random
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from attrs import define, field
from rig.flaky_server import Fault, FlakyServer
from rig.nginx import tls_keys
from rig.target import free_port

from hawkbit_rauc.bundle.download import Downloads
from hawkbit_rauc.bundle.stream import Streams
from hawkbit_rauc.errors import (
    DeploymentError,
    DownloadError,
    HawkbitRaucError,
    InstallerBusyError,
    MismatchError,
    OfferGoneError,
)
from hawkbit_rauc.hawkbit import connection
from hawkbit_rauc.model import Artifact, Refusal, RemoteBundle
from hawkbit_rauc.net import tls

DATA = random.Random(7).randbytes(100_000)
TOKEN = "cb115a721af28f781b493fa467819ef5"
HEADER = f"Authorization: TargetToken {TOKEN}"
CERTIFICATE = ("/etc/client.pem", "/etc/client.key.pem")

NewServer = Callable[..., FlakyServer]


@pytest.fixture
def new_server() -> Iterator[NewServer]:
    """Starts servers; the first answers follow a script."""
    with ExitStack() as stack:
        yield lambda *script, **options: stack.enter_context(FlakyServer(DATA, list(script), **options))


@define
class Rauc:
    """Says why it can't stream, or raises, and remembers what it was asked about."""

    why: Refusal | HawkbitRaucError | None = None
    asked: list[RemoteBundle] = field(factory=list)

    async def refusal(self, bundle: RemoteBundle) -> Refusal | None:
        self.asked.append(bundle)
        if isinstance(self.why, HawkbitRaucError):
            raise self.why
        return self.why


@define
class Streaming:
    """The adapter between a server that is hawkBit's and a RAUC."""

    folder: Path
    own: FlakyServer
    rauc: Rauc = field(factory=Rauc)
    fallback: bool = False
    origins: tuple[str, ...] = ()
    sends: bool = True
    certificate: bool = False
    ca_file: str | None = None

    def fetch(self, url: str, **changes: object) -> RemoteBundle | Path:
        """Have one bundle fetched by the URL."""
        server = connection.connect(
            origin(self.own.url),
            "board",
            target_token=None if self.certificate else TOKEN,
            ca_file=self.ca_file or tls.system_authorities(),
            connect_timeout=5,
            timeout=5,
            download_origins=self.origins,
            send_download_authentication=self.sends,
        )
        streams = Streams(
            server.http,
            self.rauc.refusal,
            Downloads(self.folder / "bundle.raucb", server.http),
            fallback=self.fallback,
            origins=frozenset((origin(self.own.url), *self.origins)) if self.sends else frozenset(),
            certificate=CERTIFICATE if self.certificate else None,
            authorities=self.ca_file,
        )
        values = {"filename": "b", "size": len(DATA), "hashes": {}, "url": url} | changes
        try:
            return asyncio.run(streams.fetch(Artifact(**values), lambda _done, _total: None))
        finally:
            server.close()


@pytest.fixture
def streaming(tmp_path: Path, new_server: NewServer) -> Streaming:
    """Streams of a board whose hawkBit is the one server."""
    return Streaming(tmp_path, new_server())


def origin(url: str) -> str:
    return "{0.scheme}://{0.netloc}".format(urlsplit(url))


def redirect(url: str) -> Fault:
    return Fault(status=302, body=b"", headers={"location": url})


# ---------------------------------------------------------------- what RAUC gets


def test_rauc_gets_the_link_and_the_token_and_nothing_is_on_the_disk(streaming):
    """From hawkBit itself, RAUC gets what our own download would have sent; four bytes were asked for."""
    bundle = streaming.fetch(streaming.own.url)
    assert bundle == RemoteBundle(streaming.own.url, headers=(HEADER,))
    assert streaming.rauc.asked == [bundle]
    assert streaming.own.ranges == ["bytes=0-3"]
    assert list(streaming.folder.iterdir()) == []


def test_rauc_gets_the_end_of_redirects_without_the_token(streaming, new_server):
    """RAUC would hand its headers on, so it gets the last place, and the token only if that place may have it."""
    storage = new_server()
    streaming.own.script.append(redirect(f"{storage.url}?signature=s3cret"))
    bundle = streaming.fetch(streaming.own.url)
    assert bundle == RemoteBundle(f"{storage.url}?signature=s3cret")
    assert "authorization" not in storage.requests[0].headers
    assert "s3cret" not in repr(bundle)


def test_a_named_origin_gets_the_token(streaming, new_server):
    """`download_origins` counts for RAUC's requests as for our own."""
    storage = new_server()
    streaming.origins = (origin(storage.url),)
    streaming.own.script.append(redirect(storage.url))
    assert streaming.fetch(streaming.own.url) == RemoteBundle(storage.url, headers=(HEADER,))


def test_no_token_where_downloads_carry_none(streaming):
    """`send_download_authentication = false` counts for RAUC's requests as for our own."""
    streaming.sends = False
    assert streaming.fetch(streaming.own.url) == RemoteBundle(streaming.own.url)


@pytest.mark.parametrize("sends", [True, False])
def test_a_client_certificate_goes_where_a_token_would(streaming, new_server, sends):
    """Its files are named to RAUC for hawkBit's own origin, and for no other."""
    streaming.certificate, streaming.sends, streaming.ca_file = True, sends, str(tls_keys() / "ca.pem")
    certificate, key = CERTIFICATE if sends else (None, None)
    own = RemoteBundle(
        streaming.own.url, certificate=certificate, key=key, authorities=str(tls_keys() / "ca.pem")
    )
    assert streaming.fetch(streaming.own.url) == own
    elsewhere = new_server()
    other = RemoteBundle(elsewhere.url, authorities=str(tls_keys() / "ca.pem"))
    assert streaming.fetch(elsewhere.url) == other


# ---------------------------------------------------------------- what can't be streamed


def unfit() -> list[tuple[str, dict, Fault | None, str]]:
    """Servers that RAUC can't stream from, and what is said of them."""
    return [
        ("no ranges", {}, Fault(ignore_range=True), "does not answer requests for ranges"),
        ("bare tag", {"etag": "da39a3ee5e6b4b0d3255bfef95601890afd80709"}, None, "hawkBit up to 0.9"),
    ]


@pytest.mark.parametrize(("options", "fault", "why"), [case[1:] for case in unfit()])
def test_a_server_that_is_unfit_ends_the_action_with_the_reason(streaming, new_server, options, fault, why):
    """RAUC is not even asked; the sentence says what to configure."""
    streaming.own = new_server(fault, **options)
    with pytest.raises(DeploymentError, match=why) as caught:
        streaming.fetch(f"{streaming.own.url}?signature=s3cret", size=None)
    assert "stream_fallback = true" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert streaming.rauc.asked == []


@pytest.mark.parametrize(("options", "fault", "why"), [case[1:] for case in unfit()])
def test_a_server_that_is_unfit_is_downloaded_from_where_that_is_wanted(
    streaming, new_server, options, fault, why
):
    """With `stream_fallback` the bundle comes to the disk as without streaming."""
    streaming.own, streaming.fallback = new_server(fault, **options), True
    assert streaming.fetch(streaming.own.url, size=None) == streaming.folder / "bundle.raucb"
    assert (streaming.folder / "bundle.raucb").read_bytes() == DATA


def test_an_old_hawkbit_has_room_for_the_ranges_of_a_small_bundle(streaming, new_server):
    """Its history takes 1,000 entries, so only a large bundle can't be streamed from it."""
    streaming.own = new_server(etag="da39a3ee5e6b4b0d3255bfef95601890afd80709")
    assert streaming.fetch(streaming.own.url).url == streaming.own.url


def test_a_rauc_that_cannot_stream_ends_the_action_with_its_reason(streaming):
    """What RAUC says about the bundle is the reason, and nothing is installed."""
    streaming.rauc.why = Refusal("RAUC can't stream this bundle: format plain")
    with pytest.raises(DeploymentError, match="format plain; set stream_bundle = false"):
        streaming.fetch(streaming.own.url)


def test_a_rauc_that_cannot_stream_gets_a_file_where_that_is_wanted(streaming):
    """With `stream_fallback` RAUC's refusal leads to a download."""
    streaming.rauc.why, streaming.fallback = Refusal("RAUC can't stream this bundle: format plain"), True
    assert streaming.fetch(streaming.own.url) == streaming.folder / "bundle.raucb"


@pytest.mark.parametrize("fallback", [True, False])
def test_a_rauc_that_cannot_be_asked_streams_unless_a_download_is_wanted(streaming, fallback):
    """RAUC before 1.9 refuses or takes the bundle itself, as with the C program."""
    streaming.rauc.why, streaming.fallback = Refusal("nobody can be asked", certain=False), fallback
    assert isinstance(streaming.fetch(streaming.own.url), Path if fallback else RemoteBundle)


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (Fault(status=404), OfferGoneError, "not there any more"),
        (Fault(status=503, headers={"retry-after": "7"}), DownloadError, "503"),
        (Fault(status=401), DownloadError, "credentials"),
        (Fault(headers={"content-type": "text/html"}), DownloadError, "page"),
        (Fault(headers={"content-range": "bytes 0-3/99999"}), MismatchError, "announced 100000 bytes"),
        (Fault(cut=-1), DownloadError, "connection"),
    ],
)
def test_what_may_be_better_later_does_not_fall_back(streaming, fault, error, words):
    """A server that is away or refuses is as it is for a download: the same errors, and no download."""
    streaming.fallback = True
    streaming.own.script.append(fault)
    with pytest.raises(error, match=words) as caught:
        streaming.fetch(streaming.own.url)
    assert type(caught.value) is error
    if fault.status == 503:
        assert caught.value.retry_after == 7
    assert streaming.rauc.asked == []


def test_a_busy_rauc_is_asked_again_later(streaming):
    """Nothing falls back because RAUC has no time just now."""
    streaming.rauc.why, streaming.fallback = InstallerBusyError("RAUC is busy"), True
    with pytest.raises(InstallerBusyError):
        streaming.fetch(streaming.own.url)


def test_the_size_of_an_encrypted_artifact_is_not_compared(streaming):
    """hawkBit decrypts while it serves, so what it announces describes other bytes."""
    assert streaming.fetch(streaming.own.url, size=17, encrypted=True) == RemoteBundle(
        streaming.own.url, headers=(HEADER,)
    )


def test_a_server_that_is_not_there_is_named(streaming):
    """The sentence says whom to look at."""
    port = free_port()
    with pytest.raises(DownloadError, match=f"127.0.0.1:{port} refused the connection"):
        streaming.fetch(f"http://127.0.0.1:{port}/bundle.raucb")


def test_tls_is_not_given_up_on_the_way(streaming, new_server):
    """A redirect from https to http is not followed, as for a download."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls_keys() / "server.pem", tls_keys() / "server.key.pem")
    streaming.own, streaming.ca_file = (
        new_server(redirect(streaming.own.url), tls=context),
        str(tls_keys() / "ca.pem"),
    )
    with pytest.raises(DownloadError, match="redirected from https"):
        streaming.fetch(streaming.own.url)


def test_a_space_in_the_name_is_found(streaming):
    """hawkBit writes it as `+`, and finds the file under `%20` only."""
    streaming.own.script.append(Fault(status=404))
    bundle = streaming.fetch(origin(streaming.own.url) + "/a+b.raucb")
    assert bundle.url == origin(streaming.own.url) + "/a%20b.raucb"
