# SPDX-License-Identifier: LGPL-2.1-or-later
"""POST deploymentBase/{actionId}/feedback: what each word does in each state, and what is refused."""

from typing import Any

from hawkbit_testing.conformance.site import Action, Controller, Site, answered, end, had
from hawkbit_testing.software import DistributionSet

FEEDBACK = "POST deploymentBase/{actionId}/feedback"
EXECUTIONS = (
    "closed",
    "proceeding",
    "canceled",
    "scheduled",
    "rejected",
    "resumed",
    "downloaded",
    "download",
)
RESULTS = ("success", "failure", "none")
#: Texts that may be taken for markup.
TEXTS = (
    "<none>",
    "a<b>c",
    "<urlopen error timed out>",
    "<class 'ValueError'>",
    "<?xml",
    "<?xml version='1.0'?>",
    "a<b",
    "</ none",
    "<!-- x -->",
    "a < b > c",
    "<1>",
    "</b>",
    "5 > 4",
    "ümläut ✓",
    "bell \x07 and tab \t",
)


def words(site: Site) -> None:
    """Each execution with each result, for an open action."""
    for execution in EXECUTIONS:
        for finished in RESULTS:
            with site.cell(FEEDBACK, "open", f"{execution} {finished}") as saw:
                controller = site.controller()
                action = controller.assign()
                answer = controller.tell(action, execution, finished, "a detail")
                saw(answered(answer), controller.effect(action))


def after_the_end(site: Site) -> None:
    """Whatever is told of an action that is closed."""
    for finished in ("success", "failure"):
        state = f"closed with {finished}"
        with site.part(FEEDBACK, state):
            controller = site.controller()
            action = controller.assign()
            controller.tell(action, "closed", finished)
            for again in (("closed", "success"), ("closed", "failure"), ("proceeding", "none")):
                with site.cell(FEEDBACK, state, " ".join(again)) as saw:
                    answer = controller.tell(action, *again)
                    saw(answered(answer), controller.effect(action))


def after_a_cancelation(site: Site) -> None:
    """Whatever is told of an action that is canceled."""
    with site.cell(FEEDBACK, "canceled", "closed success") as saw:
        controller = site.controller()
        action = controller.canceling()
        controller.tell(action, "closed", "success", channel="cancelAction")
        saw(answered(controller.tell(action, "closed", "success")))
    with site.cell(FEEDBACK, "force-quit", "closed success") as saw:
        controller = site.controller()
        action = controller.canceling()
        action.force_quit()
        saw(answered(controller.tell(action, "closed", "success")))


def while_canceling(site: Site) -> None:
    """What is told of a deployment that is to be canceled."""
    for execution, finished in (("closed", "success"), ("closed", "failure"), ("proceeding", "none")):
        with site.cell(FEEDBACK, "canceling", f"{execution} {finished}") as saw:
            controller = site.controller()
            action = controller.canceling()
            answer = controller.tell(action, execution, finished)
            saw(answered(answer), controller.effect(action))


def download_only(site: Site) -> None:
    """What ends a download-only action."""
    for execution, finished in (("downloaded", "none"), ("closed", "success"), ("proceeding", "none")):
        with site.cell(FEEDBACK, "download only", f"{execution} {finished}") as saw:
            controller = site.controller()
            action = controller.assign(download_only=True)
            answer = controller.tell(action, execution, finished)
            saw(answered(answer), controller.effect(action))
    with site.cell(FEEDBACK, "download only, downloaded", "closed success") as saw:
        controller = site.controller()
        action = controller.assign(download_only=True)
        controller.tell(action, "downloaded")
        saw(answered(controller.tell(action, "closed", "success")))


def unknown_actions(site: Site) -> None:
    """Actions that there are not, or that are another target's."""
    controller = site.controller()
    with site.cell(FEEDBACK, "another target's action", "closed success") as saw:
        action = site.controller().assign()
        saw(answered(controller.tell(action, "closed", "success")))
    body = {"id": "987654321", "status": {"execution": "closed", "result": {"finished": "success"}}}
    with site.cell(FEEDBACK, "unknown action", "closed success") as saw:
        saw(answered(controller.post("deploymentBase/987654321/feedback", body)))
    with site.cell(FEEDBACK, "any", "an id that is no number") as saw:
        saw(answered(controller.post("deploymentBase/x/feedback", body)))


def statuses(site: Site) -> None:
    """Members of the status that are missing, unknown, or of another type."""
    controller = site.controller()
    action = controller.assign()
    done = {"finished": "none"}
    going: dict[str, Any] = {"execution": "proceeding", "result": done}
    for name, status in (
        ("no status", None),
        ("an empty status", {}),
        ("no result", {"execution": "proceeding"}),
        ("an empty result", {"execution": "proceeding", "result": {}}),
        ("no execution", {"result": done}),
        ("execution in upper case", going | {"execution": "PROCEEDING"}),
        ("an unknown result", going | {"result": {"finished": "maybe"}}),
        ("details: an object", going | {"details": {"a": 1}}),
        ("details: a text", going | {"details": "text"}),
        ("details: null", going | {"details": None}),
        ("progress: cnt and of", going | {"result": done | {"progress": {"cnt": 1, "of": 2}}}),
        ("progress: nothing in it", going | {"result": done | {"progress": {}}}),
        ("progress: a text", going | {"result": done | {"progress": "1/2"}}),
        ("an unknown member", going | {"unknown": 1}),
        ("code: 7", going | {"code": 7}),
        ("code: 7 as text", going | {"code": "7"}),
        ("code: beyond 32 bits", going | {"code": 2**31}),
        ("code: a word", going | {"code": "seven"}),
    ):
        with site.cell(FEEDBACK, "open", name) as saw:
            body = {"id": str(action.id), "status": status}
            saw(answered(controller.post(f"deploymentBase/{action.id}/feedback", body)))


