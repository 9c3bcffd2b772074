# SPDX-License-Identifier: LGPL-2.1-or-later
"""POST deploymentBase/{actionId}/feedback: what each word does in each state, and what is refused."""

from typing import Any

from hawkbit_testing.conformance.site import Site, answered, had

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
            controller = site.controller()
            action = controller.assign()
            answer = controller.tell(action, execution, finished, "a detail")
            site.note(
                FEEDBACK, "open", f"{execution} {finished}", answered(answer), controller.effect(action)
            )


def after_the_end(site: Site) -> None:
    """Whatever is told of an action that is over."""
    for state, finished in (("closed with success", "success"), ("closed with failure", "failure")):
        controller = site.controller()
        action = controller.assign()
        controller.tell(action, "closed", finished)
        for again in (("closed", "success"), ("closed", "failure"), ("proceeding", "none")):
            answer = controller.tell(action, *again)
            site.note(FEEDBACK, state, " ".join(again), answered(answer), controller.effect(action))
    controller = site.controller()
    action = controller.canceling()
    controller.tell(action, "closed", "success", channel="cancelAction")
    site.note(FEEDBACK, "canceled", "closed success", answered(controller.tell(action, "closed", "success")))
    controller = site.controller()
    action = controller.canceling()
    action.force_quit()
    site.note(
        FEEDBACK, "force-quit", "closed success", answered(controller.tell(action, "closed", "success"))
    )


def while_canceling(site: Site) -> None:
    """What is told of a deployment that is to be canceled."""
    for execution, finished in (("closed", "success"), ("closed", "failure"), ("proceeding", "none")):
        controller = site.controller()
        action = controller.canceling()
        answer = controller.tell(action, execution, finished)
        site.note(
            FEEDBACK, "canceling", f"{execution} {finished}", answered(answer), controller.effect(action)
        )


def download_only(site: Site) -> None:
    """What ends a download-only action."""
    for execution, finished in (("downloaded", "none"), ("closed", "success"), ("proceeding", "none")):
        controller = site.controller()
        action = controller.assign(download_only=True)
        answer = controller.tell(action, execution, finished)
        site.note(
            FEEDBACK, "download only", f"{execution} {finished}", answered(answer), controller.effect(action)
        )
        if execution == "downloaded":
            answer = controller.tell(action, "closed", "success")
            site.note(FEEDBACK, "download only, downloaded", "closed success", answered(answer))


def unknown_actions(site: Site) -> None:
    """Actions that there are not, or that are another target's."""
    controller, other = site.controller(), site.controller()
    action = other.assign()
    site.note(
        FEEDBACK,
        "another target's action",
        "closed success",
        answered(controller.tell(action, "closed", "success")),
    )
    status = {"execution": "closed", "result": {"finished": "success"}}
    for state, request, number in (
        ("unknown action", "closed success", "987654321"),
        ("any", "an id that is no number", "x"),
    ):
        body = {"id": "987654321", "status": status}
        answer = controller.post(f"deploymentBase/{number}/feedback", body)
        site.note(FEEDBACK, state, request, answered(answer))


def bodies(site: Site) -> None:
    """Members that are missing, unknown, or of another type."""
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
        answer = controller.post(
            f"deploymentBase/{action.id}/feedback", {"id": str(action.id), "status": status}
        )
        site.note(FEEDBACK, "open", name, answered(answer))
    for name, more in (
        ("no id in the body", {}),
        ("another id in the body", {"id": "1234567"}),
        ("a word as the id in the body", {"id": "x"}),
        ("the id in the body as a number", {"id": action.id}),
        ("timestamp: a number", {"id": str(action.id), "timestamp": 1_700_000_000_000}),
        ("timestamp: a text", {"id": str(action.id), "timestamp": "20230101T000000"}),
        ("time: a text", {"id": str(action.id), "time": "20230101T000000"}),
    ):
        answer = controller.post(f"deploymentBase/{action.id}/feedback", {"status": going, **more})
        site.note(FEEDBACK, "open", name, answered(answer))
    controller.tell(action, "proceeding", "none", "a detail", code=7)
    texts = had(lambda: " | ".join(sorted(action.history()[-1].messages)))
    site.note(FEEDBACK, "open", "messages of one with code", texts)


