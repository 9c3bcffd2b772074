# SPDX-License-Identifier: LGPL-2.1-or-later
"""nginx and the proxy make the network as bad as a test wants it."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from rig.nginx import Nginx, tls_keys
from rig.proxy import Proxy

DATA = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[Nginx]:
    """An nginx that serves `data`."""
    with Nginx(tmp_path / "origin") as nginx:
        (nginx.www / "data").write_bytes(DATA)
        yield nginx


def get(host: str, timeout: float = 10) -> bytes:
    with httpx.Client(trust_env=False, timeout=timeout) as client:
        return client.get(f"http://{host}/data").content


def test_proxy_forwards(origin: Nginx) -> None:
    """What goes through comes out unchanged, and is counted."""
    with Proxy(origin.host) as proxy:
        assert get(proxy.host) == DATA
        assert proxy.connections == 1
        proxy.wait_received(len(DATA))


def test_proxy_cut_and_restored(origin: Nginx) -> None:
    """A cut proxy refuses connections; restored, it takes them at the same port."""
    with Proxy(origin.host) as proxy:
        before = proxy.host
        proxy.cut()
        with pytest.raises(httpx.ConnectError):
            get(before)
        proxy.restore()
        assert get(before) == DATA


def test_proxy_limit(origin: Nginx) -> None:
    """A limit lets so many bytes through, resets the connection, and is over then."""
    with Proxy(origin.host) as proxy:
        proxy.limit(100_000)
        with pytest.raises(httpx.TransportError):
            get(proxy.host)
        assert proxy.received == 100_000
        assert get(proxy.host) == DATA


def test_proxy_stall(origin: Nginx) -> None:
    """A stalled proxy takes connections and forwards nothing until it is restored."""
    with Proxy(origin.host) as proxy:
        proxy.stall()
        with pytest.raises(httpx.ReadTimeout):
            get(proxy.host, timeout=0.2)
        proxy.restore()
        assert get(proxy.host) == DATA


def test_nginx_redirects_and_limits(tmp_path: Path, origin: Nginx) -> None:
    """nginx redirects, forwards, returns errors and changes its mind at the same port."""
    lines = f"location /there {{ return 302 {origin.url}/data; }} location / {{ proxy_pass {origin.url}; }}"
    with Nginx(tmp_path / "front", lines) as front:
        assert httpx.get(f"{front.url}/there").headers["Location"] == f"{origin.url}/data"
        assert get(front.host) == DATA
        front.change("return 503;")
        assert httpx.get(front.url).status_code == 503
        front.wait_for_requests(3)


def test_nginx_tls(tmp_path: Path) -> None:
    """With TLS it shows the rig's certificate and refuses a client without one."""
    with Nginx(tmp_path / "tls", tls=True, client_certificate=True) as nginx:
        (nginx.www / "data").write_bytes(DATA)
        keys = tls_keys()
        context = ssl.create_default_context(cafile=str(keys / "ca.pem"))
        assert httpx.get(f"{nginx.url}/data", verify=context).status_code == 400
        context.load_cert_chain(str(keys / "client.pem"), str(keys / "client.key.pem"))
        assert httpx.get(f"{nginx.url}/data", verify=context).content == DATA
