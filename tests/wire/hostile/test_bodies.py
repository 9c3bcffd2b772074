# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whatever servers send: nothing breaks, nothing leaks, no wrong byte gets to RAUC, and right answers help at once."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wire.hostile import bodies
from wire.hostile.corpus import CANCEL, DEPLOYMENT, POLL
from wire.hostile.ground import BUNDLE, Ground, ground

from hawkbit_testing import faults
from hawkbit_testing.wire import Fault

Case = tuple[str, str, Callable[[], Fault]]


def survive(place: Ground, action: Any) -> None:
    """Exit with a code of the contract while the server lies; be well and truthful when it is right again."""
    assert place.once() in (0, 1, 2)
    place.check()
    place.hawkbit.clear_faults()
    if action.active:
        place.until(lambda: True, lambda: None, lambda: not action.active)
    place.check()
    assert (action.status == "finished") == bool(place.rauc.given)


@pytest.mark.case(20)
@pytest.mark.parametrize("case", [*bodies.bodies(), *bodies.downloads()], ids=lambda case: case[0])
def test_answer_that_is_none_changes_nothing(case: Case, tmp_path: Path) -> None:
    """No hang, no traceback, no busy loop; the deployment, or its cancelation, goes on afterwards."""
    _, where, fault = case
    with ground(tmp_path, timeout=0.4, low_speed=(0.4, 100)) as place:
        action = place.assign()
        if where == CANCEL:
            action.cancel()
        place.hawkbit.fault(where, fault(), times=None)
        survive(place, action)


@pytest.mark.parametrize("wrong", bodies.WRONG)
@pytest.mark.parametrize("where", [POLL, DEPLOYMENT, CANCEL], ids=["poll", "deployment", "cancel"])
def test_member_of_a_wrong_type_changes_nothing(where: str, wrong: str, tmp_path: Path) -> None:
    """Each member of an answer in turn is something else."""
    with ground(folder(tmp_path, "look")) as place:
        right = answer_of(place, where)
    for number, path in enumerate(bodies.members(right)):
        with ground(folder(tmp_path, str(number))) as place:
            action = place.assign()
            if where == CANCEL:
                action.cancel()
            change = lambda document, way=path: bodies.replaced(document, way, bodies.WRONG[wrong])  # noqa: E731
            place.hawkbit.fault(where, faults.edit(change), times=3)
            survive(place, action)


def folder(parent: Path, name: str) -> Path:
    """A folder of its own for each board."""
    (parent / name).mkdir()
    return parent / name


def answer_of(place: Ground, where: str) -> Any:
    """A right answer of the double."""
    action = place.assign()
    if where == CANCEL:
        action.cancel()
    seen: list[Any] = []
    place.hawkbit.fault(where, faults.edit(lambda document: seen.append(copy.deepcopy(document))))
    place.once()
    return seen[0]


@pytest.mark.case(15)
@pytest.mark.parametrize("link", bodies.LINKS.values(), ids=list(bodies.LINKS))
def test_link_elsewhere_gets_no_credentials(link: str, tmp_path: Path) -> None:
    """A bundle from elsewhere is fetched without them, or not at all; a broken link is told in words."""
    with ground(tmp_path) as place:
        action = place.assign()
        href = link.replace("FOREIGN", place.foreign.url)

        def change(document: Any) -> None:
            for artifact in document["deployment"]["chunks"][0]["artifacts"]:
                artifact["_links"] = {"download-http": {"href": href}}

        place.hawkbit.fault(DEPLOYMENT, faults.edit(change), times=None)
        assert place.once() in (0, 1, 2)
        place.check()
        assert "secret" not in place.log.getvalue()
        assert not any("secret" in message or "password" in message for message in action.messages())


@pytest.mark.case(24)
@pytest.mark.parametrize("name", bodies.NAMES, ids=ascii)
def test_file_name_is_never_a_path(name: str, tmp_path: Path) -> None:
    """The bundle lies where the configuration says, and what is logged of its name is printable."""
    with ground(tmp_path) as place:
        action = place.assign()

        def change(document: Any) -> None:
            document["deployment"]["chunks"][0]["artifacts"][0]["filename"] = name

        place.hawkbit.fault(DEPLOYMENT, faults.edit(change), times=None)
        assert place.once() in (0, 1)
        place.check()
        assert action.status in ("finished", "error")
        assert {file.name for file in tmp_path.iterdir()} <= {"journal.json", "bundle", "lock"}


@pytest.mark.parametrize(
    "after", ["1e9", "-5", "garbage", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT", ""]
)
def test_retry_after_beyond_reason_is_cut(after: str, tmp_path: Path) -> None:
    """No header switches a board off, none makes it hurry."""
    with ground(tmp_path) as place:
        action = place.assign()
        place.hawkbit.fault(POLL, faults.answer(503, b"", {"Retry-After": after}), times=4)
        place.until(lambda: True, lambda: None, lambda: not action.active)
        place.check(BUNDLE)
        assert action.status == "finished"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_to_another_server_carries_no_credentials(status: int, tmp_path: Path) -> None:
    """The download follows, without the token; the bytes are verified all the same."""
    with ground(tmp_path) as place:
        action = place.assign()
        place.hawkbit.fault(
            r"GET .*/artifacts/", faults.redirect(f"{place.foreign.url}/x", status), times=None
        )
        place.until(lambda: True, lambda: None, lambda: not action.active)
        assert place.foreign.exchanges
        place.check()
        assert action.status == "finished"
