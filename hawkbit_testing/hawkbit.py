# SPDX-License-Identifier: LGPL-2.1-or-later
"""The double, as its operator drives it."""

import re
import secrets
import ssl
from pathlib import Path
from types import TracebackType
from typing import Self

from hawkbit_testing import ddi
from hawkbit_testing.state import Action, ActionType, File, Limits, Module, Quirks, Refusal, Target
from hawkbit_testing.wire import Answer, Exchange, Fault, Request, Web

Files = dict[str, bytes | Path]


class Hawkbit:
    """A hawkBit of a given version; safe to drive from any thread while clients talk to it.

    Args:
        version: "0.3" to "1.1".
        sleep: what polls tell as the interval.
        gateway_token: lets every controller of the tenant in, and register itself.
        limits: the quotas.
        ssl_context: serve TLS with this.

    Attributes:
        sleep, limits, gateway_token: as given; may be changed at any time.
        target_tokens: whether targets' own tokens are accepted.
        anonymous: let everybody in, as a reverse proxy that authenticates would.
        targets: all of them by id.
        web: the socket, the log of exchanges.
    """

    def __init__(
        self,
        version: str = "1.1",
        *,
        sleep: str = "00:05:00",
        gateway_token: str | None = None,
        limits: Limits | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        first, second = version.split(".")[:2]
        self.quirks = Quirks((int(first), int(second)))
        self.limits = limits or Limits()
        self.sleep = sleep
        self.tenant = "DEFAULT"
        self.gateway_token = gateway_token
        self.target_tokens = True
        self.anonymous = False
        self.targets: dict[str, Target] = {}
        self._sets: dict[int, tuple[Module, ...]] = {}
        self._last = 0
        self.web = Web(self._respond, ssl_context)
        self._changed = self.web.changed

    def __enter__(self) -> Self:
        self.web.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.web.down()

    # the wire

    @property
    def url(self) -> str:
        """The server's address."""
        return self.web.url

    @property
    def host(self) -> str:
        """What a controller's configuration names."""
        return self.url.split("://", 1)[1]

    @property
    def version(self) -> tuple[int, int]:
        """The first two numbers of its version."""
        return self.quirks.version

    def down(self) -> None:
        """Refuse connections and cut those that are open."""
        self.web.down()

    def up(self) -> None:
        """Listen again, on the same port."""
        self.web.up()

    def fault(self, match: str, fault: Fault, times: int | None = 1) -> None:
        """Let something of `hawkbit_testing.faults` go wrong with requests whose "METHOD /path?query" matches `match`.

        Args:
            match: regular expression.
            fault: what happens.
            times: how often, None for always.
        """
        self.web.fault(match, fault, times)

    def clear_faults(self) -> None:
        """Let everything go right again."""
        self.web.clear_faults()

    def requests(self, match: str = "") -> list[Request]:
        """Return what was asked so far, of those whose "METHOD /path?query" matches."""
        return [exchange.request for exchange in self.exchanges(match)]

    def exchanges(self, match: str = "") -> list[Exchange]:
        """Return what was asked and answered so far."""
        with self._changed:
            return [one for one in self.web.exchanges if re.search(match, one.request.line)]

    def wait_for_request(self, match: str, count: int = 1, timeout: float = 30) -> Request:
        """Wait until so many requests matched, and return the last.

        Raises:
            TimeoutError: there were fewer after `timeout` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests(match)) >= count, timeout):
                lines = [request.line for request in self.requests()]
                raise TimeoutError(f"no {count} requests {match!r} in {timeout} s: {lines[-20:]}")
            return self.requests(match)[-1]

    def _respond(self, request: Request) -> Answer:
        return ddi.respond(self, request)

    def authenticate(self, controller: str, authorization: str | None) -> Target | None:
        """Return the target that may speak, None where it may register. Raises: Refusal."""
        target = self.targets.get(controller)
        if self.anonymous or (self.gateway_token and authorization == f"GatewayToken {self.gateway_token}"):
            return target
        if self.target_tokens and target and authorization == f"TargetToken {target.token}":
            return target
        raise Refusal(401)

    # the operator's side

    def create_target(self, id: str | None = None, token: str | None = None) -> Target:  # noqa: A002
        """Create a target; id and token are drawn unless given."""
        with self._changed:
            target = Target(id or f"double-{secrets.token_hex(4)}", token or secrets.token_hex(16))
            self.targets[target.id] = target
            return target

    def delete_target(self, target: Target) -> None:
        """Delete a target and its actions."""
        with self._changed:
            self.targets.pop(target.id, None)

    def set_token(self, target: Target, token: str) -> Target:
        """Give a target another token, so that the old one is refused."""
        with self._changed:
            target.token = token
            return target

    def update_status(self, target: Target) -> str:
        """Return `unknown`, `registered`, `pending`, `in_sync` or `error`."""
        return target.update_status

    def attributes(self, target: Target) -> dict[str, str]:
        """Return the attributes that the controller told."""
        return dict(target.attributes)

    def request_attributes(self, target: Target) -> None:
        """Ask the controller for its attributes."""
        with self._changed:
            target.request_attributes = True

    def module(self, files: Files, type: str = "os", *, encrypted: bool = False) -> int:  # noqa: A002
        """Create a software module with artifacts, by file name, and return its id."""
        return self._add_set((self._module(files, type, encrypted=encrypted),))

    def distribution(self, files: Files | Path, modules: tuple[int, ...] = ()) -> int:
        """Create a distribution set of one module with these files (or one file) and return its id.

        Args:
            files: artifacts of its module of type `os`, by file name, or one file.
            modules: further modules.
        """
        content: Files = {files.name: files} if isinstance(files, Path) else files
        others = tuple(module for number in modules for module in self._sets[number])
        return self._add_set((self._module(content, "os"), *others))

    def assign(
        self,
        target: Target,
        files: Files | Path | int,
        type: ActionType = "forced",  # noqa: A002
        *,
        force_time: int | None = None,
        window: str | None = None,
        weight: int = 1000,
        confirmation: bool = False,
    ) -> Action:
        """Assign files (or a distribution set by its id) to a target and return the new action.

        An action that is open already is to be canceled.

        Args:
            target: the target.
            files: by name, or one file, or what `distribution` returned.
            type: how urgent it is.
            force_time: for `timeforced`, when it becomes forced, in milliseconds since 1970.
            window: "available" or "unavailable" for an action with a maintenance window.
            weight: heavier actions go first.
            confirmation: whether the controller must confirm first.
        """
        number = files if isinstance(files, int) else self.distribution(files)
        with self._changed:
            for open_one in target.actions:
                if open_one.active:
                    open_one.cancel()
            self._last += 1
            action = Action(
                self._last, target, self._sets[number], self.limits, self.quirks, self._changed, type,
                weight=weight, window=window, forced_at=(force_time or 0) / 1000,
            )  # fmt: skip
            kind = "wait_for_confirmation" if confirmation else "running"
            action.add(kind, ("Update Server: Assignment initiated by user 'admin'",), change=True)
            target.actions.append(action)
            target.assigned = action.modules
            target.update_status = "pending"
            self._changed.notify_all()
            return action

    def actions(self, target: Target) -> list[Action]:
        """Return the actions of a target, the oldest first."""
        with self._changed:
            return list(target.actions)

    def _module(self, files: Files, kind: str, *, encrypted: bool = False) -> Module:
        contents = {
            name: part if isinstance(part, bytes) else part.read_bytes() for name, part in files.items()
        }
        stored = {name: File(name, content) for name, content in contents.items()}
        with self._changed:
            self._last += 1
            return Module(self._last, kind, f"module-{self._last}", "1", stored, encrypted)

    def _add_set(self, modules: tuple[Module, ...]) -> int:
        with self._changed:
            self._last += 1
            self._sets[self._last] = modules
            return self._last
