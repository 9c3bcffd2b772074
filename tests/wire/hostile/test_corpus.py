# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whatever servers do: no traceback, no hang, no busy loop, no leaked token, no wrong bytes to RAUC."""

import pytest
from wire.hostile import corpus
from wire.hostile.corpus import ANY, FAILURE, SUCCESS, Case
from wire.hostile.ground import ground


@pytest.mark.parametrize("case", [*corpus.statuses()], ids=lambda case: case.id)
def test_a_hostile_server_changes_nothing_but_the_time(case: Case, tmp_path) -> None:
    """`run --once` exits as in the contract; `run` keeps polling, and ends well once the server is right."""
    with ground(tmp_path, **case.options) as place:
        action = place.assign()
        if case.canceling:
            action.cancel()
        if case.setup:
            case.setup(place)
        place.hawkbit.fault(case.where, case.fault(), times=None)
        code = place.once()
        assert code == case.code, place.log.getvalue()
        place.check()
        if action.active and case.end != ANY:
            before = len(place.hawkbit.requests(case.where))
            place.until(
                lambda: len(place.hawkbit.requests(case.where)) >= before + 3,
                place.hawkbit.clear_faults,
                lambda: not action.active,
            )
        place.check()
        if case.end == SUCCESS:
            assert action.status == ("canceled" if case.canceling else "finished"), place.log.getvalue()
            assert len(place.rauc.given) == (0 if case.canceling else 1)
        elif case.end == FAILURE:
            assert action.status == "error", place.log.getvalue()
