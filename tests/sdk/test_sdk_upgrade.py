# SPDX-License-Identifier: LGPL-2.1-or-later
"""hawkBit is upgraded: one command makes the client anew and says what differs, or fails and changes nothing."""

import copy
import json
import resource
import shutil
import subprocess
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sdk.sdk_tree import ROOT, Tree

PROSE = "words of the server's authors"
OWN = "/{tenant}/controller/v1/{controllerId}"
REPORTS = Path(__file__).parent / "reports"


def kept(version: str) -> Any:
    """A document as it is kept."""
    return json.loads((ROOT / "spec" / "documents" / f"{version}.json").read_text())


def as_served(document: Any, version: str = "v1") -> Any:
    """A kept document with what a real hawkBit says besides: prose, examples, and no version of its own."""
    served = copy.deepcopy(document)
    served["info"] = {"title": PROSE, "description": PROSE, "version": version}
    served |= {"servers": [{"url": "http://other.example", "description": PROSE}], "tags": [{"name": PROSE}]}
    for item in served["paths"].values():
        for operation in item.values():
            operation |= {"summary": PROSE, "description": PROSE, "tags": [PROSE], "x-order": 7}
            for parameter in operation["parameters"]:
                parameter |= {"description": PROSE, "example": PROSE}
            for response in operation["responses"].values():
                response["description"] = PROSE
    for schema in served["components"]["schemas"].values():
        schema["description"] = PROSE
        for member in schema.get("properties", {}).values():
            if "$ref" not in member:
                member |= {"description": PROSE, "example": PROSE, "title": PROSE}
    served["components"]["schemas"]["MgmtTarget"] = {"type": "object", "description": PROSE}
    return served


class Server(ThreadingHTTPServer):
    """A server that answers what it is told to, and imitates the groups of springdoc."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.password: str | None = None
        self.url = f"http://127.0.0.1:{self.server_port}"

    def answer(self, path: str, body: Any, status: int = 200, **headers: str) -> None:
        """Have an answer for a path: JSON, or text as it is."""
        text = body if isinstance(body, str) else json.dumps(body)
        self.answers[path] = (status, headers, text.encode())

    def serve(self, document: Any, prefix: str = "") -> None:
        """Serve a document among others, as hawkBit does."""
        groups = {"Management%20API": {"openapi": "3.0.1", "paths": {"/rest/v1/targets": {}}}}
        groups["Direct%20Device%20Integration%20API"] = document
        for name, group in groups.items():
            self.answer(f"{prefix}/v3/api-docs/{name}", group)
        urls = [{"url": f"http://inside.example{prefix}/v3/api-docs/{n}", "name": n} for n in groups]
        self.answer(f"{prefix}/v3/api-docs/swagger-config", {"urls": urls})


class Handler(BaseHTTPRequestHandler):
    """Gives the server's answers."""

    server: Server

    def do_GET(self) -> None:
        """Answer, to whoever may know."""
        status, headers, body = self.server.answers.get(self.path, (404, {}, b"{}"))
        if self.server.password is not None:
            right = "Basic " + b64encode(f"admin:{self.server.password}".encode()).decode()
            if self.headers["authorization"] != right:
                status, headers, body = 401, {}, b""
        self.send_response(status)
        for name, value in ({"content-type": "application/json"} | headers).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Stay quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A local server."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def golden(name: str, text: str) -> None:
    """Hold a report to the one that was checked by hand."""
    assert text == (REPORTS / name).read_text()


def test_an_upgrade_there_and_back(tree: Tree, server: Server, tmp_path: Path) -> None:
    """From 0.5.0 to 1.1.0, both served as hawkBit does: every line of the report is right, no byte is left behind."""
    newer = tree.contents()
    server.serve(as_served(kept("0.5.0")))
    assert tree.regenerate("--hawkbit", server.url, "--hawkbit-version", "0.5.0").returncode == 0
    older = tree.contents()
    assert older["spec/lock.json"] != newer["spec/lock.json"]
    assert not [name for name, content in older.items() if content and PROSE.encode() in content]

    server.serve(as_served(kept("1.1.0")))
    report = tmp_path / "report.md"
    arguments = ("--hawkbit", server.url, "--hawkbit-version", "1.1.0", "--report", report)
    run = tree.regenerate(*arguments)
    assert run.returncode == 0
    golden("0.5.0-to-1.1.0.md", report.read_text())
    assert run.stdout == report.read_text() + "\n"
    assert tree.contents() == newer

    server.serve(as_served(kept("0.5.0")))
    assert tree.regenerate("--hawkbit", server.url, "--hawkbit-version", "0.5.0").returncode == 0
    assert tree.contents() == older