def ids_and_times(site: Site) -> None:
    """Members beside the status that are missing, unknown, or of another type."""
    controller = site.controller()
    action = controller.assign()
    going = {"execution": "proceeding", "result": {"finished": "none"}}
    for name, more in (
        ("no id in the body", {}),
        ("another id in the body", {"id": "1234567"}),
        ("a word as the id in the body", {"id": "x"}),
        ("the id in the body as a number", {"id": action.id}),
        ("timestamp: a number", {"id": str(action.id), "timestamp": 1_700_000_000_000}),
        ("timestamp: a text", {"id": str(action.id), "timestamp": "20230101T000000"}),
        ("time: a text", {"id": str(action.id), "time": "20230101T000000"}),
    ):
        with site.cell(FEEDBACK, "open", name) as saw:
            saw(answered(controller.post(f"deploymentBase/{action.id}/feedback", {"status": going, **more})))


def codes(site: Site) -> None:
    """What a code adds to the history."""
    with site.cell(FEEDBACK, "open", "messages of one with code") as saw:
        controller = site.controller()
        action = controller.assign()
        controller.tell(action, "proceeding", "none", "a detail", code=7)
        saw(had(lambda: " | ".join(sorted(action.history()[-1].messages))))


def times(site: Site) -> None:
    """What the controller's own time does to a second installation."""
    for name, at in (("1970", 1000), ("2099", 4_070_908_800_000)):
        with site.cell(FEEDBACK, "second installation", f"closed success of {name}") as saw:
            controller = site.controller()
            controller.tell(controller.assign(), "closed", "success")
            action = controller.assign(site.other)
            status = {"execution": "closed", "result": {"finished": "success"}}
            body = {"id": str(action.id), "timestamp": at, "status": status}
            answer = controller.post(f"deploymentBase/{action.id}/feedback", body)
            saw(
                answered(answer),
                end(action),
                f"the set counts as installed: {installed(controller, site.other)}",
            )


def installed(controller: Controller, bundle: DistributionSet) -> str:
    """Return whether a set counts as installed."""
    return had(lambda: str(getattr(controller.target.installed, "id", None) == bundle.id))


def texts(site: Site) -> None:
    """What messages may hold."""
    for text in TEXTS:
        shown = text.replace("\x07", "BEL").replace("\t", "TAB")
        with site.cell(FEEDBACK, "open", f"closed with message {shown}") as saw:
            controller = site.controller()
            action = controller.assign()
            answer = controller.tell(action, "closed", "success", text)
            saw(answered(answer), end(action))
    with site.cell(FEEDBACK, "open", "a message of 1,100 characters") as saw:
        controller = site.controller()
        action = controller.assign()
        controller.tell(action, "proceeding", "none", "x" * 1100)
        saw(f"stored as {lengths(action)}")


def lengths(action: Action) -> str:
    """Return the lengths of the newest messages."""
    return had(lambda: ", ".join(str(len(text)) for text in sorted(action.history()[-1].messages, key=len)))


def too_many_messages(site: Site) -> None:
    """The quota of messages."""
    for execution, finished in (("proceeding", "none"), ("closed", "success")):
        for count in (51, 50):
            with site.cell(FEEDBACK, "open", f"{execution} with {count} messages") as saw:
                controller = site.controller()
                action = controller.assign()
                saw(answered(controller.tell(action, execution, finished, *["x"] * count)), end(action))


def full_history(site: Site) -> None:
    """The quota of entries."""
    controller = site.controller()
    action = controller.assign()
    url = controller.artifact(action)
    state = "1,000 entries"
    with site.cell(FEEDBACK, state, "proceeding none") as saw:
        refused = fill(controller, action) or "never refused"
        saw(refused, had(lambda: f"{len(action.history())} entries"))
    with site.cell("GET softwaremodules/{moduleId}/artifacts/{fileName}", state) as saw:
        saw(answered(controller.get(url)))
    with site.cell("GET softwaremodules/{moduleId}/artifacts/{fileName}.MD5SUM", state) as saw:
        saw(answered(controller.get(f"{url}.MD5SUM")))
    with site.cell(FEEDBACK, state, "closed success") as saw:
        saw(answered(controller.tell(action, "closed", "success", "done")), end(action))


def full_history_of_a_cancelation(site: Site) -> None:
    """The quota of entries, on the channel of cancelations."""
    controller = site.controller()
    action = controller.canceling()
    fill(controller, action)
    for execution in ("proceeding", "closed"):
        with site.cell("POST cancelAction/{actionId}/feedback", "1,000 entries", f"{execution} none") as saw:
            saw(answered(controller.tell(action, execution, channel="cancelAction")), end(action))


def fill(controller: Controller, action: Action) -> str | None:
    """Tell progress until it is refused, and return the refusal; None if there is none."""
    for _ in range(1001):
        answer = controller.tell(action, "proceeding")
        if answer.status_code != 200:
            return answered(answer)
    return None


CHECKS = (
    words,
    after_the_end,
    after_a_cancelation,
    while_canceling,
    download_only,
    unknown_actions,
    statuses,
    ids_and_times,
    codes,
    times,
    texts,
    too_many_messages,
    full_history,
    full_history_of_a_cancelation,
)
