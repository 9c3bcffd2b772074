# SPDX-License-Identifier: LGPL-2.1-or-later
"""RAUC streams a bundle, in a machine whose kernel can."""

from pathlib import Path

from rig import bundles
from rig.run import configuration, daemon
from rig.vm import Machine

import hawkbit_testing


def test_a_bundle_is_streamed_and_installed(tmp_path: Path) -> None:
    """Each block comes by a request with the token, the slot holds the image, and nothing was on our disk."""
    bundle = bundles.make(tmp_path / "bundles", "2.0.0", form="verity")
    with hawkbit_testing.Hawkbit("1.1") as hawkbit, Machine(tmp_path / "machine", hawkbit.host) as machine:
        target = hawkbit.create_target()
        action = hawkbit.assign(target, bundle.path)
        file = configuration(
            tmp_path / "config.conf",
            server=hawkbit.host,
            target=target.id,
            token=target.token,
            bundle=tmp_path / "download" / "bundle.raucb",
            stream_bundle=True,
            timeout=60,
            once_timeout=120,
        )
        with daemon(machine, file, "--once") as process:
            assert process.wait(240) == 0, (process.text(), machine.text())
        assert any("reboot pending" in message for message in action.messages()), action.messages()
        slot = machine.slot("B")
        assert (slot["status"], slot["sha256"]) == ("ok", bundle.image.sha256)
        asked = hawkbit.requests("/artifacts/")
        assert len(asked) > 20
        assert {request.headers["Authorization"] for request in asked} == {f"TargetToken {target.token}"}
        assert all("Range" in request.headers for request in asked)
        assert not (tmp_path / "download").exists()