def newest() -> Any:
    """A document of a hawkBit that nobody has seen: at least one change of each kind."""
    document = kept("1.1.0")
    paths, schemas = document["paths"], document["components"]["schemas"]
    poll = paths[OWN]["get"]
    poll["parameters"].append(
        {"name": "since", "in": "query", "required": True, "schema": {"type": "string"}}
    )
    poll["responses"]["503"] = {"description": ""}
    history = paths[OWN + "/deploymentBase/{actionId}"]["get"]["parameters"]
    paths[OWN + "/deploymentBase/{actionId}"]["get"]["parameters"] = [p for p in history if p["name"] != "c"]
    paths[OWN + "/log"] = {
        "post": {
            "operationId": "postLog",
            "parameters": poll["parameters"][:2],
            "requestBody": {
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/DdiLog"}}}
            },
            "responses": {"200": {"description": ""}},
        }
    }
    del paths[OWN + "/confirmationBase/deactivateAutoConfirm"]
    schemas["DdiLog"] = {"type": "object", "properties": {"text": {"type": "string"}}}
    execution = schemas["DdiStatus"]["properties"]["execution"]
    execution["enum"] = [value for value in execution["enum"] if value != "resumed"] + ["paused"]
    schemas["DdiStatus"]["properties"]["details"]["maxItems"] = 20
    schemas["DdiResult"]["properties"]["reason"] = {"type": "string"}
    schemas["DdiResult"]["required"] = ["finished", "reason"]
    schemas["DdiDeployment"]["properties"]["download"]["enum"].append("later")
    schemas["DdiArtifact"]["properties"]["size"] = {"type": "string"}
    del schemas["DdiArtifact"]["required"]
    schemas["DdiPolling"]["properties"]["sleep"].pop("pattern")
    document["components"]["securitySchemes"]["Token"]["name"] = "X-Token"
    schemas["DdiPolling"]["properties"]["jitter"] = {"type": "integer", "format": "int32"}
    return document


def test_a_hawkbit_that_nobody_has_seen(tree: Tree, server: Server, tmp_path: Path) -> None:
    """Each kind of change is told, with what it means for callers; so is an action that the document doesn't need."""
    was = tree.contents()
    server.serve(as_served(newest()), prefix="/hawkbit")
    arguments = ("--hawkbit", f"{server.url}/hawkbit/", "--hawkbit-version", "1.2.0")
    check = tree.regenerate("--check", *arguments)
    assert (check.returncode, tree.contents()) == (1, was)
    report = tmp_path / "report.md"
    run = tree.regenerate(*arguments, "--report", report)
    assert run.returncode == 0, run.stderr
    golden("1.1.0-to-1.2.0.md", report.read_text())
    assert tree.regenerate("--check").returncode == 0
    assert tree.regenerate("--file", ROOT / "spec" / "documents" / "1.1.0.json").returncode == 0
    assert tree.contents() == was


def test_griffe_finds_nothing_that_the_report_calls_harmless(tree: Tree, tmp_path: Path) -> None:
    """What griffe's own rules call a breakage is in a breaking line of the report."""
    old = shutil.copytree(tree.root / "generated", tmp_path / "old")
    (tree.root / "newest.json").write_text(json.dumps(newest() | {"info": {"version": "1.2.0"}}))
    run = tree.regenerate("--file", tree.root / "newest.json")
    assert run.returncode == 0, run.stderr
    breaking = [line for line in run.stdout.splitlines() if line.startswith("* **breaking**")]
    code = (
        "import griffe, sys\n"
        "old, new = (griffe.load('hawkbit_ddi', search_paths=[p], allow_inspection=False) for p in sys.argv[1:])\n"
        "for breakage in griffe.find_breaking_changes(old, new): print(breakage.obj.path)"
    )
    command = [
        tree.root / ".venv-generator" / "bin" / "python",
        "-I",
        "-c",
        code,
        old,
        tree.root / "generated",
    ]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    names = {path.rpartition(".")[2] for path in found if "._" not in path} - {"HAWKBIT_VERSION", "__all__"}
    assert "deactivate_auto_confirm" in names
    assert {name for name in names if not any(name in line for line in breaking)} == set()


