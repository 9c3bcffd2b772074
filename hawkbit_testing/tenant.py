# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tenant: its settings, its software and its targets, and who may speak for one of them."""

import secrets
import threading

from hawkbit_testing.quirks import Limits, Quirks, Refusal
from hawkbit_testing.software import DistributionSet, File, Files, Module, contents
from hawkbit_testing.target import Target


class Tenant:
    """A tenant with its targets.

    Attributes:
        limits, sleep, gateway_token: as given; may be changed at any time.
        target_tokens: whether targets' own tokens are accepted.
        anonymous: let everybody in, as a reverse proxy that authenticates would.
        autoclose: whether a new assignment ends the older ones instead of asking for their cancelation.
        targets: by their ids.
        changed: guards all state, and is notified after each request and each step of the operator.
    """

    def __init__(self, quirks: Quirks, limits: Limits, sleep: str, gateway_token: str | None) -> None:
        self.quirks = quirks
        self.limits = limits
        self.sleep = sleep
        self.tenant = "DEFAULT"
        self.gateway_token = gateway_token
        self.target_tokens = True
        self.anonymous = False
        self._confirmation_flow = False
        self.autoclose = False
        self.targets: dict[str, Target] = {}
        self.modules: list[Module] = []
        self.distribution_sets: list[DistributionSet] = []
        self.changed = threading.Condition(threading.RLock())
        self._last = 0

    @property
    def version(self) -> tuple[int, int]:
        """The first two numbers of its version."""
        return self.quirks.version

    @property
    def confirmation_flow(self) -> bool:
        """Whether controllers must confirm what is assigned from now on.

        Raises:
            ValueError: when it is set, in a version that has no confirmation flow.
        """
        return self._confirmation_flow

    @confirmation_flow.setter
    def confirmation_flow(self, wanted: bool) -> None:
        if wanted and not self.quirks.confirmation:
            raise ValueError("this version of hawkBit has no confirmation flow")
        self._confirmation_flow = wanted

    def number(self) -> int:
        """Return an id that nothing has."""
        with self.changed:
            self._last += 1
            return self._last

    def target(self, id: str | None = None, token: str | None = None) -> Target:  # noqa: A002
        """Return the target of this id, created unless it is there.

        Args:
            id: the controller's id, drawn unless given.
            token: its security token, drawn unless given; of a target that is there it becomes the new one.
        """
        with self.changed:
            name = id or f"double-{secrets.token_hex(4)}"
            if name not in self.targets:
                self.targets[name] = Target(name, token or secrets.token_hex(16), self)
            elif token:
                self.targets[name].token = token
            return self.targets[name]

    def module(
        self,
        files: Files,
        type: str = "os",  # noqa: A002
        name: str | None = None,
        version: str = "1",
        *,
        encrypted: bool = False,
    ) -> Module:
        """Create a software module.

        Args:
            files: its artifacts by file name, or one file.
            type: the key of its type, such as `os` or `application`.
            name: drawn unless given.
            version: such as "1".
            encrypted: whether controllers are told so; the artifacts are served as given.
        """
        stored = {file: File(file, content) for file, content in contents(files).items()}
        number = self.number()
        made = Module(number, type, name or f"module-{number}", version, stored, encrypted)
        with self.changed:
            self.modules.append(made)
        return made

    def distribution_set(
        self, *modules: Module, name: str | None = None, version: str = "1"
    ) -> DistributionSet:
        """Create a distribution set of some modules; its name is drawn unless given."""
        with self.changed:
            number = self.number()
            made = DistributionSet(number, name or f"set-{number}", version, modules)
            self.distribution_sets.append(made)
            return made

    def forget(self, id: str) -> None:  # noqa: A002
        """Delete the target of this id, if there is one."""
        with self.changed:
            self.targets.pop(id, None)

    def authenticate(self, controller: str, authorization: str | None, *, token_of: str) -> Target | None:
        """Return the target that may speak, None for a controller that may register. Raises: Refusal.

        Args:
            controller: its id.
            authorization: the header.
            token_of: the id that its token is looked up by.
        """
        target = self.targets.get(controller)
        if self.anonymous or (self.gateway_token and authorization == f"GatewayToken {self.gateway_token}"):
            return target
        known = self.targets.get(token_of)
        if self.target_tokens and known and authorization == f"TargetToken {known.token}":
            return target
        raise Refusal(401)
