# SPDX-License-Identifier: LGPL-2.1-or-later
"""What lies between the command and the server: proxies, certificates that are renewed, old TLS."""

import asyncio
import contextlib
import random
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from rig.flaky_server import FlakyServer
from rig.nginx import Nginx, tls_keys
from rig.process import run, wait_until
from rig.run import configuration

import hawkbit_testing
from hawkbit_rauc.app import cli
from hawkbit_rauc.bundle.download import Downloads
from hawkbit_rauc.errors import ServerError
from hawkbit_rauc.hawkbit import connection
from hawkbit_rauc.model import Artifact
from hawkbit_rauc.net import tls

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
DATA = random.Random(3).randbytes(1_000_000)

pytestmark = pytest.mark.usefixtures("surroundings")


def written(tmp_path: Path, server: str, target: object, **keys: object) -> Path:
    """A configuration for the target of a double."""
    return configuration(
        tmp_path / "config.conf",
        **{
            "server": server,
            "target": getattr(target, "id", "board"),
            "token": getattr(target, "token", "t0ken"),
            "bundle": tmp_path / "bundle.raucb",
            "first_poll_within": 0,
            **keys,
        },
    )


# ---------------------------------------------------------------- proxies


class Tunnels(socketserver.ThreadingTCPServer):
    """A proxy for https: answers CONNECT (RFC 9110, 9.3.6) if the password is right."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Tunnel)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://user:word@127.0.0.1:{self.server_address[1]}"


class _Tunnel(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Tunnels)
        method, place, _ = self.rfile.readline().decode().split()
        headers = list(iter(lambda: self.rfile.readline().decode().strip().lower(), ""))
        self.server.asked.append(place)
        if method != "CONNECT" or "proxy-authorization: basic dxnlcjp3b3jk" not in headers:
            self.wfile.write(b"HTTP/1.1 407 No\r\n\r\n")
            return
        with socket.create_connection(urlsplit(f"//{place}")[1].split(":")) as there:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=_copy, args=(there, self.connection), daemon=True)
            back.start()
            _copy(self.connection, there)
            back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def tunnels() -> Iterator[Tunnels]:
    with Tunnels() as server:
        yield server
        server.shutdown()


@pytest.mark.parametrize("how", ["option", "environment"])
def test_http_goes_through_the_proxy(tmp_path, served_double, monkeypatch, how):
    """The key `proxy` and the environment both lead all requests through nginx as a forward proxy."""
    target = served_double.target()
    with Nginx(tmp_path / "proxy", "location / { proxy_pass http://$http_host; }") as proxy:
        keys = {"proxy": proxy.url} if how == "option" else {}
        if how == "environment":
            monkeypatch.setenv("http_proxy", proxy.url)
        file = written(tmp_path, served_double.host, target, **keys)
        assert cli.main(["run", "--once", "-c", str(file)]) == 0
        assert f"/controller/v1/{target.id} " in proxy.wait_for_requests(1)[0]


def test_the_option_wins_over_the_environment(tmp_path, served_double, monkeypatch):
    """A proxy in the configuration counts for all requests, whatever the environment says."""
    target = served_double.target()
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "*")
    with Nginx(tmp_path / "proxy", "location / { proxy_pass http://$http_host; }") as proxy:
        file = written(tmp_path, served_double.host, target, proxy=proxy.url)
        assert cli.main(["run", "--once", "-c", str(file)]) == 0
        assert proxy.wait_for_requests(1)


@pytest.mark.parametrize("how", ["option", "environment"])
def test_a_bundle_comes_through_a_tunnel(tmp_path, tunnels, monkeypatch, how):
    """Over https the proxy is asked for a tunnel, with its password, and the bundle comes whole."""
    if how == "environment":
        monkeypatch.setenv("https_proxy", tunnels.url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls_keys() / "server.pem", tls_keys() / "server.key.pem")
    with FlakyServer(DATA, tls=context) as storage:
        host = urlsplit(storage.url).netloc
        server = connection.connect(
            f"https://{host}",
            "board",
            target_token="t0ken",
            ca_file=str(tls_keys() / "ca.pem"),
            proxy=tunnels.url if how == "option" else None,
            connect_timeout=20,
            timeout=60,
        )
        with contextlib.closing(server):
            downloads = Downloads(tmp_path / "bundle.raucb", server.http)
            artifact = Artifact("b", len(DATA), {}, storage.url)
            path = asyncio.run(downloads.fetch(artifact, lambda _done, _total: None))
        assert path.read_bytes() == DATA
        assert tunnels.asked == [host]
        assert "proxy-authorization" not in storage.requests[0].headers


# ---------------------------------------------------------------- certificates


def certificate(folder: Path, serial: int) -> None:
    """Write another certificate for the client, and its new key, as a renewal does."""
    ca = tls_keys()
    # fmt: off
    run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=client", "-keyout", "new.key.pem", "-out", "new.csr",
        cwd=folder)
    run("openssl", "x509", "-req", "-in", "new.csr", "-CA", ca / "ca.pem", "-CAkey", ca / "ca.key.pem",
        "-set_serial", str(serial), "-days", "30", "-out", "new.pem", cwd=folder)
    # fmt: on


def test_a_renewed_certificate_is_taken_up_with_a_reload(tmp_path, served_double):
    """After HUP the next poll shows the new one; half of a renewal leaves the old one in force."""
    target = served_double.target()
    folder = tmp_path / "certificate"
    folder.mkdir()
    certificate(folder, 0xA1)
    live = {"ssl_cert": folder / "client.pem", "ssl_key": folder / "client.key.pem"}
    shutil.copyfile(folder / "new.pem", live["ssl_cert"])
    shutil.copyfile(folder / "new.key.pem", live["ssl_key"])
    seen = tmp_path / "seen.log"
    lines = f"access_log {seen} serial; location / {{ proxy_pass {served_double.url};"
    lines += f' proxy_set_header Authorization "TargetToken {target.token}"; }}'
    form = "log_format serial '$ssl_client_serial';"
    with Nginx(tmp_path / "front", lines, http=form, tls=True, client_certificate=True) as front:
        keys = {"ssl": True, "ca_file": tls_keys() / "ca.pem", "auth_token": None, **live}
        file = written(tmp_path, front.host, target, **keys)
        command = [sys.executable, "-m", "hawkbit_rauc", "run", "-c", str(file)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as daemon:
            assert daemon.stderr is not None
            try:
                served_double.wait_for_request(f"/{target.id}$", 1)
                certificate(folder, 0xB2)
                shutil.copyfile(folder / "new.pem", live["ssl_cert"])
                daemon.send_signal(signal.SIGHUP)
                assert "is not the key of the certificate" in says(daemon, "was not reloaded")
                daemon.send_signal(signal.SIGUSR1)
                served_double.wait_for_request(f"/{target.id}$", 2)
                shutil.copyfile(folder / "new.key.pem", live["ssl_key"])
                daemon.send_signal(signal.SIGHUP)
                says(daemon, "was reloaded")
                wait_until(lambda: "B2" in seen.read_text(), "the new certificate")
            finally:
                daemon.terminate()
        assert [*dict.fromkeys(seen.read_text().split())] == ["A1", "B2"]


@pytest.mark.parametrize("named", ["by file name", "rehashed"])
def test_the_systems_folder_of_authorities_is_trusted(tmp_path, monkeypatch, named):
    """Without `ca_file`, the authorities in the system's folder are trusted, if OpenSSL finds them by their hash."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls_keys() / "server.pem", tls_keys() / "server.key.pem")
    folder = tmp_path / "certs"
    folder.mkdir()
    shutil.copyfile(tls_keys() / "ca.pem", folder / "ca.pem")
    if named == "rehashed":
        run("openssl", "rehash", folder)
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with hawkbit_testing.Hawkbit(ssl_context=context) as server:
        file = written(tmp_path, server.host, server.target(), ssl=True, once_timeout=1)
        assert cli.main(["run", "--once", "-c", str(file)]) == (0 if named == "rehashed" else 2)
    assert tls.system_authorities() == (str(folder) if named == "rehashed" else None)


def test_a_file_of_authorities_in_the_environment_wins(monkeypatch):
    """What SSL_CERT_FILE names is trusted in place of the system's folder."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_keys() / "ca.pem"))
    assert tls.system_authorities() is None


def says(process: subprocess.Popen[str], text: str) -> str:
    """Wait for a line of the log."""
    assert process.stderr is not None
    return next(line for line in process.stderr if text in line)


@pytest.mark.filterwarnings("ignore:.*TLSv1_1 is deprecated")
def test_tls_below_1_2_is_refused():
    """A server that speaks TLS 1.1 at most gets no request."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls_keys() / "server.pem", tls_keys() / "server.key.pem")
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1_1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with FlakyServer(DATA, tls=context) as old:
        base = old.url.rpartition("/")[0]
        server = connection.connect(
            base,
            "board",
            target_token="t0ken",
            ca_file=str(tls_keys() / "ca.pem"),
            connect_timeout=20,
            timeout=60,
        )
        with contextlib.closing(server), pytest.raises(ServerError, match="TLS with"):
            asyncio.run(server.poll())
        assert old.requests == []
