# SPDX-License-Identifier: LGPL-2.1-or-later
"""Real answers with anything in any place are understood or refused, and never break the adapter."""

import asyncio
import json
import ssl
from contextlib import suppress

import hawkbit_ddi
import httpx
from hawkbit_ddi.interval import LONGEST, SHORTEST
from hypothesis import given, settings
from hypothesis import strategies as st

from hawkbit_rauc.errors import OfferGoneError, ServerError
from hawkbit_rauc.hawkbit.ddi import Hawkbit
from hawkbit_rauc.model import Identity, Offer

UNUSED = ssl.create_default_context()  # made once: it takes longer than all the rest
OWN = "http://hawkbit/DEFAULT/controller/v1/dev-1"
POLL = {
    "config": {"polling": {"sleep": "00:05:00"}},
    "_links": {
        "deploymentBase": {"href": f"{OWN}/deploymentBase/3?c=-2129030598"},
        "cancelAction": {"href": f"{OWN}/cancelAction/2"},
        "configData": {"href": f"{OWN}/configData"},
    },
}
DEPLOYMENT = {
    "id": "3",
    "deployment": {
        "download": "forced",
        "update": "attempt",
        "maintenanceWindow": "available",
        "chunks": [
            {
                "part": "os",
                "version": "1",
                "name": "system",
                "metadata": [{"key": "a", "value": "b"}],
                "artifacts": [
                    {
                        "filename": "a.raucb",
                        "hashes": {"sha1": "a" * 40, "md5": "b" * 32, "sha256": "c" * 64},
                        "size": 4_294_967_296,
                        "_links": {
                            "download-http": {"href": f"{OWN}/softwaremodules/1/artifacts/a.raucb"},
                            "md5sum-http": {"href": f"{OWN}/softwaremodules/1/artifacts/a.raucb.MD5SUM"},
                        },
                    }
                ],
            }
        ],
    },
    "actionHistory": {"status": "RUNNING", "messages": ["newest", "oldest"]},
}
CANCEL = {"id": "3", "cancelAction": {"stopId": "3"}}

texts = st.one_of(
    st.text(max_size=20), st.sampled_from(["../..", "http://[", "//x", "\ud800", "-1", "PT1H", "0"])
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)


def places(document: object, at: tuple = ()) -> list[tuple]:
    """All paths into a document."""
    items = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    return [at] + [found for key, inner in items for found in places(inner, (*at, key))]


@st.composite
def mutated(draw: st.DrawFn, document: object) -> object:
    """A document with up to three places replaced or taken away."""
    changed = json.loads(json.dumps(document))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.sampled_from(places(changed)))
        if not at:
            return draw(values)
        parent = changed
        for key in at[:-1]:
            parent = parent[key]
        if draw(st.booleans()):
            parent[at[-1]] = draw(values)
        else:
            del parent[at[-1]]
    return changed


def answering(document: object) -> Hawkbit:
    """An adapter whose server answers this to everything."""
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=json.dumps(document)))
    client = hawkbit_ddi.Client("http://hawkbit", "dev-1", transport=transport, verify=UNUSED)
    return Hawkbit(client, Identity("http://hawkbit", "DEFAULT", "dev-1"))


@settings(deadline=None)
@given(mutated(POLL))
def test_polls(document: object) -> None:
    """A poll is a Poll with an interval in bounds and usable ids, or ServerError."""
    with suppress(ServerError):
        poll = asyncio.run(answering(document).poll())
        assert poll.interval is None or SHORTEST <= poll.interval <= LONGEST
        for offer in (poll.deployment, poll.cancel, poll.confirmation):
            assert offer is None or (offer.action and offer.action.isascii() and "/" not in offer.action)


@settings(deadline=None)
@given(mutated(DEPLOYMENT))
def test_deployments(document: object) -> None:
    """A deployment has texts, sizes, hashes and links that are some, or there is none."""
    offer = Offer("3", f"{OWN}/deploymentBase/3")
    with suppress(ServerError, OfferGoneError):
        deployment = asyncio.run(answering(document).deployment(offer))
        assert deployment.action
        assert all(isinstance(message, str) for message in deployment.history)
        for chunk in deployment.chunks:
            assert {type(chunk.part), type(chunk.name), type(chunk.version)} == {str}
            for artifact in chunk.artifacts:
                assert artifact.size is None or artifact.size >= 0
                assert artifact.url is None or artifact.url.startswith(("http://", "https://"))
                assert all(int(value, 16) >= 0 for value in artifact.hashes.values())


@settings(deadline=None)
@given(mutated(CANCEL))
def test_cancelations(document: object) -> None:
    """A cancelation names an action, the link's at the least, or there is none."""
    with suppress(ServerError, OfferGoneError):
        assert asyncio.run(answering(document).cancelation(Offer("3", f"{OWN}/cancelAction/3")))
