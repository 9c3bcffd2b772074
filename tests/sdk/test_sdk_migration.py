# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/sdk-migration.md names everything that rauc-hawkbit offered, and each call that takes its place works."""

import ast
import asyncio
import hashlib
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from hawkbit_testing import Hawkbit, faults

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sdk-migration.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| rauc-hawkbit |", "| ---"))
]
CODE = re.compile(r"`([^`]+)`")
COMMANDS = [code for row in ROWS for code in CODE.findall(row[1]) if code.startswith("hawkbit-rauc")]
CALLS = [code for row in ROWS for code in CODE.findall(row[1]) if code not in COMMANDS]
CALLS += [code for row in ROWS for code in CODE.findall(" ".join(row[2:])) if code.startswith("await client")]
FILE = b"bundle" * 1000

# What `import rauc_hawkbit.ddi.client` and its siblings of version 0.2.0 gave.
NAMES = """
DDIClient build_api_url configData cancelAction deploymentBase softwaremodules get_resource post_resource put_resource
get_binary get_binary_resource error_responses check_http_status APIError session host ssl headers tenant controller_id
timeout CancelAction Action DeploymentBase DeploymentBaseAction DeploymentUpdate SoftwareModules SoftwareModule
Artifacts FileName MD5SUM feedback ConfigStatusExecution ConfigStatusResult DeploymentStatusExecution
DeploymentStatusResult CancelStatusExecution CancelStatusResult closed proceeding canceled scheduled rejected resumed
success failure none RaucDBUSDDIClient start_polling poll_base_resource identify cancel install process_deployment
download_artifact sleep progress_callback last_error_callback complete_callback lock_keeper result_callback new_proxy
new_signal_subscription new_property_subscription
""".split()  # noqa: SIM905


@pytest.mark.parametrize("name", NAMES)
def test_every_name_has_a_row(name: str) -> None:
    """Whoever searches the page for an old name finds it on the left of a table."""
    assert any(re.search(rf"\b{name}\b", " ".join(CODE.findall(row[0]))) for row in ROWS)


def test_every_row_has_a_successor() -> None:
    """The right side of each row is code that is run."""
    assert [row[0] for row in ROWS if not CODE.findall(row[1])] == []
    assert len(CALLS) >= 40


def names_for(server: Hawkbit, folder: Path) -> dict[str, Any]:
    """The page's first lines, and a deployment and all that belongs to it."""
    target = server.target("dev-1", "0123456789abcdef")
    action = target.assign({"system.raucb": FILE})
    names: dict[str, Any] = {}
    example = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert example
    exec(at(server, example[1]), names)
    base = names["get_controller_base"].sync(client=names["client"])
    link = base.links["deploymentBase"].href
    artifact = names["client"].follow(link, names["DeploymentBase"]).deployment.chunks[0].artifacts[0]
    listing = json.dumps([artifact.raw]).encode()
    server.fault("GET .*/artifacts$", faults.answer(200, listing), times=None)
    file_path = artifact.links["download-http"].href.removeprefix(server.url)
    return names | {
        "action": action,
        "action_id": str(action.id),
        "link": link,
        "cancel_link": link.replace("deploymentBase", "cancelAction"),
        "artifact": artifact,
        "file_path": file_path,
        "module_id": file_path.split("/")[-3],
        "name": "system.raucb",
        "url": server.url + file_path,
        "md5": hashlib.md5(FILE).hexdigest(),
        "location": folder / "bundle",
        "data": {"id": str(action.id), "status": {"execution": "proceeding", "result": {"finished": "none"}}},
        "done": names["Result"](finished="success"),
    }


def at(server: Hawkbit, code: str) -> str:
    """The code with the server's address in it."""
    return code.replace("https://hawkbit.example", server.url)


@pytest.mark.parametrize("code", CALLS)
def test_each_new_call_works(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The call is made against a server with a deployment, or its cancellation where it is about that."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Hawkbit("1.1") as server:
        names = names_for(server, tmp_path)
        if "cancel_" in code:
            names["action"].cancel()

        async def run() -> None:
            mode = "single" if " = " in code.partition("(")[0] else "eval"
            program = compile(at(server, code), "page", mode, flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            result = eval(program, names)
            if inspect.iscoroutine(result):
                result = await result
            if isinstance(result, httpx.Response):
                result.raise_for_status()
            assert mode == "single" or result is not False
            await names["client"].aclose()

        asyncio.run(run())
        if "adownload" in code:
            assert (tmp_path / "bundle").read_bytes() == FILE
        names["client"].close()


def test_the_example_of_an_error_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's last lines run."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    *_, example = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    with Hawkbit("1.1") as server:
        names = names_for(server, tmp_path)
        exec(example, names)
        names["client"].close()


@pytest.mark.parametrize("command", sorted(set(COMMANDS)))
def test_the_program_reads_the_old_configuration(command: str, tmp_path: Path) -> None:
    """With rauc-hawkbit's own file the program comes as far as RAUC, which isn't here, without a complaint before."""
    with Hawkbit("1.1") as server:
        server.target("test-target", "ahVahL1Il1shie2aj2poojeChee6ahShu")
        text = (ROOT / "tests" / "unit" / "config" / "data" / "rauc-hawkbit.cfg").read_text()
        text = text.replace("= 127.0.0.1\n", f"= {server.host}\n").replace("/tmp", str(tmp_path))
        (tmp_path / "config.cfg").write_text(text)
        arguments = shlex.split(command)[1:]
        run = subprocess.run(
            [sys.executable, "-m", "hawkbit_rauc", *arguments, *{"--once"}.difference(arguments)],
            cwd=tmp_path,
            env={
                **os.environ,
                "NO_PROXY": "127.0.0.1",
                "STATE_DIRECTORY": str(tmp_path),
                "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path}/none",
            },
            text=True,
            capture_output=True,
            check=False,
            timeout=60,
        )
        print(run.stderr)
        assert run.returncode in {0, 2}
