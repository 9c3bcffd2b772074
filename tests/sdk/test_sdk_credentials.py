# SPDX-License-Identifier: LGPL-2.1-or-later
"""The credentials reach the configured origin and nobody else."""

import asyncio
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hawkbit_ddi import Client, DeploymentBase, LinkError, RedirectError, StatusError, get_controller_base
from sdk.sdk_answers import BASE, TLS, TOKEN, client_of

SECRET_HEADER = {"X-Forwarded-Secret": "s3cr3t-header-value"}

# The machine's own address in all the ways that are not the configured origin.
ELSEWHERE = [
    "http://hawkbit.example:8443/prefix/x",
    "https://hawkbit.example/prefix/x",
    "https://hawkbit.example:443/x",
    "https://hawkbit.example.:8443/x",
    "https://hawkbit.example:8444/x",
    "https://cdn.example/x?signature=1",
    "https://hawkbit.example@cdn.example:8443/x",
    "https://hawkbit.example:8443@cdn.example/x",
    "https://sub.hawkbit.example:8443/x",
]


def secrets_in(request: httpx.Request) -> list[str]:
    """The headers of a request that hold a secret, or any credentials at all."""
    values = [f"{name}: {value}" for name, value in request.headers.items()]
    return [
        v for v in values if TOKEN in v or "s3cr3t" in v or v.lower().startswith(("authorization", "cookie"))
    ]


