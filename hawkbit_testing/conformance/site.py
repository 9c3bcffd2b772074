# SPDX-License-Identifier: LGPL-2.1-or-later
"""A server under test, and controllers that speak to it in plain HTTP."""

import contextlib
import json
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import httpx
from attrs import define, field, frozen

from hawkbit_testing import actions, management
from hawkbit_testing.hawkbit import Hawkbit
from hawkbit_testing.software import DistributionSet
from hawkbit_testing.target import Target as DoubleTarget

Server = Hawkbit | management.Server
Target = DoubleTarget | management.Target
Action = actions.Action | management.Action

NAME = "a.raucb"
CONTENT = bytes(range(256)) * 40
PREFIX = "hawkbit.server.error."
#: What the suite switches of a tenant's configuration, for moments.
SWITCHED = (
    management.CONFIRMATION_FLOW,
    management.AUTOCLOSE,
    management.GATEWAY,
    management.GATEWAY_TOKEN,
)
#: How a cell begins that broke.
BROKEN = "broke off by"


class UnsupportedError(Exception):
    """The server can't be brought into a state."""


@frozen
class Cell:
    """What one request does in one state.

    Attributes:
        operation: method and path below the controller's.
        state: in which the controller or its action is.
        request: what is asked, as far as the operation does not say it.
        seen: status, error code, and what followed.
    """

    operation: str
    state: str
    request: str
    seen: str


@define(eq=False)
class Site:
    """A server under test and the cells that were noted.

    Attributes:
        server: the double, or a real one through its Management API.
        content: the bytes of `NAME` as the server serves it.
    """

    server: Server
    content: bytes = CONTENT
    cells: list[Cell] = field(factory=list)
    _targets: list[Target] = field(factory=list)
    _strangers: list[str] = field(factory=list)
    _settings: dict[str, Any] = field(factory=dict)
    http: httpx.Client = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.http = self._client()
        if isinstance(self.server, management.Server):
            self._settings = self.server.settings(SWITCHED)

    def _client(self) -> httpx.Client:
        transport = None
        if isinstance(self.server, Hawkbit) and not self.server.listening:
            transport = self.server.transport
        return httpx.Client(transport=transport, timeout=60, trust_env=False)

    def reconnect(self) -> None:
        """Go on with new connections: on one, 0.3.0M7 takes a header for the last that differs in case alone."""
        self.http.close()
        self.http = self._client()

    def close(self) -> None:
        """Put the tenant's settings back and delete what was made on the server; what fails leaves the rest.

        Raises:
            NotPutBackError: some setting could not be put back.
        """
        with contextlib.ExitStack() as last:
            last.callback(self.http.close)
            last.callback(self._delete)
            self._put_back()

    def _put_back(self) -> None:
        if isinstance(self.server, management.Server):
            try:
                self.server.put_back(self._settings)
            except KeyboardInterrupt:
                self.server.put_back(self._settings)
                raise

    def _delete(self) -> None:
        with self.part("the end", "what was made is deleted"):
            for target in self._targets:
                with contextlib.suppress(management.RefusedError):
                    target.delete()
            for name in self._strangers:
                with contextlib.suppress(management.RefusedError):
                    self.server.forget(name)
            if isinstance(self.server, management.Server):
                self.server.remove_all()

    @contextlib.contextmanager
    def cell(self, operation: str, state: str, request: str = "") -> Iterator[Callable[..., None]]:
        """Note a cell: the facts that the block hands over, or what broke in the block.

        ::

            with site.cell("GET {controllerId}", "new target") as saw:
                saw(answered(controller.get()), controller.links())

        What brings the controller into the state of further cells stands outside: if it breaks, they can't be had.
        """
        facts: list[str] = []
        with self._survived(operation, state, request):
            yield lambda *told: facts.extend(told)
            if facts:
                self.cells.append(Cell(operation, state, request, "; ".join(facts)))

    @contextlib.contextmanager
    def part(self, operation: str, state: str = "") -> Iterator[None]:
        """Go on behind the block whatever breaks in it; what breaks outside of a cell is noted as one."""
        with self._survived(operation, state, "on the way there"):
            yield

    @contextlib.contextmanager
    def _survived(self, operation: str, state: str, request: str) -> Iterator[None]:
        try:
            yield
        except UnsupportedError:
            pass  # the server can't be brought there, so there is no such cell
        except Exception as error:  # noqa: BLE001  a server may break in any way, and the suite goes on
            said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            self.cells.append(Cell(operation, state, request, f"{BROKEN} {said}"))

    @cached_property
    def bundle(self) -> DistributionSet:
        """What is assigned to most controllers."""
        return self.made(NAME)

    @cached_property
    def other(self) -> DistributionSet:
        """What is assigned next."""
        return self.made(NAME)

    def made(self, *names: str) -> DistributionSet:
        """Create a distribution set of a module with files of these names."""
        return self.server.distribution_set(self.server.module(dict.fromkeys(names, self.content)))

    def controller(self, *, told: bool = True) -> "Controller":
        """Return a new controller, which has told its attributes (or is still asked for them)."""
        target = self.server.target()
        self._targets.append(target)
        controller = Controller(self, target, {"Authorization": f"TargetToken {target.token}"})
        if told:
            controller.put("configData", {"data": {"a": "b"}})
        return controller

    @contextlib.contextmanager
    def having(self, **settings: Any) -> Iterator[None]:
        """Set some of the tenant's settings for a while.

        Raises:
            UnsupportedError: the server has no such setting.
        """
        before: dict[str, Any] = {}
        try:
            for name, value in settings.items():
                with _refusals_are_lacks():
                    before[name] = getattr(self.server, name)
                    setattr(self.server, name, value)
            yield
        finally:
            for name, value in before.items():
                with contextlib.suppress(ValueError, management.RefusedError):
                    setattr(self.server, name, value)

    @contextlib.contextmanager
    def plain(self) -> Iterator[None]:
        """Switch off, for a while, what would change what each check sees."""
        with contextlib.ExitStack() as stack:
            for name in ("confirmation_flow", "autoclose"):
                with contextlib.suppress(UnsupportedError):
                    stack.enter_context(self.having(**{name: False}))
            yield

    @contextlib.contextmanager
    def gateway(self) -> Iterator["Controller"]:
        """Yield a controller that the server does not know yet, behind a gateway with the tenant's token."""
        with contextlib.ExitStack() as stack:
            token = self.server.gateway_token
            if token is None:
                token = secrets.token_hex(16)
                stack.enter_context(self.having(gateway_token=token))
            yield self.stranger({"Authorization": f"GatewayToken {token}"})

    def stranger(self, headers: dict[str, str], name: str = "") -> "Controller":
        """Return a controller that the server does not know."""
        name = name or f"conformance-{secrets.token_hex(4)}"
        self._strangers.append(name)
        return Controller(self, DoubleTarget(name, "", None), headers)  # type: ignore[arg-type]


