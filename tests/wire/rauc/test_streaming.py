# SPDX-License-Identifier: LGPL-2.1-or-later
"""RAUC looks into bundles over HTTP as it does before it streams them, with what it was given for access."""

from collections.abc import Callable
from pathlib import Path

import pytest
from rig.nginx import Nginx, tls_keys
from rig.rauc import RaucBoard
from rig.target import free_port
from wire.rauc.using import quiet, with_rauc

from hawkbit_rauc.errors import InstallerBusyError, InstallerError
from hawkbit_rauc.model import Refusal, RemoteBundle

NewBoard = Callable[..., RaucBoard]
HEADER = "Authorization: TargetToken t0ken"
ONLY_WITH_TOKEN = 'if ($http_authorization != "TargetToken t0ken") { return 401; }'


@pytest.fixture
def board(new_board: NewBoard) -> RaucBoard:
    """A board with RAUC 1.13, which can stream."""
    return new_board(rauc="1.13")


def refusal(board: RaucBoard, bundle: RemoteBundle) -> Refusal | None:
    return with_rauc(board.bus, lambda rauc: rauc.refusal(bundle))


def put(server: Nginx, board: RaucBoard, form: str = "verity") -> str:
    """Put a bundle onto a server and return its URL."""
    board.bundle("2.0.0", form=form).path.rename(server.www / "bundle.raucb")
    return f"{server.url}/bundle.raucb"


def test_each_of_raucs_requests_carries_the_token(board: RaucBoard, tmp_path: Path) -> None:
    """A server that refuses all others gives RAUC the bundle, and all that it asks for are ranges."""
    with Nginx(tmp_path / "nginx", ONLY_WITH_TOKEN) as server:
        url = put(server, board)
        assert refusal(board, RemoteBundle(url, headers=(HEADER,))) is None
        statuses = {line.split('" ')[1].split()[0] for line in server.requests()}
        assert statuses == {"206"}
        with pytest.raises(InstallerError, match="401"):
            refusal(board, RemoteBundle(url))


def test_a_client_certificate_and_a_private_authority(board: RaucBoard, tmp_path: Path) -> None:
    """Over TLS, RAUC shows the certificate and trusts the authority that it was told, and without either fails."""
    keys = {"certificate": str(tls_keys() / "client.pem"), "key": str(tls_keys() / "client.key.pem")}
    authority = {"authorities": str(tls_keys() / "ca.pem")}
    readable_by_nobody(tls_keys())
    with Nginx(tmp_path / "nginx", tls=True, client_certificate=True) as server:
        url = put(server, board)
        assert refusal(board, RemoteBundle(url, **keys, **authority)) is None
        assert refusal(board, RemoteBundle(url, **keys, verify=False)) is None
        for lacking in (keys, authority):
            with pytest.raises(InstallerError, match="can't stream"):
                refusal(board, RemoteBundle(url, **lacking))


def readable_by_nobody(folder: Path) -> None:
    """RAUC fetches as the user nobody."""
    for file in folder.glob("client*"):
        file.chmod(0o644)


def test_the_hash_of_a_bundle_that_is_streamed(board: RaucBoard, tmp_path: Path) -> None:
    """It is the same as of the file, so that a bundle that runs already is not installed again."""
    with Nginx(tmp_path / "nginx") as server:
        url = put(server, board)
        local = with_rauc(board.bus, lambda rauc: rauc.look_into(server.www / "bundle.raucb"))
        assert local.hash
        assert with_rauc(board.bus, lambda rauc: rauc.look_into(RemoteBundle(url))) == local


def test_a_bundle_in_a_form_that_is_not_streamed(board: RaucBoard, tmp_path: Path) -> None:
    """RAUC says so before anything is installed; the sentence does not repeat the query of the link."""
    with Nginx(tmp_path / "nginx") as server:
        url = put(server, board, "plain")
        why = refusal(board, RemoteBundle(f"{url}?signature=s3cret"))
    assert why is not None
    assert why.certain
    assert "'plain' not supported in streaming mode" in why.why
    assert "s3cret" not in why.why


def install(board: RaucBoard, bundle: RemoteBundle) -> None:
    with_rauc(board.bus, lambda rauc: rauc.install(bundle, "ours", quiet))


@pytest.mark.parametrize("act", [refusal, install])
def test_a_server_that_is_away_is_a_passing_trouble(
    board: RaucBoard, act: Callable[[RaucBoard, RemoteBundle], object]
) -> None:
    """What RAUC can't reach now it may reach later, so neither ends the action."""
    bundle = RemoteBundle(f"http://127.0.0.1:{free_port()}/bundle.raucb?signature=s3cret")
    with pytest.raises(InstallerError, match="server not responding") as caught:
        act(board, bundle)
    assert not isinstance(caught.value, InstallerBusyError)
    assert "s3cret" not in str(caught.value)


def test_a_rauc_that_is_too_old_to_be_asked(new_board: NewBoard, tmp_path: Path) -> None:
    """RAUC 1.8 has no InspectBundle, so that only an installation will tell; nothing is sent to the server."""
    board = new_board(rauc="1.8")
    with Nginx(tmp_path / "nginx") as server:
        found = refusal(board, RemoteBundle(put(server, board)))
        assert found == Refusal("RAUC before 1.9 can't be asked whether it can stream", certain=False)
        assert server.requests() == []