def times(site: Site) -> None:
    """What the controller's own time does to a second installation."""
    for name, at in (("1970", 1000), ("2099", 4_070_908_800_000)):
        controller = site.controller()
        controller.tell(controller.assign(), "closed", "success")
        action = controller.assign(site.other)
        status = {"execution": "closed", "result": {"finished": "success"}}
        body = {"id": str(action.id), "timestamp": at, "status": status}
        answer = controller.post(f"deploymentBase/{action.id}/feedback", body)
        installed = had(lambda: str(getattr(controller.target.installed, "id", None) == site.other.id))  # noqa: B023
        site.note(
            FEEDBACK,
            "second installation",
            f"closed success of {name}",
            answered(answer),
            f"action {action.outcome()}",
            f"the set counts as installed: {installed}",
        )


def texts(site: Site) -> None:
    """What messages may hold."""
    for text in TEXTS:
        controller = site.controller()
        action = controller.assign()
        shown = text.replace("\x07", "BEL").replace("\t", "TAB")
        answer = controller.tell(action, "closed", "success", text)
        site.note(
            FEEDBACK,
            "open",
            f"closed with message {shown}",
            answered(answer),
            f"action {action.outcome() or 'open'}",
        )
    controller = site.controller()
    action = controller.assign()
    controller.tell(action, "proceeding", "none", "x" * 1100)
    lengths = had(
        lambda: ", ".join(str(len(text)) for text in sorted(action.history()[-1].messages, key=len))
    )
    site.note(FEEDBACK, "open", "a message of 1,100 characters", f"stored as {lengths}")


def too_many_messages(site: Site) -> None:
    """The quota of messages."""
    for execution, finished in (("proceeding", "none"), ("closed", "success")):
        controller = site.controller()
        action = controller.assign()
        for count in (51, 50):
            answer = controller.tell(action, execution, finished, *["x"] * count)
            site.note(
                FEEDBACK,
                "open",
                f"{execution} with {count} messages",
                answered(answer),
                f"action {action.outcome() or 'open'}",
            )


def full_history(site: Site) -> None:
    """The quota of entries."""
    controller = site.controller()
    action = controller.assign()
    url = controller.artifact(action)
    answers = (answered(controller.tell(action, "proceeding")) for _ in range(1001))
    refused = next((answer for answer in answers if answer != "200"), "never refused")
    site.note(
        FEEDBACK, "1,000 entries", "proceeding none", refused, had(lambda: f"{len(action.history())} entries")
    )
    site.note(
        "GET softwaremodules/{moduleId}/artifacts/{fileName}",
        "1,000 entries",
        "",
        answered(controller.get(url)),
    )
    site.note(
        "GET softwaremodules/{moduleId}/artifacts/{fileName}.MD5SUM",
        "1,000 entries",
        "",
        answered(controller.get(f"{url}.MD5SUM")),
    )
    site.note(
        FEEDBACK,
        "1,000 entries",
        "closed success",
        answered(controller.tell(action, "closed", "success", "done")),
        f"action {action.outcome() or 'open'}",
    )


def full_history_of_a_cancelation(site: Site) -> None:
    """The quota of entries, on the channel of cancelations."""
    controller = site.controller()
    action = controller.canceling()
    for _ in range(1001):
        if controller.tell(action, "proceeding").status_code != 200:
            break
    for execution in ("proceeding", "closed"):
        site.note(
            "POST cancelAction/{actionId}/feedback",
            "1,000 entries",
            f"{execution} none",
            answered(controller.tell(action, execution, channel="cancelAction")),
            f"action {action.outcome() or 'open'}",
        )


CHECKS = (
    words,
    after_the_end,
    while_canceling,
    download_only,
    unknown_actions,
    bodies,
    times,
    texts,
    too_many_messages,
    full_history,
    full_history_of_a_cancelation,
)