@define(eq=False)
class Controller:
    """A controller that says what it is told to say.

    Attributes:
        site: the server.
        target: what the server knows it as.
        headers: its credentials.
    """

    site: Site
    target: Target
    headers: dict[str, str]

    @property
    def base(self) -> str:
        """The URL of its polls."""
        server = self.site.server
        return f"{server.url}/{server.tenant}/controller/v1/{self.target.id}"

    # the operator's side

    def assign(self, bundle: DistributionSet | None = None, **options: Any) -> Action:
        """Roll something out to it.

        Raises:
            UnsupportedError: the server does not take such an assignment.
        """
        with _refusals_are_lacks():
            return self.target.assign(bundle or self.site.bundle, **options)

    def canceling(self) -> Action:
        """Roll something out to it, and ask it to cancel that."""
        action = self.assign()
        action.cancel()
        return action

    # the wire

    def ask(self, method: str, path: str = "", **options: Any) -> httpx.Response:
        """Send a request to a path below its own, or to a whole URL."""
        url = path if "://" in path else f"{self.base}/{path}" if path else self.base
        headers = self.headers | options.pop("headers", {})
        http = self.site.http
        http.cookies.clear()  # a controller keeps none; servers up to 0.6 set one
        answer = http.send(http.build_request(method, url, headers=headers, **options), stream=True)
        try:
            answer.read()
        except httpx.RemoteProtocolError:
            return httpx.Response(answer.status_code, headers=answer.headers, extensions={"cut off": True})
        finally:
            answer.close()
        return answer

    def get(self, path: str = "", **headers: str) -> httpx.Response:
        """GET, with further headers; an underscore in a name stands for a hyphen."""
        return self.ask("GET", path, headers={name.replace("_", "-"): text for name, text in headers.items()})

    def put(self, path: str, body: Any) -> httpx.Response:
        """PUT some JSON."""
        return self.ask("PUT", path, json=body)

    def post(self, path: str, body: Any) -> httpx.Response:
        """POST some JSON."""
        return self.ask("POST", path, json=body)

    def tell(
        self,
        action: Action,
        execution: str,
        finished: str = "none",
        *details: str,
        channel: str = "deploymentBase",
        **more: Any,
    ) -> httpx.Response:
        """POST feedback; `more` are further members of its status."""
        status = {"execution": execution, "result": {"finished": finished}, "details": list(details), **more}
        return self.post(f"{channel}/{action.id}/feedback", {"id": str(action.id), "status": status})

    def hrefs(self) -> dict[str, str]:
        """Return the links of a poll."""
        return {name: link["href"] for name, link in self.get().json().get("_links", {}).items()}

    def links(self) -> str:
        """Return the relations of a poll's links, each with its action as a number of its own."""
        known: Sequence[Action] = self.target.actions
        numbers = {str(action.id): place for place, action in enumerate(known, 1)}
        shown = []
        for name, href in sorted(self.hrefs().items()):
            parts = urlsplit(href)
            number = parts.path.removeprefix(urlsplit(self.base).path).split("/")[2:3]
            which = f" {numbers.get(number[0], number[0])}" if number else ""
            shown.append(f"{name}{which}{'?c' if parts.query.startswith('c=') else ''}")
        return ", ".join(shown) or "no link"

    def artifact(self, action: Action) -> str:
        """Return the link to the only file of an action."""
        payload = self.get(f"deploymentBase/{action.id}").json()
        links = payload["deployment"]["chunks"][0]["artifacts"][0]["_links"]
        return str((links.get("download-http") or links["download"])["href"])

    def module_path(self, action: Action) -> str:
        """Return the path of an action's only module, below the controller's own.

        Raises:
            UnsupportedError: the server's links name no module.
        """
        path = urlsplit(self.artifact(action)).path
        found = re.search(r"/(softwaremodules/[^/]+/artifacts)/", path)
        if not found:
            raise UnsupportedError(f"{path} names no module")
        return found[1]

    # what came of it

    def effect(self, action: Action) -> str:
        """Return what the server knows after some feedback: newest entry, end, target, and what it offers."""
        return "; ".join(
            (
                newest(action),
                end(action),
                f"target {had(lambda: self.target.update_status)}",
                self.links(),
            )
        )


