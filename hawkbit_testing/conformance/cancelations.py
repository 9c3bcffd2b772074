# SPDX-License-Identifier: LGPL-2.1-or-later
"""GET cancelAction/{actionId} and the feedback to it."""

from hawkbit_testing.conformance.feedback import EXECUTIONS, RESULTS
from hawkbit_testing.conformance.site import Action, Controller, Site, answered, newest

CANCELATION = "GET cancelAction/{actionId}"
FEEDBACK = "POST cancelAction/{actionId}/feedback"


def cancelation(site: Site) -> None:
    """How a cancelation reads, in each state."""
    controller = site.controller()
    action = controller.assign()
    path = f"cancelAction/{action.id}"
    with site.cell(CANCELATION, "open") as saw:
        saw(answered(controller.get(path)))
    action.cancel()
    with site.cell(CANCELATION, "canceling") as saw:
        answer = controller.get(path)
        right = answer.json() == {"id": str(action.id), "cancelAction": {"stopId": str(action.id)}}
        saw(answered(answer), newest(action), f"id and stopId are texts, the action's: {right}")
    with site.cell(CANCELATION, "another target's action") as saw:
        saw(answered(site.controller().get(path)))
    controller.tell(action, "closed", "success", channel="cancelAction")
    with site.cell(CANCELATION, "canceled") as saw:
        saw(answered(controller.get(path)))


def no_cancelation(site: Site) -> None:
    """What reads as no cancelation."""
    controller = site.controller()
    with site.cell(CANCELATION, "closed with success") as saw:
        action = controller.assign()
        controller.tell(action, "closed", "success")
        saw(answered(controller.get(f"cancelAction/{action.id}")))
    with site.cell(CANCELATION, "unknown action") as saw:
        saw(answered(controller.get("cancelAction/987654321")))


def words(site: Site) -> None:
    """Each execution with each result, for an action that is to be canceled."""
    for execution in EXECUTIONS:
        for finished in RESULTS:
            with site.cell(FEEDBACK, "canceling", f"{execution} {finished}") as saw:
                controller = site.controller()
                action = controller.canceling()
                answer = controller.tell(action, execution, finished, "a detail", channel="cancelAction")
                saw(answered(answer), controller.effect(action))


def told(controller: Controller, state: str, action: Action, execution: str, finished: str) -> None:
    """Note what feedback to a cancelation does."""
    with controller.site.cell(FEEDBACK, state, f"{execution} {finished}") as saw:
        answer = controller.tell(action, execution, finished, channel="cancelAction")
        saw(answered(answer), controller.effect(action))


def not_asked_for(site: Site) -> None:
    """Feedback to a cancelation that nobody asked for, or that is rejected."""
    controller = site.controller()
    action = controller.assign()
    told(controller, "open", action, "closed", "success")
    action.cancel()
    controller.tell(action, "rejected", channel="cancelAction")
    told(controller, "cancelation rejected", action, "rejected", "none")
    controller.tell(action, "closed", "success")
    told(controller, "closed with success", action, "closed", "success")


def over(site: Site) -> None:
    """Feedback to a cancelation that is over, or of an action that there is not."""
    controller = site.controller()
    with site.part(FEEDBACK, "canceled"):
        action = controller.canceling()
        controller.tell(action, "closed", "success", channel="cancelAction")
        told(controller, "canceled", action, "closed", "success")
    controller = site.controller()
    with site.part(FEEDBACK, "force-quit"):
        action = controller.canceling()
        action.force_quit()
        told(controller, "force-quit", action, "closed", "success")
    with site.cell(FEEDBACK, "unknown action", "closed success") as saw:
        body = {"id": "987654321", "status": {"execution": "closed", "result": {"finished": "success"}}}
        saw(answered(site.controller().post("cancelAction/987654321/feedback", body)))


def refusals(site: Site) -> None:
    """Bodies that are refused, and that are not."""
    controller = site.controller()
    action = controller.canceling()

    def tells(name: str, execution: str, *details: str) -> None:
        with site.cell(FEEDBACK, "canceling", name) as saw:
            saw(answered(controller.tell(action, execution, "none", *details, channel="cancelAction")))

    tells("markup", "proceeding", "a<b>c")
    tells("51 messages", "proceeding", *["x"] * 51)
    with site.cell(FEEDBACK, "canceling", "no status") as saw:
        saw(answered(controller.post(f"cancelAction/{action.id}/feedback", {"id": str(action.id)})))
    tells("closed with 51 messages", "closed", *["x"] * 51)


CHECKS = (cancelation, no_cancelation, words, not_asked_for, over, refusals)
