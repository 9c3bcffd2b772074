# SPDX-License-Identifier: LGPL-2.1-or-later
"""Over 20,000 spoilt answers to all operations end in a model that can be walked, or in an error of the tree."""

import asyncio
import copy
import hashlib
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from hawkbit_ddi import Artifact, DdiError, StatusError, UnreadableAnswerError
from sdk.sdk_answers import (
    NOT_FOUND,
    OPERATIONS,
    PORTAL,
    QUOTA,
    READS,
    WRITES,
    Operation,
    client_of,
    name_of,
    places,
    walk,
)

BODIES = 1300
STATUSES = (200, 200, 200, 200, 200, 201, 204, 206, 304, 400, 403, 404, 409, 410, 429, 500, 502, 520, 599)
REAL = [operation.answer for operation in READS if not isinstance(operation.answer, bytes)] + [
    NOT_FOUND,
    QUOTA,
]
ODD: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1.5,
        1e308,
        float("nan"),
        float("inf"),
        2**63,
        10**400,
        "",
        " ",
        "7",
        "\ud800",
        "\0",
    ),
    *([], {}, [[]], [None], [{}], {"": None}, {"href": 1}, "PT36H", "9" * 5000, "http://[", "x" * 10_000),
)
NOISE = (
    b"",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"NaN",
    b"\\ud800",
    b'"',
    b"[" * 20_000,
    b"{}",
    b"<html>",
    b"1e999",
    b"\r\n",
)


def spoil(chance: random.Random, answer: Any) -> bytes:
    """Exchange, remove, double or nest some members, or cut and change some bytes."""
    if isinstance(answer, bytes):
        body = answer
    else:
        value = copy.deepcopy(answer if chance.random() < 0.8 else chance.choice(REAL))
        for _ in range(chance.randint(0, 3)):
            path = chance.choice(list(places(value)))
            if not path:
                value = copy.deepcopy(chance.choice(ODD))
                continue
            parent = value
            for key in path[:-1]:
                parent = parent[key]
            what = chance.randrange(4)
            if what == 0:
                del parent[path[-1]]
            elif what == 1:
                parent[path[-1]] = [None, parent[path[-1]], parent[path[-1]]]
            elif what == 2 and isinstance(parent, dict):
                parent["later"] = parent.pop(path[-1])
            else:
                parent[path[-1]] = copy.deepcopy(chance.choice(ODD))
        body = json.dumps(value).encode()
    for _ in range(chance.choice((0, 0, 0, 1, 2))):
        at = chance.randint(0, len(body))
        body = body[:at] + chance.choice(NOISE) + body[at + chance.randint(0, 5) :]
    return body if chance.random() < 0.9 else body[: chance.randint(0, len(body))]


def spoilt_headers(chance: random.Random) -> list[tuple[bytes, bytes]]:
    """Headers that lie or are none."""
    values = [
        b"",
        b"gzip",
        b"text/html",
        b"application/json;charset=UTF-8",
        b'W/"x"',
        b"\xe4",
        b"-1",
        b"9" * 400,
    ]
    names = [b"Content-Type", b"Content-Encoding", b"ETag", b"Retry-After", b"Date", b"Location"]
    return [(name, chance.choice(values)) for name in chance.sample(names, chance.randrange(3))]


def check(operation: Operation, status: int, result: Any, error: DdiError | None) -> None:
    """A result belongs to a success and is of its type; an error belongs to its status and reads as a sentence."""
    if error is None:
        assert status < 300
        assert (result is None) == (operation in WRITES)
        walk(result)
        return
    assert str(error)
    assert str(error).isprintable()
    assert isinstance(error, StatusError) == (status >= 300) or isinstance(error, UnreadableAnswerError)
    assert not isinstance(error, StatusError) or error.status == status
    repr(error)


@pytest.mark.parametrize("operation", OPERATIONS, ids=name_of)
def test_no_spoilt_answer_breaks_a_caller(operation: Operation) -> None:
    """Synchronous and asynchronous in turn; the seed is the operation's name, so that a failure comes back."""
    chance = random.Random(operation.name)
    answer: Any = {}
    client = client_of(lambda _: answer["response"])
    ends: Counter[str] = Counter()

    async def run() -> None:
        for number in range(BODIES):
            original = b"" if operation.answer is None else operation.answer
            body = spoil(chance, original if number % 10 else PORTAL)
            status, headers = chance.choice(STATUSES), spoilt_headers(chance)
            # Unread, as a body from the network is.
            stream = httpx.ByteStream(body)
            answer["response"] = httpx.Response(status, headers=headers, stream=stream)
            result, error = None, None
            try:
                if number % 2:
                    result = await operation.module.asyncio(
                        *operation.arguments, client=client, **operation.keywords
                    )
                else:
                    result = operation.module.sync(*operation.arguments, client=client, **operation.keywords)
            except DdiError as refusal:
                error = refusal
            except BaseException:
                print(number, status, headers, body)
                raise
            check(operation, status, result, error)
            ends["result" if error is None else type(error).__name__] += 1

    asyncio.run(run())
    assert ends["result"] > BODIES / 20
    assert ends.total() == BODIES


def test_there_are_twenty_thousand() -> None:
    """All operations together get more than 20,000 bodies."""
    assert len(OPERATIONS) * BODIES >= 20_000


def test_no_spoilt_answer_makes_a_wrong_file(tmp_path: Path) -> None:
    """Whatever a download is answered with, and whatever lies there, a file that is here is the announced one."""
    chance = random.Random("download")
    right = bytes(range(200))
    file = Artifact.from_dict(
        {
            "filename": "a",
            "size": len(right),
            "hashes": {"sha256": hashlib.sha256(right).hexdigest()},
            "_links": {"download": {"href": "https://cdn.example/a"}},
        }
    )
    ranges = [
        b"bytes 0-199/200",
        b"bytes 50-199/200",
        b"bytes 50-199/*",
        b"bytes */50",
        b"bytes */200",
        b"bytes",
    ]
    part, path = tmp_path / "a.part", tmp_path / "a"

    def server(_: httpx.Request) -> httpx.Response:
        body = chance.choice([right, right, right[50:], spoil(chance, right)])
        headers = [*spoilt_headers(chance), (b"Content-Range", chance.choice(ranges))]
        status = chance.choice((200, 206, 206, 206, 416, *STATUSES))
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))

    client = client_of(server)
    ends: Counter[str] = Counter()
    for _ in range(1000):
        path.unlink(missing_ok=True)
        part.write_bytes(chance.choice([b"", right[:50], right, spoil(chance, right)]))
        try:
            client.download(file, path)
        except DdiError as error:
            ends[type(error).__name__] += 1
            assert not path.exists()
        else:
            ends["file"] += 1
            assert path.read_bytes() == right
            assert not part.exists()
    assert ends["file"] > 50
    assert len(ends) > 8