def end(action: Action) -> str:
    """Return how an action ended, or that it is open."""
    return f"action {action.outcome() or 'open'}"


def newest(action: Action) -> str:
    """Return the newest entry of a history."""
    return f"entry {had(lambda: action.history()[-1].type)}"


def had(fact: Callable[[], str]) -> str:
    """Return a fact, or a dash if the server does not tell it."""
    try:
        return fact()
    except UnsupportedError:
        return "-"


def answered(answer: httpx.Response) -> str:
    """Return the status of an answer and, if it is a refusal, of what kind its body is."""
    if answer.extensions.get("cut off"):
        return f"{answer.status_code} cut off"
    if answer.status_code < 400:
        return str(answer.status_code)
    if not answer.content:
        return f"{answer.status_code} empty"
    try:
        document = answer.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return f"{answer.status_code} with a page"
    code = document.get("errorCode") if isinstance(document, dict) else None
    if isinstance(code, str):
        return f"{answer.status_code} {code.removeprefix(PREFIX)}"
    return f"{answer.status_code} without a code"


def outline(value: Any) -> str:
    """Return the members of JSON as a short text."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} {outline(part)}".strip() for key, part in sorted(value.items())) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(outline, value)) + "]"
    return "" if isinstance(value, str) else type(value).__name__


@contextlib.contextmanager
def _refusals_are_lacks() -> Iterator[None]:
    try:
        yield
    except (management.RefusedError, ValueError) as error:
        raise UnsupportedError(str(error)) from error
