# SPDX-License-Identifier: LGPL-2.1-or-later
"""RAUC streams a bundle, in a machine whose kernel can."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen
from rig import bundles
from rig.process import Process
from rig.proxy import Proxy
from rig.run import configuration, daemon
from rig.vm import VerityBoard

import hawkbit_testing


@frozen
class StreamScene:
    """A machine and its server, with a proxy between them that may be cut, and the bundle on offer."""

    board: VerityBoard
    hawkbit: hawkbit_testing.Hawkbit
    proxy: Proxy
    bundle: bundles.Bundle
    target: hawkbit_testing.Target
    action: hawkbit_testing.Action
    folder: Path

    def start(self) -> Process:
        """Start the daemon beside the machine."""
        file = configuration(
            self.folder / "config.conf",
            server=self.proxy.host,
            target=self.target.id,
            token=self.target.token,
            bundle=self.folder / "download" / "bundle.raucb",
            stream_bundle=True,
            first_poll_within=0,
            retry_wait=2,
        )
        return daemon(self.board, file)

    def is_installed(self) -> bool:
        """Whether RAUC has written the image to B and activated it."""
        slot = self.board.slot("B")
        return (slot["status"], slot["sha256"]) == ("ok", self.bundle.image.sha256)


@pytest.fixture
def stream_scene(tmp_path: Path) -> Iterator[StreamScene]:
    """A verity bundle waits at the server for the machine."""
    bundle = bundles.make(tmp_path / "bundles", "2.0.0", form="verity")
    with (
        hawkbit_testing.Hawkbit("1.1", sleep="00:00:02") as hawkbit,
        Proxy(hawkbit.host) as proxy,
        VerityBoard(tmp_path / "machine", proxy.host) as board,
    ):
        target = hawkbit.target()
        action = target.assign(bundle.path)
        yield StreamScene(board, hawkbit, proxy, bundle, target, action, tmp_path)


def test_a_bundle_is_streamed_and_installed(stream_scene: StreamScene) -> None:
    """All of it comes by requests with the token, the slot holds the image, and nothing was on the disk."""
    with stream_scene.start() as process:
        process.wait_for_log("installed, reboot pending", 120)
    assert stream_scene.is_installed()
    asked = stream_scene.hawkbit.requests("/artifacts/")
    assert len(asked) > 20
    assert {request.headers["Authorization"] for request in asked} == {
        f"TargetToken {stream_scene.target.token}"
    }
    assert all("Range" in request.headers for request in asked)
    assert not (stream_scene.folder / "download").exists()


def test_a_stream_that_breaks_off_is_taken_up_again(stream_scene: StreamScene) -> None:
    """A server that is away for longer than RAUC waits costs an attempt, not the action."""
    with stream_scene.start() as process:
        stream_scene.proxy.wait_received(1_500_000, 120)
        stream_scene.proxy.cut()
        process.wait_for_log("the stream broke off", 120)
        stream_scene.proxy.restore()
        process.wait_for_log("installing, attempt 2", 120)
        process.wait_for_log("installed, reboot pending", 120)
    assert stream_scene.is_installed()
    assert stream_scene.action.outcome() is None
