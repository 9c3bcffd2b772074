# SPDX-License-Identifier: LGPL-2.1-or-later
"""GET cancelAction/{actionId} and the feedback to it."""

from hawkbit_testing.conformance.feedback import EXECUTIONS, RESULTS
from hawkbit_testing.conformance.site import Site, answered, had

CANCELATION = "GET cancelAction/{actionId}"
FEEDBACK = "POST cancelAction/{actionId}/feedback"


def cancelation(site: Site) -> None:
    """How a cancelation reads, in each state."""
    controller = site.controller()
    action = controller.assign()
    path = f"cancelAction/{action.id}"
    site.note(CANCELATION, "open", "", answered(controller.get(path)))
    action.cancel()
    answer = controller.get(path)
    told = answer.json()
    right = told == {"id": str(action.id), "cancelAction": {"stopId": str(action.id)}}
    entry = had(lambda: action.history()[-1].type)
    site.note(
        CANCELATION,
        "canceling",
        "",
        answered(answer),
        f"entry {entry}",
        f"id and stopId are texts, the action's: {right}",
    )
    controller.tell(action, "closed", "success", channel="cancelAction")
    site.note(CANCELATION, "canceled", "", answered(controller.get(path)))
    closed = controller.assign(site.other)
    controller.tell(closed, "closed", "success")
    site.note(CANCELATION, "closed with success", "", answered(controller.get(f"cancelAction/{closed.id}")))
    site.note(CANCELATION, "unknown action", "", answered(controller.get("cancelAction/987654321")))
    other = site.controller()
    site.note(CANCELATION, "another target's action", "", answered(other.get(path)))


def words(site: Site) -> None:
    """Each execution with each result, for an action that is to be canceled."""
    for execution in EXECUTIONS:
        for finished in RESULTS:
            controller = site.controller()
            action = controller.canceling()
            answer = controller.tell(action, execution, finished, "a detail", channel="cancelAction")
            site.note(
                FEEDBACK, "canceling", f"{execution} {finished}", answered(answer), controller.effect(action)
            )


def states(site: Site) -> None:
    """Feedback to a cancelation that nobody asked for, or that is over."""
    controller = site.controller()
    action = controller.assign()

    def told(state: str, execution: str, finished: str) -> None:
        answer = controller.tell(action, execution, finished, channel="cancelAction")
        site.note(FEEDBACK, state, f"{execution} {finished}", answered(answer), controller.effect(action))

    told("open", "closed", "success")
    action.cancel()
    controller.tell(action, "rejected", channel="cancelAction")
    told("cancelation rejected", "rejected", "none")
    controller.tell(action, "closed", "success")
    told("closed with success", "closed", "success")
    controller = site.controller()
    action = controller.canceling()
    controller.tell(action, "closed", "success", channel="cancelAction")
    told("canceled", "closed", "success")
    controller = site.controller()
    action = controller.canceling()
    action.force_quit()
    told("force-quit", "closed", "success")
    controller = site.controller()
    body = {"id": "987654321", "status": {"execution": "closed", "result": {"finished": "success"}}}
    site.note(
        FEEDBACK,
        "unknown action",
        "closed success",
        answered(controller.post("cancelAction/987654321/feedback", body)),
    )


def refusals(site: Site) -> None:
    """Bodies that are refused, and that are not."""
    controller = site.controller()
    action = controller.canceling()
    for name, answer in (
        ("markup", controller.tell(action, "proceeding", "none", "a<b>c", channel="cancelAction")),
        ("51 messages", controller.tell(action, "proceeding", "none", *["x"] * 51, channel="cancelAction")),
        (
            "no status",
            controller.post(f"cancelAction/{action.id}/feedback", {"id": str(action.id)}),
        ),
        (
            "closed with 51 messages",
            controller.tell(action, "closed", "none", *["x"] * 51, channel="cancelAction"),
        ),
    ):
        site.note(FEEDBACK, "canceling", name, answered(answer))


CHECKS = (cancelation, words, states, refusals)
