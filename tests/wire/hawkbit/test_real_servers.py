# SPDX-License-Identifier: LGPL-2.1-or-later
"""The adapter goes through whole deployments on the real hawkBit and the real goosebit."""

import asyncio
from contextlib import closing
from functools import partial

import pytest
from rig.goosebit import Goosebit
from rig.hawkbit import Hawkbit
from rig.rauc import RaucBoard

from hawkbit_rauc.errors import CredentialsError, OfferGoneError
from hawkbit_rauc.hawkbit import connection
from hawkbit_rauc.model import Execution, Feedback, Finished, Told

connect = partial(connection.connect, connect_timeout=20, timeout=60)


def test_a_deployment_on_hawkbit_from_offer_to_end(real_hawkbit: Hawkbit) -> None:
    """Poll, attributes, payload, file, progress, a cancelation not accepted, the end; then nothing is left."""
    target = real_hawkbit.target()
    action = target.assign({"my bundle.raucb": b"content"})

    async def story() -> None:
        with closing(connect(real_hawkbit.url, target.id, target_token=target.token)) as server:
            await server.identify({"version": "1.0"})
            offer = (await server.poll()).deployment
            assert offer is not None
            deployment = await server.deployment(offer)
            assert (deployment.action, deployment.update) == (str(action.id), "forced")
            url = deployment.chunks[0].artifacts[0].url
            assert url is not None
            assert server.http.get(url).content == b"content"
            texts = ("<none>", "x" * 2000, target.token)
            assert (
                await server.tell(Feedback(offer.action, Execution.PROCEEDING, details=texts))
                is Told.ACCEPTED
            )
            action.cancel()
            cancel = (await server.poll()).cancel
            assert cancel is not None
            assert await server.cancelation(cancel) == offer.action
            rejected = Feedback(offer.action, Execution.REJECTED, details=("RAUC writes",), cancel=True)
            assert await server.tell(rejected) is Told.ACCEPTED
            assert await server.tell(rejected) is Told.CLOSED
            done = Feedback(offer.action, Execution.CLOSED, Finished.SUCCESS, ("booted",))
            assert await server.tell(done) is Told.ACCEPTED
            assert await server.tell(done) is Told.CLOSED
            assert (await server.poll()).deployment is None
            target.token = "revoked"
            with pytest.raises(CredentialsError):
                await server.poll()

    asyncio.run(story())
    assert action.outcome() == "finished"
    assert target.attributes == {"version": "1.0"}
    assert not any(target.token in message or "<" in message for message in action.messages())


def test_a_deployment_on_goosebit_from_offer_to_end(goosebit: Goosebit, board: RaucBoard) -> None:
    """The same, with goosebit's null in place of a closed action."""
    target = goosebit.create_target()
    bundle = board.bundle("73.1.0")
    goosebit.roll_out(target, goosebit.upload(bundle))
    attributes = {"hw_boardname": bundle.compatible, "hw_revision": "default", "sw_version": "1.0.0"}

    async def story() -> None:
        origin = f"http://{goosebit.host}"
        with closing(connect(origin, target.id, tenant=goosebit.tenant, target_token=target.token)) as server:
            assert (await server.poll()).identify
            await server.identify(attributes)
            offer = (await server.poll()).deployment
            assert offer is not None
            artifact = (await server.deployment(offer)).chunks[0].artifacts[0]
            assert artifact.size == bundle.size
            assert artifact.digest == ("sha1", bundle.digest("sha1"))
            assert artifact.url is not None
            assert server.http.get(artifact.url).content == bundle.path.read_bytes()
            progress = Feedback(offer.action, Execution.PROCEEDING, details=("Downloaded 10%",))
            assert await server.tell(progress) is Told.ACCEPTED
            done = Feedback(offer.action, Execution.CLOSED, Finished.SUCCESS, ("booted",), code=3)
            assert await server.tell(done) is Told.ACCEPTED
            with pytest.raises(OfferGoneError):
                await server.deployment(offer)
            assert (await server.poll()).deployment is None

    asyncio.run(story())
    assert goosebit.state(target) == "Finished"


@pytest.mark.parametrize("name", ["00:11:22:aa:bb:cc", "a+b@c!d$e&f'g(h)i*j,k=l~m"])
def test_a_controller_id_goes_into_the_path_as_it_is(real_hawkbit: Hawkbit, name: str) -> None:
    """hawkBit 0.3 looks for the token of what stands in the path, and does not decode it."""
    target = real_hawkbit.target(name)
    with closing(connect(real_hawkbit.url, target.id, target_token=target.token)) as server:
        asyncio.run(server.poll())
