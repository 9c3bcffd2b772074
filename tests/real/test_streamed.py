# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where RAUC is to fetch by itself and can't, hawkBit is told why before anything is written."""

import pytest
from scene import Scene, attempts


@pytest.fixture
def scene(scene: Scene) -> Scene:
    """A board that is to stream; RAUC 1.8 can't, and 1.13 can't stream the plain bundles of this rig."""
    scene.keys["stream_bundle"] = True
    return scene


def test_what_cannot_be_streamed_fails_with_the_reason(scene: Scene) -> None:
    """The action ends at once, no attempt was begun, the slot is as it was, and no byte was on the disk."""
    action = scene.offer(scene.board.bundle())
    assert scene.ended(action) == "error"
    why = {"1.8": "RAUC before 1.9 can't be asked", "1.13": "not supported in streaming mode"}
    assert any(why[scene.board.version] in message for message in action.messages())
    assert any("stream_fallback = true" in message for message in action.messages())
    assert attempts(action) == 0
    assert scene.board.state("B") == "good"
    assert scene.bundles_left == []


def test_what_cannot_be_streamed_is_downloaded_where_that_is_wanted(scene: Scene) -> None:
    """With `stream_fallback` the deployment goes its way as without streaming."""
    scene.keys["stream_fallback"] = True
    bundle = scene.board.bundle()
    action = scene.installed(bundle)
    assert scene.board.contains("B", bundle)
    scene.boot()
    assert scene.ended(action) == "finished"
    assert scene.bundles_left == []