def get(client: Client, url: str, *, asynchronous: bool, follow: bool) -> httpx.Response:
    """Fetch a URL with the client's own httpx client."""
    if not asynchronous:
        return client.http.get(url, follow_redirects=follow)

    async def fetch() -> httpx.Response:
        return await client.async_http.get(url, follow_redirects=follow)

    return asyncio.run(fetch())


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A .netrc that has a password for every host."""
    hosts = ["hawkbit.example", "hawkbit.example.", "cdn.example", "sub.hawkbit.example"]
    lines = [f"machine {host} login netrc-user password s3cr3t-netrc" for host in hosts]
    (tmp_path / "netrc").write_text("\n".join([*lines, "default login netrc-user password s3cr3t-netrc"]))
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@pytest.mark.usefixtures("netrc")
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("url", ELSEWHERE)
def test_no_other_origin_sees_them(url: str, asynchronous: bool) -> None:
    """A request elsewhere carries neither token, nor header, nor .netrc's password, nor the URL's user."""
    seen: list[httpx.Request] = []

    def server(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    get(client_of(server, headers=SECRET_HEADER), url, asynchronous=asynchronous, follow=True)
    assert [secrets_in(request) for request in seen] == [[]]


@pytest.mark.usefixtures("netrc")
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("url", ELSEWHERE)
def test_no_redirect_takes_them_along(url: str, asynchronous: bool) -> None:
    """Followed to elsewhere they are taken off, and on the way back put on again."""
    hops = iter([url, f"{BASE}/back"])
    seen: list[httpx.Request] = []

    def server(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        place = next(hops, None)
        return httpx.Response(302, headers={"location": place}) if place else httpx.Response(200)

    client = client_of(server, headers=SECRET_HEADER)
    assert get(client, f"{BASE}/start", asynchronous=asynchronous, follow=True).status_code == 200
    assert [len(secrets_in(request)) for request in seen] == [2, 0, 2]


@pytest.mark.usefixtures("netrc")
def test_without_credentials_none_are_sent() -> None:
    """Where a reverse proxy authenticates, not even the origin gets .netrc's password."""
    seen: list[httpx.Request] = []

    def server(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    get_controller_base.sync(client=client_of(server, target_token=None))
    assert [secrets_in(request) for request in seen] == [[]]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_an_operation_follows_no_redirect(status: int) -> None:
    """A redirect is told, without the query of where it leads, and not followed."""
    seen: list[httpx.Request] = []

    def server(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(status, headers={"location": "https://user:pw@login.example/?session=77"})

    with pytest.raises(RedirectError, match=r"to https://login\.example/$") as caught:
        get_controller_base.sync(client=client_of(server))
    assert len(seen) == 1
    assert "77" not in str(caught.value)


def test_a_foreign_api_link_is_refused() -> None:
    """A link elsewhere is named without its query and nothing is sent."""

    def server(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request.url)

    client = client_of(server)
    with pytest.raises(LinkError, match=r"https://evil\.example/deploymentBase/7'") as caught:
        client.follow("https://me:pw@evil.example/deploymentBase/7?c=s3cr3t", DeploymentBase)
    assert "s3cr3t" not in str(caught.value)
    assert "pw" not in str(caught.value)


def test_the_default_port_is_the_same_origin() -> None:
    """https://host and https://host:443 are one origin, whatever the case of the host."""
    seen: list[httpx.Request] = []

    def server(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    transport = httpx.MockTransport(server)
    client = Client("https://HawkBit.example", "d", gateway_token=TOKEN, verify=TLS, transport=transport)
    client.http.get("https://hawkbit.EXAMPLE:443/x")
    assert seen[0].headers["authorization"] == f"GatewayToken {TOKEN}"


def test_cookies_are_not_kept() -> None:
    """A session that the server opens is not carried on."""
    seen: list[httpx.Request] = []

    def server(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={}, headers={"set-cookie": "JSESSIONID=s3cr3t; Path=/"})

    client = client_of(server)
    get_controller_base.sync(client=client)
    get_controller_base.sync(client=client)
    assert "cookie" not in seen[1].headers


def test_nothing_shows_a_secret() -> None:
    """Neither repr nor any message holds a token or a secret header, even where the server repeats them."""
    words = {"message": f"bad TargetToken {TOKEN} and s3cr3t-header-value", "errorCode": f"x.{TOKEN}"}
    client = client_of(lambda _: httpx.Response(401, json=words), headers=SECRET_HEADER)
    with pytest.raises(StatusError) as caught:
        get_controller_base.sync(client=client)
    for text in (
        repr(client),
        str(client),
        str(caught.value),
        repr(caught.value),
        caught.value.message or "",
    ):
        assert TOKEN not in text
        assert "s3cr3t" not in text
    assert str(caught.value) == "the poll was answered with 401 Unauthorized: bad *** and *** [x.***]"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """A certificate, its key, and the key with a password."""
    folder = tmp_path_factory.mktemp("tls")
    request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=dev-1 -days 2"
    for command in (
        f"{request} -keyout key.pem -out cert.pem",
        f"{request} -keyout other.pem -out other-cert.pem",
        "ec -in key.pem -aes256 -passout pass:pw -out locked.pem",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    return lambda name: str(folder / name)


def test_a_client_certificate_and_an_authority_go_into_the_one_context(
    certificate: Callable[[str], str],
) -> None:
    """Both httpx clients share the context, which has the certificate and trusts the authority alone."""
    client = Client(
        BASE,
        "dev-1",
        client_certificate=(certificate("cert.pem"), certificate("locked.pem"), "pw"),
        verify=certificate("cert.pem"),
    )
    assert [authority["subject"] for authority in client.ssl_context.get_ca_certs()] == [
        ((("commonName", "dev-1"),),)
    ]
    assert client.ssl_context is client.ssl_context
    assert client.ssl_context.verify_mode == ssl.CERT_REQUIRED
    assert client.ssl_context.check_hostname


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"client_certificate": ("cert.pem", "missing.pem")}, "can't be used: No such file"),
        ({"client_certificate": ("cert.pem", "other.pem")}, "can't be used: .*(?i:mismatch)"),
        ({"client_certificate": ("cert.pem", "locked.pem")}, "can't be used: "),
        ({"client_certificate": ("cert.pem", "locked.pem", "wrong")}, "can't be used: "),
        ({"client_certificate": ("key.pem", "key.pem")}, "can't be used: "),
        ({"verify": "missing.pem"}, "authorities in .*missing.pem can't be used: No such file"),
        ({"verify": "key.pem"}, "authorities in .*key.pem can't be used: "),
    ],
)
def test_unfit_files_are_told_at_once(
    certificate: Callable[[str], str], options: dict[str, Any], message: str
) -> None:
    """A certificate, key or authority that can't be used is named when the client is made; nobody is asked."""
    if "verify" in options:
        options = {"verify": certificate(options["verify"])}
    else:
        cert, key, *password = options["client_certificate"]
        options = {"client_certificate": (certificate(cert), certificate(key), *password)}
    with pytest.raises(ValueError, match=message):
        Client(BASE, "dev-1", **options)


