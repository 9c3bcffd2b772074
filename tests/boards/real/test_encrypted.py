# SPDX-License-Identifier: LGPL-2.1-or-later
"""hawkBit decrypts an artifact while it serves it, so that size and hash that it tells are of other bytes."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from boards.real.scene import Scene, attempts
from rig.nginx import Nginx
from rig.proxy import Proxy
from rig.rauc import RaucBoard

import hawkbit_testing


@pytest.fixture
def decrypting(tmp_path: Path) -> Iterator[tuple[hawkbit_testing.Hawkbit, Nginx]]:
    """A hawkBit that tells of other bytes than are sent: those lie in nginx's `decrypted`."""
    with hawkbit_testing.Hawkbit("1.1", sleep="00:00:01") as hawkbit:
        lines = f"""location ~ /artifacts/ {{ rewrite ^ /decrypted break; }}
            location / {{ proxy_pass {hawkbit.url}; proxy_set_header Host $http_host; }}"""
        with Nginx(tmp_path / "front", lines) as nginx:
            yield hawkbit, nginx


@pytest.fixture
def scene(
    new_board: Callable[..., RaucBoard], version: str, decrypting: tuple[hawkbit_testing.Hawkbit, Nginx]
) -> Iterator[Scene]:
    """A board under that hawkBit."""
    hawkbit, nginx = decrypting
    with Proxy(nginx.host) as proxy:
        scene = Scene(new_board(rauc=version), hawkbit, proxy)
        yield scene
        scene.close()


def offer(scene: Scene) -> hawkbit_testing.Action:
    """Assign an encrypted artifact, of which the server knows the encrypted bytes."""
    files = {"system.raucb": b"encrypted, and longer or shorter than what is sent"}
    module = scene.hawkbit.module(files, encrypted=True)
    return scene.target.assign(scene.hawkbit.distribution_set(module))


def test_a_bundle_that_the_server_decrypts_is_installed(
    scene: Scene, decrypting: tuple[hawkbit_testing.Hawkbit, Nginx]
) -> None:
    """What is told of the encrypted bytes is no reason to refuse the others."""
    bundle = scene.board.bundle()
    shutil.copyfile(bundle.path, decrypting[1].www / "decrypted")
    action = offer(scene)
    assert scene.once() == 0
    assert scene.board.contains("B", bundle)
    scene.boot()
    assert scene.ended(action) == "finished"


def test_raucs_signature_decides_about_what_arrived(
    scene: Scene, decrypting: tuple[hawkbit_testing.Hawkbit, Nginx]
) -> None:
    """One bit that is wrong is found by RAUC, which writes nothing, and the action fails with its reason."""
    shutil.copyfile(scene.board.bundle().flipped(), decrypting[1].www / "decrypted")
    action = offer(scene)
    assert scene.ended(action) == "error"
    assert any("signature" in message.lower() for message in action.messages()), action.messages()
    assert attempts(action) == 1
    assert scene.board.state("B") == "good"
