# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client certificate instead of a token: through nginx to hawkBit, wherever its key lies."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen
from boards.real.scene import Scene
from rig import token
from rig.hawkbit import Hawkbit
from rig.nginx import Nginx, tls_keys
from rig.process import run

#: What hawkBit is told about the certificate's issuer; it is compared and nothing else.
ISSUER = "d0e1f2"
#: The certificate's common name is the controller's id.
CLIENT = "client"


@frozen
class Key:
    """Where the client's key lies: what the configuration says, and what has to be in the environment."""

    ssl_key: str
    env: dict[str, str]


@pytest.fixture(params=["file", "encrypted", "token"])
def key(request: pytest.FixtureRequest, tmp_path: Path) -> Key:
    """The key in a file, in one with a password, and in a token with a PIN."""
    plain = tls_keys() / "client.key.pem"
    if request.param == "file":
        return Key(str(plain), {})
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    secret = token.PIN if request.param == "token" else "sesame"
    (credentials / "ssl_key_password").write_text(f"{secret}\n")
    env = {"CREDENTIALS_DIRECTORY": str(credentials)}
    if request.param == "token":
        return Key(token.URI, env | token.token(tmp_path / "hsm"))
    encrypted = tmp_path / "encrypted.pem"
    run("openssl", "pkcs8", "-topk8", "-in", plain, "-out", encrypted, "-passout", f"pass:{secret}")
    return Key(str(encrypted), env)


@pytest.fixture
def version() -> str:
    """RAUC has no part in this."""
    return "1.8"


@pytest.fixture
def front(quick_hawkbit: Hawkbit, tmp_path: Path) -> Iterator[Nginx]:
    """The reverse proxy before hawkBit: it wants a certificate, and tells hawkBit whose it is."""
    headers = {
        "Host": "$http_host",
        "X-Controller-Id": CLIENT,
        "X-Authority": ISSUER,
        "X-Ssl-Client-Cn": CLIENT,  # hawkBit up to 0.10
        "X-Ssl-Issuer-Hash-1": ISSUER,
    }
    lines = "".join(f"proxy_set_header {name} {value}; " for name, value in headers.items())
    quick_hawkbit.configure("authentication.header.enabled", value=True)
    quick_hawkbit.configure("authentication.header.authority", ISSUER)
    location = f"location / {{ proxy_pass {quick_hawkbit.url}; {lines} }}"
    with Nginx(tmp_path / "front", location, tls=True, client_certificate=True) as nginx:
        yield nginx
    quick_hawkbit.unconfigure("authentication.header.enabled")
    quick_hawkbit.unconfigure("authentication.header.authority")


@pytest.fixture
def scene(scene: Scene, front: Nginx, key: Key) -> Iterator[Scene]:
    """A board that has a certificate and no token."""
    scene.target = scene.hawkbit.target(CLIENT)
    scene.env = key.env
    scene.keys |= {
        "hawkbit_server": front.host,
        "ssl": True,
        "ca_file": tls_keys() / "ca.pem",
        "auth_token": None,
        "ssl_cert": tls_keys() / "client.pem",
        "ssl_key": key.ssl_key,
    }
    yield scene
    scene.close()
    scene.target.delete()


def test_a_deployment_by_client_certificate(scene: Scene, front: Nginx) -> None:
    """Poll, download and feedback go through the proxy, which wants the certificate; no token is anywhere."""
    bundle = scene.board.bundle()
    action = scene.installed(bundle)
    assert scene.board.contains("B", bundle)
    assert scene.boot() == "B"
    assert scene.ended(action) == "finished"
    assert any(line.split('"')[1].split()[1].endswith(".raucb") for line in front.requests())
