# SPDX-License-Identifier: LGPL-2.1-or-later
"""GET deploymentBase/{actionId}: how a deployment is told, and what reading it does."""

import re
from datetime import UTC, datetime, timedelta

from hawkbit_testing.conformance.polls import LATER, open_window
from hawkbit_testing.conformance.site import Site, answered, had, outline

DEPLOYMENT = "GET deploymentBase/{actionId}"
PAST = datetime(2001, 1, 1, tzinfo=UTC)
FUTURE = datetime.now(UTC).replace(microsecond=0) + timedelta(days=400)


def payload(site: Site) -> None:
    """How a deployment reads."""
    controller = site.controller()
    action = controller.assign()
    answer = controller.get(f"deploymentBase/{action.id}")
    document = answer.json()
    site.note(DEPLOYMENT, "open", "", answered(answer), answer.headers.get("Content-Type", "no type"))
    site.note(DEPLOYMENT, "open", "members", outline(document))
    chunk = document["deployment"]["chunks"][0]
    artifact = chunk["artifacts"][0]
    right = len(site.content) == artifact["size"] and document["id"] == str(action.id)
    site.note(DEPLOYMENT, "open", "id and size are right", str(right), f"part {chunk['part']}")
    for name, link in sorted(artifact["_links"].items()):
        path = link["href"].replace(controller.base, "")
        site.note(DEPLOYMENT, "open", f"link {name}", re.sub(r"/\d+/", "/{moduleId}/", path))


def kinds_of_module(site: Site) -> None:
    """How the types of modules are told."""
    controller = site.controller()
    server = site.server
    both = server.distribution_set(
        server.module({"a": site.content}), server.module({"b": site.content}, "application")
    )
    action = controller.assign(both)
    chunks = controller.get(f"deploymentBase/{action.id}").json()["deployment"]["chunks"]
    site.note(DEPLOYMENT, "open, two modules", "parts", ", ".join(sorted(chunk["part"] for chunk in chunks)))


def urgency(site: Site) -> None:
    """The matrix of types and windows."""
    for kind, options in (
        ("forced", {}),
        ("soft", {"forced": False}),
        ("timeforced, not yet", {"force_time": FUTURE}),
        ("timeforced, due", {"force_time": PAST}),
        ("downloadonly", {"download_only": True}),
    ):
        for when, window in (("no window", None), ("window open", open_window()), ("window not open", LATER)):
            controller = site.controller()
            action = controller.assign(**options, window=window)
            told = controller.get(f"deploymentBase/{action.id}").json()["deployment"]
            site.note(
                DEPLOYMENT,
                f"{kind}, {when}",
                "download, update, maintenanceWindow",
                told.get("download", "none"),
                told.get("update", "none"),
                told.get("maintenanceWindow", "none"),
            )


def states(site: Site) -> None:
    """In which states a deployment can be read."""
    controller = site.controller()
    action = controller.canceling()
    site.note(DEPLOYMENT, "canceling", "", answered(controller.get(f"deploymentBase/{action.id}")))
    controller.tell(action, "closed", "success", channel="cancelAction")
    site.note(DEPLOYMENT, "canceled", "", answered(controller.get(f"deploymentBase/{action.id}")))
    controller = site.controller()
    action = controller.canceling()
    action.force_quit()
    site.note(DEPLOYMENT, "force-quit", "", answered(controller.get(f"deploymentBase/{action.id}")))
    for finished in ("success", "failure"):
        controller = site.controller()
        action = controller.assign()
        controller.tell(action, "closed", finished)
        answer = controller.get(f"deploymentBase/{action.id}")
        newest = had(lambda action=action: action.history()[-1].type)  # type: ignore[misc]
        site.note(DEPLOYMENT, f"closed with {finished}", "", answered(answer), f"entry {newest}")
    other = site.controller()
    site.note(DEPLOYMENT, "another target's action", "", answered(other.get(f"deploymentBase/{action.id}")))
    site.note(DEPLOYMENT, "unknown action", "", answered(other.get("deploymentBase/987654321")))
    site.note(DEPLOYMENT, "any", "an id that is no number", answered(other.get("deploymentBase/x")))


def queries(site: Site) -> None:
    """`c` and `actionHistory`."""
    controller = site.controller()
    action = controller.assign()
    path = f"deploymentBase/{action.id}"
    for query in ("c=1", "c=-1", "c=x", "c="):
        site.note(DEPLOYMENT, "open", f"?{query}", answered(controller.get(f"{path}?{query}")))
    for number in range(3):
        controller.tell(action, "proceeding", "none", f"message {number}")
    controller.tell(action, "proceeding", "none", "Update Server: said by the controller")
    for query in (
        "",
        "actionHistory=0",
        "actionHistory=2",
        "actionHistory=-1",
        "actionHistory=1000",
        "actionHistory=x",
    ):
        answer = controller.get(f"{path}?{query}")
        told = answer.json().get("actionHistory", {}) if answer.status_code == 200 else {}
        site.note(
            DEPLOYMENT,
            "open, with a history",
            f"?{query}",
            answered(answer),
            str(told.get("status")),
            ", ".join(told.get("messages", [])),
        )


def retrieved(site: Site) -> None:
    """What reading a deployment adds to the history."""
    controller = site.controller()
    action = controller.assign()
    path = f"deploymentBase/{action.id}"
    for what in ("GET", "GET", "progress", "GET"):
        if what == "GET":
            controller.get(path)
        else:
            controller.tell(action, "proceeding", "none", "working")
    site.note(
        DEPLOYMENT,
        "open",
        "history after GET, GET, progress, GET",
        had(lambda: ", ".join(entry.type for entry in action.history())),
    )


CHECKS = (payload, kinds_of_module, urgency, states, queries, retrieved)
