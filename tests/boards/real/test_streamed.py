# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where RAUC is to fetch by itself and can't, hawkBit is told why before anything is written."""

from collections.abc import Callable, Iterator

import pytest
from boards.real.scene import Scene, attempts
from rig.bundles import MIB
from rig.proxy import Proxy
from rig.rauc import RaucBoard

import hawkbit_testing

#: RAUC 1.13's reason for the plain bundles of this rig.
WHY = "not supported in streaming mode"


@pytest.fixture
def streaming_scene(new_board: Callable[..., RaucBoard], version: str) -> Iterator[Scene]:
    """A board that is to stream, under the double of a hawkBit from which RAUC could.

    RAUC 1.8 is built without streaming, and 1.13 can't stream the plain bundles of this rig.
    """
    with hawkbit_testing.Hawkbit("1.1", sleep="00:00:01") as double, Proxy(double.host) as proxy:
        scene = Scene(new_board(rauc=version), double, proxy)
        scene.keys["stream_bundle"] = True
        yield scene
        scene.close()


def fails(scene: Scene, why: str, size: int = MIB) -> None:
    """The action ends at once, no attempt was begun, the slot is as it was, and no byte was on the disk."""
    action = scene.offer(scene.board.bundle(size=size))
    assert scene.ended(action) == "error"
    (said,) = [message for message in action.messages() if why in message]
    assert said.endswith("set stream_bundle = false or stream_fallback = true")
    assert attempts(action) == 0
    assert scene.board.state("B") == "good"
    assert scene.bundles_left == []


def is_left_to_rauc(scene: Scene) -> None:
    """RAUC 1.13 says why not, beforehand; 1.8 has no `InspectBundle`, so its installation tells, and says why not."""
    if scene.board.version != "1.8":
        fails(scene, WHY)
        return
    action = scene.offer(scene.board.bundle(size=MIB))
    process = scene.start()
    action.wait_for_message("put off: Failed to download bundle")
    process.end()
    assert action.outcome() is None
    assert scene.board.state("B") == "good"
    assert scene.bundles_left == []


def test_a_rauc_that_cannot_stream_says_why(streaming_scene: Scene) -> None:
    """Before an installation if it can be asked, otherwise in the installation."""
    is_left_to_rauc(streaming_scene)


def test_a_large_bundle_is_not_streamed_from_a_real_hawkbit_that_counts_ranges(scene: Scene) -> None:
    """hawkBit up to 0.9 is known by its ETag, before RAUC is asked; from a newer one it depends on RAUC."""
    scene.keys["stream_bundle"] = True
    if scene.hawkbit.version < (0, 10):
        fails(scene, "is a hawkBit up to 0.9", size=17 * MIB)
    else:
        is_left_to_rauc(scene)


def test_a_small_bundle_is_streamed_from_any_hawkbit(scene: Scene) -> None:
    """The history of an old one has room for the ranges of it, so it depends on RAUC."""
    scene.keys["stream_bundle"] = True
    is_left_to_rauc(scene)


def test_what_cannot_be_streamed_is_downloaded_where_that_is_wanted(scene: Scene) -> None:
    """With `stream_fallback` the deployment goes its way as without streaming."""
    scene.keys |= {"stream_bundle": True, "stream_fallback": True}
    bundle = scene.board.bundle()
    action = scene.installed(bundle)
    assert scene.board.contains("B", bundle)
    scene.boot()
    assert scene.ended(action) == "finished"
    assert scene.bundles_left == []
