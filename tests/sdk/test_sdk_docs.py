# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples of docs/sdk.md run, in their order, against a loopback server."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sdk.sdk_answers import ARTIFACTS, HAWKBIT_DEPLOYMENT, HAWKBIT_POLL, NOT_FOUND

PAGE = Path(__file__).parents[2] / "docs" / "sdk.md"
OWN = "/DEFAULT/controller/v1/dev-1"
TAG = '"0d41d8cd98f00b204e9800998ecf8427e"'


class Server(BaseHTTPRequestHandler):
    """As much of hawkBit as the examples need."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a poll, a deployment, a download."""
        path = self.path.partition("?")[0].removeprefix(OWN)
        deployment: Any = json.loads(json.dumps(HAWKBIT_DEPLOYMENT))
        artifact = deployment["deployment"]["chunks"][0]["artifacts"][0]
        artifact |= {"size": 6, "hashes": {"sha256": hashlib.sha256(b"bundle").hexdigest()}}
        if path == "" and self.headers.get("if-none-match") == TAG:
            self.reply(304, b"")
        elif path == "":
            self.reply(200, json.dumps(HAWKBIT_POLL).encode())
        elif path == "/deploymentBase/7":
            self.reply(200, json.dumps(deployment).encode())
        elif path.startswith("/softwaremodules/"):
            self.reply(200, b"bundle")
        else:
            self.reply(404, json.dumps(NOT_FOUND).encode())

    def do_POST(self) -> None:
        """Take a report."""
        self.rfile.read(int(self.headers["content-length"]))
        self.reply(200 if "Token" in self.headers["authorization"] else 401, b"")

    do_PUT = do_POST  # noqa: N815

    def reply(self, status: int, body: bytes) -> None:
        """Send an answer."""
        self.send_response(status)
        self.send_header("ETag", TAG)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Stay quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    """Where the server is."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_examples_run(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each example of the page does what it says, one after the other."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(examples) >= 6
    names: dict[str, Any] = {}
    for example in examples:
        exec(example.replace("https://hawkbit.example", url), names)
    names["client"].close()
    assert capsys.readouterr().out.splitlines() == [
        "poll again after 00:05:00",
        f"install ['{ARTIFACTS[0]['filename']}']",
        "6 bytes, of which are here 6",
    ]


def test_the_first_example_is_ten_lines() -> None:
    """The page keeps its promise, imports and blank lines aside."""
    example = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert example
    lines = [line for line in example[1].splitlines() if line.strip() and "import" not in line]
    assert len(lines) <= 10


def test_every_operation_is_on_the_page() -> None:
    """The table of operations is complete."""
    folder = PAGE.parents[1] / "generated" / "hawkbit_ddi" / "api" / "ddi"
    names = {module.stem for module in folder.glob("*.py")} - {"__init__"}
    assert {name for name in names if f"`{name}`" not in PAGE.read_text()} == set()
