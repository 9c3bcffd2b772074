# SPDX-License-Identifier: LGPL-2.1-or-later
"""nginx on the loopback interface, for downloads that are slow, cut, redirected or encrypted."""

from pathlib import Path
from types import TracebackType
from typing import Self

from rig.cache import once
from rig.process import Process, need, run, wait_until
from rig.target import free_port

_CONFIGURATION = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
user root;
events {{ worker_connections 256; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    default_type application/octet-stream;
    {http}
    server {{
        listen 127.0.0.1:{port}{ssl};
        root {folder}/www;
        {tls}
        {server}
    }}
}}
"""


def _tls_keys(folder: Path) -> None:
    need("openssl")
    folder.mkdir()
    # fmt: off
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "7300", "-subj", "/CN=rig TLS CA",
        "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        "-keyout", "ca.key.pem", "-out", "ca.pem", cwd=folder)
    for name, usage in (("server", "serverAuth"), ("client", "clientAuth")):
        (folder / "leaf").write_text(
            "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment\n"
            f"extendedKeyUsage={usage}\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n"
        )
        run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}",
            "-keyout", f"{name}.key.pem", "-out", f"{name}.csr", cwd=folder)
        run("openssl", "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key.pem",
            "-CAcreateserial", "-days", "7300", "-extfile", "leaf", "-out", f"{name}.pem", cwd=folder)
    # fmt: on


def tls_keys() -> Path:
    """Return the folder with `ca.pem`, and `server.pem` and `client.pem` of it with their `.key.pem`."""
    return once("tls-keys", _tls_keys)


class Nginx:
    """nginx with one server; what lies in `www` is served where the configuration says nothing else."""

    def __init__(
        self,
        folder: Path,
        server: str = "",
        *,
        http: str = "",
        tls: bool = False,
        client_certificate: bool = False,
    ) -> None:
        """Prepare it; entering the context starts it.

        Args:
            folder: what it keeps.
            server: lines of the server block, such as `location / { limit_rate 100k; }`.
            http: lines of the block around it, such as `upstream` or another `server`.
            tls: whether it speaks TLS, with the key of `tls_keys()`.
            client_certificate: whether it asks for a certificate of the same CA and refuses everyone else.
        """
        need("nginx")
        self.www = folder / "www"
        self.www.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"
        self._folder = folder
        self._tls = tls
        self._client_certificate = client_certificate
        self._write(server, http)

    def __enter__(self) -> Self:
        command: list[str | Path] = [
            "nginx",
            "-p",
            self._folder,
            "-c",
            self._folder / "nginx.conf",
            "-e",
            self._folder / "error.log",
        ]
        self._process = Process(command, self._folder / "nginx.log")
        self._process.ready((self._folder / "nginx.pid").exists, "nginx")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.end()

    def change(self, server: str, http: str = "") -> None:
        """Restart it at the same port with other lines; open connections are cut."""
        self._write(server, http)
        self._process.kill()
        (self._folder / "nginx.pid").unlink(missing_ok=True)
        self.__enter__()

    def wait_for_requests(self, count: int, timeout: float = 10) -> list[str]:
        """Wait until `count` requests were answered and return their lines of the access log."""
        wait_until(lambda: len(self.requests()) >= count, f"{count} requests", timeout)
        return self.requests()

    def requests(self) -> list[str]:
        """Return the lines of the access log: one for each request that was answered."""
        log = self._folder / "access.log"
        return log.read_text().splitlines() if log.exists() else []

    def _write(self, server: str, http: str) -> None:
        tls = ""
        if self._tls:
            keys = tls_keys()
            tls = f"ssl_certificate {keys}/server.pem; ssl_certificate_key {keys}/server.key.pem;"
            if self._client_certificate:
                tls += f" ssl_client_certificate {keys}/ca.pem; ssl_verify_client on;"
        text = _CONFIGURATION.format(
            folder=self._folder,
            http=http,
            server=server,
            port=self.port,
            ssl=" ssl" if self._tls else "",
            tls=tls,
        )
        (self._folder / "nginx.conf").write_text(text)
