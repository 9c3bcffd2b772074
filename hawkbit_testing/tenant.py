# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the server knows: its tenant's settings, its targets, and what an operator does with them."""

import secrets
import threading
from datetime import datetime

from attrs import define, field

from hawkbit_testing.actions import PREFIX, Action, action_type, now_ms
from hawkbit_testing.quirks import Limits, Quirks, Refusal
from hawkbit_testing.software import DistributionSet, File, Files, Module, Window, contents


@define
class AutoConfirmation:
    """A target's consent to all that comes."""

    initiator: str | None = None
    remark: str | None = None
    activated_at: int = field(factory=now_ms)


@define(eq=False)
class Target:
    """A target: the controller's id and token, and what the server knows of it.

    Attributes:
        id: the controller's id.
        token: its security token; another one makes the old one refused.
        attributes: what the controller told of itself.
        request_attributes: whether the controller is asked for them.
        update_status: `unknown`, `registered`, `pending`, `in_sync` or `error`.
        assigned, installed: the distribution sets.
        actions: all of them, the oldest first.
        auto_confirmation: the controller's consent to all that comes, if it gave it.
    """

    id: str
    token: str
    tenant: "Tenant" = field(repr=False)
    attributes: dict[str, str] = field(factory=dict)
    request_attributes: bool = True
    update_status: str = "unknown"
    assigned: DistributionSet | None = None
    installed: DistributionSet | None = None
    actions: list[Action] = field(factory=list, repr=False)
    auto_confirmation: AutoConfirmation | None = None
    _installed_at: int | None = field(default=None, init=False)

    # the operator's side

    def assign(
        self,
        bundle: Files | DistributionSet,
        *,
        forced: bool = True,
        force_time: datetime | None = None,
        download_only: bool = False,
        window: Window | None = None,
        weight: int | None = None,
        confirmation_required: bool = True,
    ) -> Action:
        """Assign something to the target and return the new action.

        Actions that are open already are to be canceled (with `autoclose` they are).

        Args:
            bundle: artifacts by file name, one file, or a distribution set.
            forced: whether the controller must install it, or is asked to (soft).
            force_time: when a soft action becomes forced.
            download_only: whether it is to be fetched and not installed.
            window: when it may be installed, instead of always.
            weight: 0 to 1000; heavier actions go first. 1000 unless given.
            confirmation_required: whether the controller is asked for consent, where the tenant has
                `confirmation_flow`.

        Raises:
            ValueError: the set is assigned already, or the arguments contradict each other.
        """
        tenant = self.tenant
        kind = action_type(forced=forced, force_time=force_time, download_only=download_only)
        if weight is not None and not 0 <= weight <= 1000:
            raise ValueError(f"weight {weight} is not from 0 to 1000")
        if weight is not None and not tenant.quirks.takes_weights:
            raise ValueError("this version of hawkBit takes no weights without multi-assignments")
        chosen = (
            bundle if isinstance(bundle, DistributionSet) else tenant.distribution_set(tenant.module(bundle))
        )
        with tenant.changed:
            if self.assigned is chosen:
                raise ValueError(f"{chosen.name}:{chosen.version} is assigned to {self.id} already")
            for action in self.actions:
                if action.active and tenant.autoclose:
                    action.end("canceled", (f"{PREFIX}close old assignment",))
                elif action.active:
                    action.cancel()
            action = Action(
                tenant.number(), self, chosen, kind, 1000 if weight is None else weight, force_time, window
            )
            waits = tenant.confirmation_flow and confirmation_required and not self.auto_confirmation
            action.start(waits=waits)
            self.actions.append(action)
            self.assigned = chosen
            self.update_status = "pending"
            tenant.changed.notify_all()
            return action

    def delete(self) -> None:
        """Delete the target and its actions."""
        with self.tenant.changed:
            self.tenant.targets.pop(self.id, None)

    # the controller's side

    @property
    def selected(self) -> Action | None:
        """The one action that a poll shows: the heaviest, then the oldest."""
        open_ones = [action for action in self.actions if action.active]
        return min(open_ones, key=lambda action: (-action.weight, action.id), default=None)

    @property
    def installed_action(self) -> Action | None:
        """The newest action that brought what is installed; a closed one that was read again is none."""
        for action in reversed(self.actions):
            if (
                action.status == "finished"
                and not action.active
                and action.distribution_set is self.installed
            ):
                return action
        return None

    def done(self, action: Action, at: int) -> None:
        """Note that an action's set is installed; a report of an older time than the last changes nothing."""
        self.request_attributes = True
        newer = self._installed_at is None or at > self._installed_at
        if newer or not self.tenant.quirks.knows_timestamp:
            self.installed = action.distribution_set
            self._installed_at = at
            self.update_status = "in_sync"

    def failed(self) -> None:
        """Note that an installation failed."""
        self.update_status = "error"
        self.assigned = None

    def downloaded(self) -> None:
        """Note that a download-only action has done all that it was to do."""
        self.update_status = "in_sync"
        self.request_attributes = True

    def canceled(self, action: Action) -> None:
        """Note that an action is canceled: what counts as assigned is the next one's, or what is installed."""
        following = next((one for one in self.actions if one.active and one is not action), None)
        self.assigned = following.distribution_set if following else self.installed
        if following is None:
            self.update_status = "in_sync"

    def tell_installed(self, chosen: DistributionSet) -> bool:
        """Take what the controller says is installed; False where that changes nothing."""
        if self.assigned is chosen or self.update_status == "pending":
            return False
        action = Action(self.tenant.number(), self, chosen)
        action.end("finished", (f"{PREFIX}Target reported that it is installed.",))
        self.actions.append(action)
        self.assigned = self.installed = chosen
        self._installed_at = now_ms()
        self.update_status = "in_sync"
        return True

    def confirm_all(self) -> None:
        """Consent to all actions that wait."""
        for action in self.actions:
            if action.waits:
                action.confirm(())

    def find(self, number: int) -> Action:
        """Return an action by its id. Raises: Refusal."""
        for action in self.actions:
            if action.id == number:
                return action
        everyones = (action for target in self.tenant.targets.values() for action in target.actions)
        if self.tenant.quirks.hides_foreign and any(action.id == number for action in everyones):
            raise Refusal(404)
        raise Refusal(
            404, "repo.entityNotFound", f"Action with given identifier {{{number}}} does not exist."
        )


class Tenant:
    """A tenant with its targets.

    Attributes:
        limits, sleep, gateway_token: as given; may be changed at any time.
        target_tokens: whether targets' own tokens are accepted.
        anonymous: let everybody in, as a reverse proxy that authenticates would.
        autoclose: whether a new assignment ends the older ones instead of asking for their cancelation.
        targets: all of them by id.
        modules, distribution_sets: all software.
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
            version: its version.
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

    def authenticate(self, controller: str, authorization: str | None) -> Target | None:
        """Return the target that may speak, None where it may register. Raises: Refusal."""
        target = self.targets.get(controller)
        if self.anonymous or (self.gateway_token and authorization == f"GatewayToken {self.gateway_token}"):
            return target
        if self.target_tokens and target and authorization == f"TargetToken {target.token}":
            return target
        raise Refusal(401)