def test_a_file_may_be_yaml(tree: Tree, tmp_path: Path) -> None:
    """YAML with statuses as numbers, as people write it, gives what JSON gives."""
    was = tree.contents()
    text = json.dumps(kept("1.1.0"), indent=1).replace('"200"', "200").replace('"404"', "404")
    (tmp_path / "document.yaml").write_text("# hawkBit\n" + text)
    run = tree.regenerate("--file", tmp_path / "document.yaml")
    assert (run.returncode, run.stdout, tree.contents()) == (0, "", was)


def test_a_server_asks_for_a_password(tree: Tree, server: Server) -> None:
    """User and password are sent where they are asked for; a wrong one is told without it."""
    server.serve(as_served(kept("1.1.0"), "1.1.0"))
    server.password = "correct horse"
    arguments = ("--check", "--hawkbit", server.url, "--user", "admin")
    assert tree.regenerate(*arguments, env={"HAWKBIT_PASSWORD": "correct horse"}).returncode == 0
    run = tree.regenerate(*arguments, env={"HAWKBIT_PASSWORD": "battery staple"})
    assert run.returncode == 1
    assert "401" in run.stderr
    assert "--user" in run.stderr
    assert "battery" not in run.stderr


def test_a_server_without_its_page_for_people(tree: Tree, server: Server) -> None:
    """Where no groups are listed, hawkBit's own name for the group is tried, and the document of everything."""
    document = as_served(kept("1.1.0"), "1.1.0")
    document["paths"]["/rest/v1/targets"] = {"get": {"responses": {"200": {"description": "ok"}}}}
    server.answer("/v3/api-docs", document)
    assert tree.regenerate("--check", "--hawkbit", server.url).returncode == 0
    server.answers.clear()
    server.answer("/v3/api-docs/Direct%20Device%20Integration%20API", document)
    assert tree.regenerate("--check", "--hawkbit", server.url).returncode == 0


def mixed_up(document: Any) -> None:
    """A schema that is valid, and that the generator can't make a class of."""
    document["components"]["schemas"]["DdiStatus"]["properties"]["code"] = {"enum": [1, "one"]}


def dangling(document: Any) -> None:
    """A reference that leads nowhere."""
    document["components"]["schemas"]["DdiStatus"]["properties"]["result"] = {
        "$ref": "#/components/schemas/No"
    }


def outward(document: Any) -> None:
    """A reference to a file of the machine."""
    document["components"]["schemas"]["DdiStatus"]["properties"]["result"] = {"$ref": "file:///etc/hostname"}


def invalid(document: Any) -> None:
    """A document that is no OpenAPI."""
    document["components"]["schemas"]["DdiStatus"]["properties"]["code"]["type"] = "number of sorts"


def hollow(document: Any) -> None:
    """A document with nothing in its middle."""
    document["components"] = None


def odd_item(document: Any) -> None:
    """A number where a path's operations should be."""
    document["paths"][OWN] = 5


def odd_responses(document: Any) -> None:
    """A number where answers should be."""
    document["paths"][OWN]["get"]["responses"] = 5


def odd_schema(document: Any) -> None:
    """A text where a schema should be, and a number where its members should be."""
    document["components"]["schemas"]["DdiStatus"] = "x"
    document["components"]["schemas"]["DdiResult"]["properties"] = 5


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (mixed_up, "the generator refuses the document"),
        (dangling, "no valid OpenAPI"),
        (outward, "file:///etc/hostname"),
        (invalid, "number of sorts"),
        (hollow, ""),
        (odd_item, ""),
        (odd_responses, ""),
        (odd_schema, ""),
    ],
)
def test_a_document_that_makes_no_package(tree: Tree, change: Callable[[Any], None], complaint: str) -> None:
    """A document that validator or generator refuses costs one sentence; the tree stays as it is."""
    document = kept("1.1.0") | {"info": {"version": "1.2.0"}}
    change(document)
    (tree.root / "new.json").write_text(json.dumps(document))
    refused(tree, complaint, "--file", tree.root / "new.json")


