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
from rig.vm import Machine

import hawkbit_testing


@frozen
class Place:
    """A machine and its server, with a proxy between them that may be cut, and the bundle on offer."""

    machine: Machine
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
        return daemon(self.machine, file)

    def is_installed(self) -> bool:
        """Whether RAUC has written the image to B and activated it."""
        slot = self.machine.slot("B")
        return (slot["status"], slot["sha256"]) == ("ok", self.bundle.image.sha256)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A verity bundle waits at the server for the machine."""
    bundle = bundles.make(tmp_path / "bundles", "2.0.0", form="verity")
    with (
        hawkbit_testing.Hawkbit("1.1", sleep="00:00:02") as hawkbit,
        Proxy(hawkbit.host) as proxy,
        Machine(tmp_path / "machine", proxy.host) as machine,
    ):
        target = hawkbit.target()
        action = target.assign(bundle.path)
        yield Place(machine, hawkbit, proxy, bundle, target, action, tmp_path)


def test_a_bundle_is_streamed_and_installed(place: Place) -> None:
    """All of it comes by requests with the token, the slot holds the image, and nothing was on the disk."""
    with place.start() as process:
        process.wait_for_log("installed, reboot pending", 120)
    assert place.is_installed()
    asked = place.hawkbit.requests("/artifacts/")
    assert len(asked) > 20
    assert {request.headers["Authorization"] for request in asked} == {f"TargetToken {place.target.token}"}
    assert all("Range" in request.headers for request in asked)
    assert not (place.folder / "download").exists()


def test_a_stream_that_breaks_off_is_taken_up_again(place: Place) -> None:
    """A server that is away for longer than RAUC waits costs an attempt, not the action."""
    with place.start() as process:
        place.proxy.wait_received(1_500_000, 120)
        place.proxy.cut()
        process.wait_for_log("the stream broke off", 120)
        place.proxy.restore()
        process.wait_for_log("installing, attempt 2", 120)
        process.wait_for_log("installed, reboot pending", 120)
    assert place.is_installed()
    assert place.action.outcome() is None
