# SPDX-License-Identifier: LGPL-2.1-or-later
"""Targets: what the server knows of a controller, and what an operator does with it."""

from datetime import datetime
from threading import Condition
from typing import Protocol

from attrs import define, field

from hawkbit_testing.actions import PREFIX, Action, action_type, now_ms
from hawkbit_testing.quirks import Limits, Quirks, Refusal
from hawkbit_testing.software import DistributionSet, Files, Module, Window


class Home(Protocol):
    """What a target needs of its tenant."""

    quirks: Quirks
    limits: Limits
    autoclose: bool
    changed: Condition

    @property
    def confirmation_flow(self) -> bool: ...

    def number(self) -> int: ...

    def module(self, files: Files) -> Module: ...

    def distribution_set(self, *modules: Module) -> DistributionSet: ...

    def forget(self, id: str) -> None: ...  # noqa: A002


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
        token: its security token; another one makes the old one refused.
        attributes: what the controller told of itself.
        request_attributes: whether the controller is asked for them.
        update_status: `unknown`, `registered`, `pending`, `in_sync` or `error`.
        actions: all of them, the oldest first.
        auto_confirmation: the controller's consent to all that comes, if it gave it.
    """

    id: str
    token: str
    tenant: Home = field(repr=False)
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
            confirmation_required: whether the controller is asked for consent if the tenant has
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
                tenant.number(),
                chosen,
                tenant.changed,
                self.canceled,
                type=kind,
                weight=1000 if weight is None else weight,
                force_time=force_time,
                window=window,
            )
            waits = tenant.confirmation_flow and confirmation_required and not self.auto_confirmation
            messages = []
            if tenant.quirks.names_assigner:
                # Without the server's prefix, so that controllers are told of it.
                messages.append("Assignment initiated by user 'admin'")
            if waits:
                messages.append(
                    "Waiting for the confirmation by the device before processing with the deployment"
                )
            action.start(messages, waits=waits)
            self.actions.append(action)
            self.assigned = chosen
            self.update_status = "pending"
            tenant.changed.notify_all()
            return action

    def delete(self) -> None:
        """Delete the target and its actions."""
        self.tenant.forget(self.id)

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
        """Take what the controller says is installed; False if that changes nothing."""
        if self.assigned is chosen or self.update_status == "pending":
            return False
        action = Action(self.tenant.number(), chosen, self.tenant.changed, self.canceled)
        action.end(
            "finished",
            (f"Assignment initiated by user '{self.id}'", f"{PREFIX}Action reported as offline deployment"),
        )
        self.actions.append(action)
        self.assigned = self.installed = chosen
        self._installed_at = now_ms()
        self.update_status = "in_sync"
        return True

    def find(self, number: int) -> Action:
        """Return an action by its id. Raises: Refusal."""
        for action in self.actions:
            if action.id == number:
                return action
        raise Refusal(
            404, "repo.entityNotFound", f"Action with given identifier {{{number}}} does not exist."
        )
