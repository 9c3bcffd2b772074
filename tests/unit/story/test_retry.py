# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is tried again, and after which pause."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hawkbit_rauc import errors
from hawkbit_rauc.errors import PassingError
from hawkbit_rauc.story import retry


def lived(*results, cap=300.0, put_off=None):
    """Do work that ends with these results in turn; returns what it came to, the pauses, and what was told."""
    left, pauses, told = list(results), [], []

    async def work() -> object:
        result = left.pop(0)
        if isinstance(result, BaseException):
            raise result
        return result

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    async def tell(error: PassingError, pause: float) -> None:
        told.append((error, pause))
        if put_off:
            raise put_off

    async def live() -> object:
        return await retry.until_done(work, sleep=sleep, cap=lambda: cap, put_off=tell)

    return lambda: asyncio.run(live()), pauses, told


PASSING = [
    error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, PassingError)
]


@pytest.mark.parametrize("kind", PASSING)
def test_passing_errors_are_tried_again_until_the_work_is_done(kind):
    """Each failure is told with its pause before the sleep."""
    further = ("org.example.Error", "no") if kind is errors.RefusedError else ()
    failures = [kind(str(number), *further) for number in range(5)]
    live, pauses, told = lived(*failures, "done")
    assert live() == "done"
    assert told == list(zip(failures, pauses, strict=True))


@pytest.mark.parametrize(
    "error",
    [
        errors.DeploymentError("x"),
        errors.InstallationError("x"),
        errors.OfferGoneError("x"),
        errors.LockedError("x"),
        errors.ConfigError(["x"]),
        ValueError("x"),
        OSError("x"),
        TimeoutError("x"),
        asyncio.CancelledError(),
        KeyboardInterrupt(),
    ],
    ids=repr,
)
def test_nothing_else_is_tried_again(error):
    """Other errors and cancelation pass through as they are, at once or after a first failure."""
    live, _, told = lived(error)
    with pytest.raises(type(error)) as raised:
        live()
    assert told == []
    live, _, told = lived(PassingError("y"), error)
    with pytest.raises(type(error)) as raised:
        live()
    if not isinstance(error, asyncio.CancelledError | KeyboardInterrupt):
        assert raised.value is error
    assert len(told) == 1


def test_who_is_told_may_end_it():
    live, pauses, told = lived(PassingError("x"), "never", put_off=errors.DeploymentError("enough"))
    with pytest.raises(errors.DeploymentError, match="enough"):
        live()
    assert (pauses, len(told)) == ([], 1)


def test_the_sleep_can_be_cancelled():
    async def live() -> None:
        asleep = asyncio.Event()

        async def work() -> None:
            raise PassingError("x")

        async def sleep(seconds: float) -> None:
            asleep.set()
            await asyncio.Event().wait()

        async def tell(error: PassingError, pause: float) -> None: ...

        task = asyncio.ensure_future(retry.until_done(work, sleep=sleep, cap=lambda: 1, put_off=tell))
        await asleep.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(live())


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 600), st.integers(1, 60))
def test_pauses_grow_up_to_the_cap_and_no_further(cap, failures):
    """Within [least, first * 2^n] and the cap; even a cap of nothing is no busy loop."""
    live, pauses, _ = lived(*[PassingError("x")] * failures, "done", cap=cap)
    live()
    for number, pause in enumerate(pauses):
        most = max(min(retry.FIRST_PAUSE * 2**number, cap), retry.LEAST_PAUSE)
        assert retry.LEAST_PAUSE <= pause <= most


@pytest.mark.case(28)
def test_pauses_are_spread():
    """A fleet does not come back in step: the pauses fill what they may have."""
    late = []
    for _ in range(200):
        live, pauses, _ = lived(*[PassingError("x")] * 12, "done")
        live()
        late.append(pauses[-1])
    assert min(late) < 60
    assert max(late) > 240
    assert 100 < sum(late) / len(late) < 200


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        (None, 0.5, 2),
        (0, 0.5, 2),
        (-5, 0.5, 2),
        (30, 30, 30),
        (3600, 3600, 3600),
        (1e9, 3600, 3600),
        (float("inf"), 3600, 3600),
    ],
)
def test_no_pause_is_shorter_than_the_server_asked_for(asked, least, most):
    """Retry-After counts beyond the cap, but is cut at an hour; it holds for its own failure alone."""
    live, pauses, _ = lived(PassingError("x", retry_after=asked), PassingError("y"), "done", cap=10.0)
    live()
    assert least <= pauses[0] <= most
    assert pauses[1] <= 4