def refused(tree: Tree, complaint: str, *arguments: str | Path, **options: Any) -> None:
    """See a run fail with one sentence, and leave the tree alone."""
    was = tree.contents()
    run = tree.regenerate(*arguments, **options)
    told = [line for line in run.stderr.splitlines() if not line.startswith("regenerate: ")]
    assert run.returncode == 1, run.stdout
    assert len(told) == 1, run.stderr
    assert complaint in told[0]
    assert "secret" not in run.stderr
    assert len(told[0]) < 700
    assert tree.contents() == was


@pytest.mark.parametrize(
    ("body", "headers", "status", "complaint"),
    [
        ("<html>login</html>", {"content-type": "text/html"}, 200, "sends text/html that is no JSON"),
        ("", {"location": "https://login.example/?state=secret"}, 302, "redirects to https://login.example/"),
        ("", {}, 403, "give --user"),
        ("", {}, 503, "answers 503"),
        ({"urls": [{"url": "/v3/api-docs/Pets"}]}, {}, 200, "there is no DDI in"),
        ("[" * 100_000, {}, 200, "no JSON"),
        ({}, {}, 404, "serves no API documents"),
    ],
)
def test_what_answers_is_no_hawkbit(
    tree: Tree, server: Server, body: Any, headers: dict[str, str], status: int, complaint: str
) -> None:
    """HTML, a login, another API: one sentence, and the tree stays as it is."""
    server.answer("/v3/api-docs/swagger-config", body, status, **headers)
    server.answer("/v3/api-docs/Pets", {"openapi": "3.0.1", "paths": {"/pets": {}}})
    refused(tree, complaint, "--hawkbit", server.url)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--hawkbit", "http://127.0.0.1:9"], "can't be fetched"),
        (["--hawkbit", "hawkbit.example.com"], "needs http:// or https://"),
        (["--hawkbit", "http://["], "needs http:// or https://"),
        (["--hawkbit", "http://admin:secret@127.0.0.1"], "must not hold a user"),
        (["--file", "nowhere.json"], "nowhere.json can't be read: No such file"),
        (["--file", "README.md"], "there is no DDI in README.md"),
        (["--file", "broken.json"], "broken.json is neither JSON nor YAML"),
        (["--file", "unversioned.json"], "give it, for instance --hawkbit-version"),
        (
            ["--file", "unversioned.json", "--hawkbit-version", "../../x"],
            "give it, for instance --hawkbit-version",
        ),
    ],
)
def test_what_can_not_be_a_document(tree: Tree, arguments: list[str], complaint: str) -> None:
    """No server, no file, no version: one sentence, without secrets, and the tree stays as it is."""
    (tree.root / "README.md").write_text("hello\n")
    (tree.root / "broken.json").write_text("{")
    (tree.root / "unversioned.json").write_text(json.dumps(as_served(kept("1.1.0"))))
    refused(tree, complaint, *arguments, cwd=tree.root)


@pytest.mark.parametrize("size", [0, 3_000, 20_000, 45_000])
def test_a_disk_that_is_full(tree: Tree, size: int) -> None:
    """No file can grow any longer, sooner or later in the run: one sentence, and the tree stays as it is."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    refused(tree, "", "--file", tree.root / "spec" / "documents" / "0.5.0.json", preexec_fn=limit)


def test_a_place_that_is_gone(tree: Tree) -> None:
    """What fails at the very end, when files are put in place, undoes what was done."""
    page = tree.root / "docs" / "hawkbit-versions.md"
    page.unlink()
    page.parent.rename(tree.root / "elsewhere")
    refused(tree, "nothing was changed", "--file", tree.root / "spec" / "documents" / "0.5.0.json")
