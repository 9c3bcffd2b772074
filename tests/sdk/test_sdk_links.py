# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which links are the controller's own, and where they lead."""

import contextlib

import httpx
import pytest
from hawkbit_ddi import Client, DeploymentBase, LinkError
from hawkbit_ddi.links import presentable
from hypothesis import given
from hypothesis import strategies as st
from sdk.sdk_answers import BASE, TLS, client_of

OWN = f"{BASE}/DEFAULT/controller/v1/dev-1"
CLIENT = client_of(lambda _: httpx.Response(200, json={}))


@pytest.mark.parametrize(
    ("href", "path"),
    [
        (
            "https://hawkbit.example:8443/prefix/DEFAULT/controller/v1/dev-1/deploymentBase/7?c=1",
            "/deploymentBase/7?c=1",
        ),
        ("http://10.0.0.7:8080/DEFAULT/controller/v1/dev-1/deploymentBase/7?c=-1", "/deploymentBase/7?c=-1"),
        ("http://[fe80::1]/default/controller/v1/dev-1/cancelAction/7", "/cancelAction/7"),
        ("ftp://user:pw@h/Default/controller/v1/dev-1/configData", "/configData"),
        ("//h/DEFAULT/controller/v1/dev-1/configData", "/configData"),
        ("/DEFAULT/controller/v1/dev-1", ""),
        ("/other/context/DEFAULT/controller/v1/dev-1/x", "/x"),
        ("/DEFAULT/controller/v1/dev%2D1/x#fragment", "/x"),
        (" /DEFAULT/controller/v1/dev-1/x ", "/x"),
        (
            "/DEFAULT/controller/v1/dev-1/softwaremodules/4/artifacts/a b.raucb",
            "/softwaremodules/4/artifacts/a%20b.raucb",
        ),
        ("/DEFAULT/controller/v1/dev-1/artifacts/a+b%20c%zz\\ü", "/artifacts/a+b%20c%25zz%5C%C3%BC"),
        ("/DEFAULT/controller/v1/dev-1/x?a=b c&d={}", "/x?a=b%20c&d=%7B%7D"),
    ],
)
def test_an_own_link_is_rebuilt_on_the_origin(href: str, path: str) -> None:
    """Whatever scheme, host, port or prefix the server names, the configured ones are used; the query stays."""
    assert CLIENT.rebase(href) == OWN + path
    assert str(httpx.URL(OWN + path)) == OWN + path


@pytest.mark.parametrize(
    "href",
    [
        "http://cdn.example/bundle?X-Signature=a%2Fb&Expires=1",
        "https://h/DEFAULT/controller/v1/dev-2/x",
        "https://h/a b",
    ],
)
def test_another_web_link_is_left_alone(href: str) -> None:
    """Artifacts may lie anywhere: their links are taken as they are. The API is not followed there."""
    assert CLIENT.rebase(href) == href
    with pytest.raises(LinkError, match="not below"):
        CLIENT.follow(href, DeploymentBase)


@pytest.mark.parametrize(
    "href",
    [
        "",
        "deploymentBase/7",
        "/other",
        "ftp://h/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://",
        "http://[::1",
        "http://h:port/x",
        "DEFAULT/controller/v1/dev-1/x",
        "/DEFAULT/controller/v2/dev-1/x",
        "/DEFAULT/controller/v1/dev-1/../dev-2/x",
        "/DEFAULT/controller/v1/dev-1/%2e%2E/dev-2/x",
        "/DEFAULT/controller/v1/dev-1/./x",
        "/DEFAULT/controller/v1/DEV-1/x",
        "/OTHER/controller/v1/dev-1/x",
        "/DEFAULT/controller/v1/dev-1/\ud800",
    ],
)
def test_what_is_neither_is_refused(href: str) -> None:
    """Links without scheme, with another one, or that climb out of the own path are LinkErrors in a sentence."""
    for refuse in (CLIENT.rebase, lambda link: CLIENT.follow(link, DeploymentBase)):
        with pytest.raises(LinkError, match="the link"):
            refuse(href)


ALPHABET = st.text("/.%?#&=;:@\\ abAB0é{}[]\ud800\n\x00", max_size=30)


@given(
    ALPHABET, st.sampled_from(["", "http://h", "https://hawkbit.example:8443/prefix", "//", "x:"]), ALPHABET
)
def test_no_link_leads_out_of_the_own_path(before: str, origin: str, after: str) -> None:
    """Whatever a server writes, what is followed lies below the controller's path, or is refused."""
    seen: list[httpx.URL] = []

    def server(request: httpx.Request) -> httpx.Response:
        seen.append(request.url)
        return httpx.Response(200, json={})

    client = client_of(server)
    for href in (f"{origin}{before}", f"{origin}/DEFAULT/controller/v1/dev-1{before}{after}"):
        with contextlib.suppress(LinkError):
            client.follow(href, DeploymentBase)
    for url in seen:
        path = url.raw_path.decode().partition("?")[0]
        assert url.scheme == "https"
        assert (url.host, url.port) == ("hawkbit.example", 8443)
        assert path == "/prefix/DEFAULT/controller/v1/dev-1" or path.startswith(
            "/prefix/DEFAULT/controller/v1/dev-1/"
        )
        assert ".." not in path.replace("%2E", ".").replace("%2e", ".").split("/")


@given(st.text(max_size=50), st.text("abc=&é ", min_size=1, max_size=20))
def test_messages_hold_no_query(before: str, query: str) -> None:
    """Texts for messages lose users, queries, fragments and everything unprintable, and stay short."""
    shown = presentable(f"{before} https://me:s3cr3t@h/path?q{query} /x?q{query} " + "long " * 100)
    assert "s3cr3t" not in shown
    assert len(shown) <= 300
    assert shown.isprintable()
    assert "?q" not in shown.removeprefix(before)


def test_a_plain_base_url_may_meet_tls_links() -> None:
    """The server's scheme doesn't matter for own links, in either direction."""
    client = Client("http://h:8080", "dev-1", verify=TLS)
    assert (
        client.rebase("https://h/DEFAULT/controller/v1/dev-1/x")
        == "http://h:8080/DEFAULT/controller/v1/dev-1/x"
    )