@pytest.mark.parametrize(
    "options",
    [
        {"target_token": "a", "gateway_token": "b"},
        {"target_token": "a", "client_certificate": ("c", "k")},
        {"gateway_token": "a", "client_certificate": ("c", "k")},
        {"target_token": ""},
        {"target_token": "two\r\nX-Evil: 1"},
        {"target_token": " padded"},
        {"gateway_token": "schlüssel"},
        {"headers": {"X Bad": "1"}},
        {"headers": {"X-Bad": "1\n2"}},
        {"tenant": ""},
        {"tenant": "a/b"},
        {"proxy": "proxy.example:3128"},
        {"proxy": "ftp://me:s3cr3t@proxy"},
        {"proxy": "http://me:s3cr3t@proxy:99999"},
        {"client_certificate": ("c", "k"), "verify": TLS},
    ],
    ids=" ".join,
)
def test_an_argument_that_can_not_work_is_refused(options: dict[str, Any]) -> None:
    """Impossible arguments end in a ValueError with a sentence and without the secret."""
    with pytest.raises(ValueError) as caught:
        Client(BASE, "dev-1", **options)
    assert len(str(caught.value).split()) > 4
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    "bad", ["", ".", "..", "a b", "a\tb", "a/b", "a\\b", "a;b", "a%b", "a\0b", "a\x7f", "\ud800", "a\n"]
)
def test_an_impossible_controller_id_is_refused(bad: str) -> None:
    """Ids that hawkBit or its container refuse never reach a server."""
    with pytest.raises(ValueError, match="controller id"):
        Client(BASE, bad)


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("00:11:22:aa:bb:cc", "00:11:22:aa:bb:cc"),
        ("a:b+c{d<e#f?g", "a:b+c%7Bd%3Ce%23f%3Fg"),
        ("gerät", "ger%C3%A4t"),
    ],
)
def test_a_possible_controller_id_is_escaped(name: str, escaped: str) -> None:
    """Ids with special characters work, in the path and in links that hold them raw or escaped."""
    seen: list[bytes] = []

    def server(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path)
        return httpx.Response(200, json={})

    client = Client(BASE, name, verify=TLS, transport=httpx.MockTransport(server))
    get_controller_base.sync(client=client)
    client.follow(f"http://internal/DEFAULT/controller/v1/{escaped}/deploymentBase/7", DeploymentBase)
    expected = f"/prefix/DEFAULT/controller/v1/{escaped}"
    assert seen == [expected.encode(), f"{expected}/deploymentBase/7".encode()]


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "hawkbit.example",
        "ftp://hawkbit.example",
        "https://",
        "https:///path",
        "https://h:port",
        "https://h:99999",
        "https://me:s3cr3t@h",
        "https://h/?a=s3cr3t",
        "https://h/#a",
        "https://h/a b",
        "https://h/a/../b",
        "https://[::1",
    ],
)
def test_an_impossible_base_url_is_refused(bad: str) -> None:
    """A base URL is scheme, host and path."""
    with pytest.raises(ValueError, match="base URL") as caught:
        Client(bad, "dev-1")
    assert "s3cr3t" not in str(caught.value)


def test_the_base_url_may_have_a_prefix() -> None:
    """A path prefix is kept, with or without a slash at its end."""
    for base in ("https://h", "https://h/", "https://h/a/b/", "http://[::1]:8080/a"):
        client = Client(base, "d", verify=TLS)
        assert client.rebase("/DEFAULT/controller/v1/d/x") == base.rstrip("/") + "/DEFAULT/controller/v1/d/x"


def test_the_clients_are_opened_late_and_closed() -> None:
    """Nothing is opened before the first use; a context manager closes what was opened."""
    client = client_of(lambda _: httpx.Response(200, json={}))
    with client:
        pass
    assert "http" not in client.__dict__
    with client:
        get_controller_base.sync(client=client)
    assert client.http.is_closed

    async def poll() -> bool:
        async with client_of(lambda _: httpx.Response(200, json={})) as other:
            await get_controller_base.asyncio(client=other)
        return other.async_http.is_closed

    assert asyncio.run(poll())


def test_defaults_bound_every_wait() -> None:
    """Timeouts are never off, connections live as long as the faster polling needs, httpx gets what was given."""
    client = Client(BASE, "d", verify=TLS)
    assert client.http.timeout == httpx.Timeout(60.0, connect=20.0)
    assert Client(BASE, "d", verify=TLS, timeout=5).http.timeout == httpx.Timeout(5)
    assert not client.http.follow_redirects
    assert Client(BASE, "d", verify=TLS, trust_env=False).async_http.trust_env is False


def test_a_proxy_is_used_by_old_and_new_httpx(monkeypatch: pytest.MonkeyPatch) -> None:
    """The argument proxy reaches httpx under the name that it knows; the environment's counts unless told not to."""
    client = Client(BASE, "d", verify=TLS, proxy="http://proxy.example:3128")
    assert client.http._transport_for_url(httpx.URL(BASE)) is not client.http._transport
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    with_env, without = (Client(BASE, "d", verify=TLS, trust_env=flag).http for flag in (True, False))
    assert with_env._transport_for_url(httpx.URL(BASE)) is not with_env._transport
    assert without._transport_for_url(httpx.URL(BASE)) is without._transport
