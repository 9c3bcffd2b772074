# SPDX-License-Identifier: LGPL-2.1-or-later
"""hawkBit through `hawkbit_ddi`: links, the poll's tag, what a deployment asks for, feedback.

The SDK's words (camelCase, HAL, statuses) end here. What hawkBit's versions and goosebit do differently is said beside
the lines that are there for it.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol, Self, TypeVar

import hawkbit_ddi as sdk
import httpx

from hawkbit_rauc.errors import CredentialsError, HawkbitRaucError, OfferGoneError, ServerError
from hawkbit_rauc.hawkbit import links, messages
from hawkbit_rauc.hawkbit.attributes import fit
from hawkbit_rauc.model import (
    Artifact,
    Chunk,
    Consent,
    Deployment,
    Execution,
    Feedback,
    Identity,
    Offer,
    Poll,
    Told,
)
from hawkbit_rauc.net import failures
from hawkbit_rauc.net.threads import in_thread
from hawkbit_rauc.once import Once


class _Answer(Protocol):
    @classmethod
    def from_dict(cls, answer: Mapping[str, object]) -> Self: ...


A = TypeVar("A", bound=_Answer)

log = logging.getLogger(__name__)

#: Messages of an action's history that are asked for (hawkBit gives 100 at most); our notes are among the newest.
HISTORY = 50
#: hawkBit keeps the code as a 32-bit number, and refuses the whole feedback for a larger one (400).
_LARGEST_CODE = 2**31 - 1
#: Refusals of a body that a plainer text may avoid: hawkBit's, and goosebit's.
_UNFIT = (400, 422)
#: Feedback that something waits for; the rest is progress, which may be dropped.
_ANSWERS = (Execution.CLOSED, Execution.REJECTED)


class Hawkbit:
    """HawkBit, seen from one controller (implements `ports.Server`).

    Args:
        client: speaks DDI for the controller.
        identity: whom it speaks for.
        secrets: what must never get into a history.
        wall_clock: seconds since 1970; tells an unset clock from a bad certificate.
    """

    def __init__(
        self,
        client: sdk.Client,
        identity: Identity,
        *,
        secrets: tuple[str, ...] = (),
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._identity = identity
        self._secrets = secrets
        self._wall_clock = wall_clock
        self._etag: str | None = None
        self._last = Poll()
        self._changed = Once()

    @property
    def identity(self) -> Identity:
        """Whom we speak for."""
        return self._identity

    @property
    def http(self) -> httpx.Client:
        """The one HTTP client; it knows where credentials may go."""
        return self._client.http

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    async def poll(self) -> Poll:
        """Ask for work (DDI base poll).

        Returns:
            What the server said; its last answer again if nothing changed (304).

        Raises:
            ServerError: no readable answer, or a refusal.
            CredentialsError: 401 or 403.
        """
        poll = sdk.get_controller_base.sync_detailed
        try:
            answer = await in_thread(poll, client=self._client, if_none_match=self._etag)
        except sdk.DdiError as error:
            self.forget()
            raise self._error(error) from error
        if answer.parsed is not None:
            self.forget()  # first: an answer that can't be read must not be taken for known the next time
            self._last = _poll(answer.parsed)
            self._etag = answer.etag
        return self._last

    def forget(self) -> None:
        """Drop the ETag of the last poll, because what it said was not (fully) handled.

        hawkBit answers 304 as long as its answer is the same, so that what is still open would never be seen again.
        """
        self._etag = None

    async def deployment(self, offer: Offer) -> Deployment:
        """Read what an action asks for, with its history (DDI deploymentBase).

        Never call it for an action that was closed: hawkBit (all versions) notes each read as "retrieved", also over
        a finished action, which then counts as open and as not installed.

        Raises:
            OfferGoneError: 404, 410, or nothing to be done (goosebit's null).
            ServerError: no readable answer, or a refusal.
        """
        base = await self._follow(offer, sdk.DeploymentBase, HISTORY)
        if (
            "deployment" not in base.raw
        ):  # all of the SDK's members may be absent, so an empty one tells nothing
            raise ServerError(f"{self._place} says nothing about the deployment of action {offer.action}")
        # A proxy that answers from its cache: another action's bundle would be installed, and its feedback refused.
        if links.action_id(base.id) not in (None, offer.action):
            raise ServerError(
                f"{self._place} was asked for action {offer.action}, and answers with {base.id}"
            )
        return Deployment(
            action=offer.action,
            # hawkBit always says these; a server that does not wants what a plain deployment is.
            download=base.deployment.download or "forced",
            update=base.deployment.update or "forced",
            window=base.deployment.maintenance_window,
            chunks=tuple(self._chunk(chunk) for chunk in base.deployment.chunks),
            history=tuple(base.action_history.messages),
        )

    async def cancelation(self, offer: Offer) -> str:
        """Read which action is to be stopped (DDI cancelAction).

        Returns:
            The action's id: of `stopId`, of `id`, or of the link. In hawkBit all three are the same number.

        Raises:
            OfferGoneError: 404 or 410.
            ServerError: no readable answer, or a refusal.
        """
        cancel = await self._follow(offer, sdk.Cancel, None)
        return links.action_id(cancel.cancel_action.stop_id) or links.action_id(cancel.id) or offer.action

    async def tell(self, feedback: Feedback) -> Told:
        """Add an entry to an action's history (DDI feedback).

        A text that the server refuses is said once more in plain words. Progress that has no room in the
        server's quota is dropped. A call that is cancelled may still arrive, but is not repeated.

        Returns:
            ACCEPTED, or CLOSED if the server does not want it (any more): 404, 405, 410.

        Raises:
            ServerError: no answer, or a refusal; whether the server has it is not known.
        """
        abandoned = threading.Event()
        try:
            await in_thread(self._tell, feedback, abandoned)
        except sdk.DdiError as error:
            # 410: the action is over, perhaps by our own feedback whose answer was lost. 404: it is not ours any more.
            # 405: a cancelation is answered that is not asked for any more.
            if _refuses(error, 404, 405, 410):
                log.debug(
                    "the server does not take feedback for action %s any more: %s", feedback.action, error
                )
                return Told.CLOSED
            raise self._error(error) from error
        finally:
            abandoned.set()
        return Told.ACCEPTED

    async def confirmation(self, offer: Offer) -> tuple[str, ...]:
        """Read the history of an action that waits for consent (DDI confirmationBase), newest first.

        Raises:
            OfferGoneError: it does not wait (any more).
            ServerError: no readable answer, or a refusal.
        """
        base = await self._follow(offer, sdk.ConfirmationBaseAction, HISTORY)
        return tuple(base.action_history.messages)

    async def consent(self, consent: Consent) -> None:
        """Give consent to an action, or refuse it (DDI confirmation feedback).

        A refusal does not end the action: hawkBit goes on asking.

        Raises:
            OfferGoneError: it does not wait (any more): 404, 410.
            ServerError: no answer, or a refusal.
        """
        body = sdk.ConfirmationFeedback(
            confirmation="confirmed" if consent.given else "denied",
            details=messages.fit(consent.details, self._secrets),
        )
        post = sdk.post_confirmation_feedback.sync
        try:
            await in_thread(post, consent.action, client=self._client, body=body)
        except sdk.DdiError as error:
            if _refuses(error, 404, 410):
                raise OfferGoneError(f"action {consent.action} does not wait for consent") from error
            raise self._error(error) from error

    async def confirm_automatically(self, *, on: bool) -> None:
        """Have the server ask for no consent, or again for each (DDI activateAutoConfirm, since hawkBit 0.5).

        Raises:
            ServerError: no answer, or a refusal.
        """
        # A body always, though it may be left out: without a Content-Type hawkBit up to 1.0 answers 415.
        body = sdk.ActivateAutoConfirm(initiator="hawkbit-rauc", remark="auto_confirmation = on")
        try:
            if on:
                await in_thread(sdk.activate_auto_confirm.sync, client=self._client, body=body)
            else:
                await in_thread(sdk.deactivate_auto_confirm.sync, client=self._client)
        except sdk.ConflictError:
            return  # it is on already (409)
        except sdk.DdiError as error:
            if _refuses(error, 404, 405):
                log.warning("the server has no automatic confirmation, so auto_confirmation has no effect")
                return
            raise self._error(error) from error

    async def identify(self, attributes: Mapping[str, str]) -> None:
        """Send the controller's attributes (DDI configData), merged with what the server has.

        Args:
            attributes: in order of importance. What hawkBit does not take is changed or left out, with a warning, once.

        Raises:
            ServerError: no answer, or a refusal.
        """
        fitted, changed = fit(attributes)
        for sentence in self._changed.new(*changed):
            log.warning("%s", sentence)
        # Empty data is refused (400), and without an answer the poll's link configData stays for ever.
        data = fitted or {"client": "hawkbit-rauc"}
        # hawkBit up to 0.3.0M6 wants a status, too; later ones and goosebit pass it over.
        done = sdk.Status(execution="closed", result=sdk.Result(finished="success"))
        body = sdk.ConfigData(data=data, mode="merge", status=done)
        try:
            await in_thread(sdk.put_config_data.sync, client=self._client, body=body)
        except sdk.DdiError as error:
            if _refuses(error, *_UNFIT) or isinstance(error, sdk.QuotaExceededError):
                raise ServerError(f"the server does not take the attributes of [device]: {error}") from error
            raise self._error(error) from error

    async def tell_installed(self, distribution_set: str, version: str) -> bool:
        """Say what the board runs that no action of the server brought (DDI installedBase, since hawkBit 0.6).

        Only if the server has nothing to be done: while an action is open hawkBit answers 200, and takes no notice.

        Returns:
            False if the server knows no such complete set, or is too old.

        Raises:
            ServerError: no answer, or a refusal.
        """
        body = sdk.AssignedVersion(name=distribution_set, version=version)
        try:
            await in_thread(sdk.put_installed_base.sync, client=self._client, body=body)
        except sdk.DdiError as error:
            if _refuses(
                error, 400, 404, 405
            ):  # an incomplete set; an unknown one, or no such path; the path for GET only
                return False
            raise self._error(error) from error
        return True

    async def _follow(self, offer: Offer, model: type[A], history: int | None) -> A:
        try:
            return await in_thread(self._client.follow, offer.href, model, action_history=history)
        except sdk.DdiError as error:
            if _refuses(error, 404, 410) or _is_null(error):
                raise OfferGoneError(f"the server took action {offer.action} back") from error
            raise self._error(error) from error

    def _chunk(self, chunk: sdk.Chunk) -> Chunk:
        artifacts = tuple(self._artifact(artifact, chunk) for artifact in chunk.artifacts)
        return Chunk(chunk.part or "", chunk.name or "", chunk.version or "", artifacts)

    def _artifact(self, artifact: sdk.Artifact, chunk: sdk.Chunk) -> Artifact:
        filename = artifact.filename or ""
        size = artifact.size
        href = links.file_link({name: link.href for name, link in artifact.links.items()})
        try:
            url = self._client.rebase(links.with_spaces(href, filename)) if href else None
        except sdk.LinkError as error:
            # Only if it is the bundle, the action fails for it.
            log.debug("no usable link to %s: %s", filename, error)
            url = None
        told = artifact.hashes
        return Artifact(
            filename=filename,
            size=size if size is not None and size >= 0 else None,
            # hawkBit up to 0.3.0M4 has no sha256 of a file, goosebit sha1 alone, and md5 may be null.
            hashes=links.hashes({"sha256": told.sha256, "sha1": told.sha1, "md5": told.md5}),
            url=url,
            encrypted=bool(chunk.encrypted),
        )

    def _tell(self, feedback: Feedback, abandoned: threading.Event) -> None:
        """Post feedback, a second time in plain words if that may help; blocks."""
        try:
            self._post(feedback, messages.fit(feedback.details, self._secrets))
        except sdk.StatusError as error:
            # 1,000 entries of the action, or 50 messages of one feedback: the latter also for the one that closes it.
            full = isinstance(error, sdk.QuotaExceededError)
            if full and feedback.execution not in _ANSWERS:
                log.debug("progress of action %s is dropped: %s", feedback.action, error)
                return
            if abandoned.is_set() or not (full or error.status in _UNFIT):
                raise
            log.debug("feedback for action %s is shortened: %s", feedback.action, error)
            self._post(feedback, messages.plain(feedback.details, self._secrets))

    def _post(self, feedback: Feedback, texts: list[str]) -> None:
        post = sdk.post_cancel_feedback.sync if feedback.cancel else sdk.post_deployment_feedback.sync
        code = feedback.code if feedback.code is not None and abs(feedback.code) <= _LARGEST_CODE else None
        status = sdk.Status(
            execution=feedback.execution.value,
            result=sdk.Result(finished=feedback.finished.value),
            code=code,
            details=texts,
        )
        # No timestamp: a board's clock may be wrong, and hawkBit's own is not. hawkBit takes a success as installed
        # only if it is newer than the last one (0.7 and later): a clock that is behind leaves the update pending for
        # ever, one that was ahead once spoils all later ones.
        post(feedback.action, client=self._client, body=sdk.ActionFeedback(status=status))

    @property
    def _place(self) -> str:
        return failures.place(self._identity.origin)

    def _error(self, error: sdk.DdiError) -> HawkbitRaucError:
        """Translate what the SDK raises, with a sentence that names the server."""
        if isinstance(error, sdk.TransportError):
            return ServerError(failures.sentence(error, self._place, self._wall_clock()))
        if not isinstance(error, sdk.StatusError):
            return ServerError(f"{self._place} does not speak DDI: {error}")
        if isinstance(error, sdk.UnauthorizedError | sdk.ForbiddenError):
            remedy = (
                "check the token (or certificate), target_name and tenant_id, and whether the tenant has that way to "
                "authenticate switched on: a new hawkBit has target tokens and gateway tokens off"
            )
            return CredentialsError(
                f"{self._place} refuses the credentials: {error}; {remedy}", retry_after=error.retry_after
            )
        return ServerError(f"{self._place}: {error}", retry_after=error.retry_after)


def _poll(base: sdk.ControllerBase) -> Poll:
    return Poll(
        interval=base.config.polling.seconds,
        deployment=_offer(base, "deploymentBase"),
        cancel=_offer(base, "cancelAction"),
        confirmation=_offer(base, "confirmationBase"),
        identify="configData" in base.links,
    )


def _offer(base: sdk.ControllerBase, relation: str) -> Offer | None:
    link = base.links.get(relation)
    if link is None:
        return None
    action = links.action_of(link.href)
    if action is None:
        log.debug("the link %s names no action and is ignored", relation)
        return None
    return Offer(action, link.href)


def _refuses(error: sdk.DdiError, *statuses: int) -> bool:
    """Say whether hawkBit itself refused with one of these statuses.

    A proxy whose server is away answers 404, too, but with a page of its own: hawkBit's refusals are empty or JSON.
    """
    if not isinstance(error, sdk.StatusError) or error.status not in statuses:
        return False
    try:
        return not error.content.strip() or isinstance(json.loads(error.content), dict)
    except (ValueError, RecursionError):
        return False


def _is_null(error: sdk.DdiError) -> bool:
    """Say whether the answer is JSON's null: so goosebit says, with 200, that there is nothing to be done."""
    return isinstance(error, sdk.UnreadableAnswerError) and error.content.strip() == b"null"
