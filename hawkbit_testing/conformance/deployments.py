# SPDX-License-Identifier: LGPL-2.1-or-later
"""GET deploymentBase/{actionId}: how a deployment is told, and what reading it does."""

import re
from datetime import UTC, datetime, timedelta

from hawkbit_testing.conformance.polls import DEPLOYMENT, LATER, open_window
from hawkbit_testing.conformance.site import Action, Site, answered, had, newest, outline

PAST = datetime(2001, 1, 1, tzinfo=UTC)
FUTURE = datetime.now(UTC).replace(microsecond=0) + timedelta(days=400)


def payload(site: Site) -> None:
    """How a deployment reads."""
    controller = site.controller()
    action = controller.assign()
    answer = controller.get(f"deploymentBase/{action.id}")
    with site.cell(DEPLOYMENT, "open") as saw:
        saw(answered(answer), answer.headers.get("Content-Type", "no type"))
    document = answer.json()
    with site.cell(DEPLOYMENT, "open", "members") as saw:
        saw(outline(document))
    chunk = document["deployment"]["chunks"][0]
    artifact = chunk["artifacts"][0]
    with site.cell(DEPLOYMENT, "open", "id and size are right") as saw:
        right = len(site.content) == artifact["size"] and document["id"] == str(action.id)
        saw(str(right), f"part {chunk['part']}")
    for name, link in sorted(artifact["_links"].items()):
        with site.cell(DEPLOYMENT, "open", f"link {name}") as saw:
            path = link["href"].replace(controller.base, "")
            saw(re.sub(r"/\d+/", "/{moduleId}/", path))


def kinds_of_module(site: Site) -> None:
    """How the types of modules are told."""
    with site.cell(DEPLOYMENT, "open, two modules", "parts") as saw:
        controller = site.controller()
        server = site.server
        both = server.distribution_set(
            server.module({"a": site.content}), server.module({"b": site.content}, "application")
        )
        action = controller.assign(both)
        chunks = controller.get(f"deploymentBase/{action.id}").json()["deployment"]["chunks"]
        saw(", ".join(sorted(chunk["part"] for chunk in chunks)))


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
            with site.cell(DEPLOYMENT, f"{kind}, {when}", "download, update, maintenanceWindow") as saw:
                controller = site.controller()
                action = controller.assign(**options, window=window)
                told = controller.get(f"deploymentBase/{action.id}").json()["deployment"]
                saw(*(told.get(member, "none") for member in ("download", "update", "maintenanceWindow")))


def canceled(site: Site) -> None:
    """What can be read of a deployment that is canceled."""
    controller = site.controller()
    action = controller.canceling()
    with site.cell(DEPLOYMENT, "canceling") as saw:
        saw(answered(controller.get(f"deploymentBase/{action.id}")))
    controller.tell(action, "closed", "success", channel="cancelAction")
    with site.cell(DEPLOYMENT, "canceled") as saw:
        saw(answered(controller.get(f"deploymentBase/{action.id}")))
    with site.cell(DEPLOYMENT, "force-quit") as saw:
        controller = site.controller()
        action = controller.canceling()
        action.force_quit()
        saw(answered(controller.get(f"deploymentBase/{action.id}")))


def closed(site: Site) -> None:
    """What can be read of a deployment that is over."""
    for finished in ("success", "failure"):
        with site.cell(DEPLOYMENT, f"closed with {finished}") as saw:
            controller = site.controller()
            action = controller.assign()
            controller.tell(action, "closed", finished)
            saw(answered(controller.get(f"deploymentBase/{action.id}")), newest(action))


def others(site: Site) -> None:
    """What can be read of a deployment that is none of the controller's."""
    controller = site.controller()
    with site.cell(DEPLOYMENT, "another target's action") as saw:
        action = site.controller().assign()
        saw(answered(controller.get(f"deploymentBase/{action.id}")))
    with site.cell(DEPLOYMENT, "unknown action") as saw:
        saw(answered(controller.get("deploymentBase/987654321")))
    with site.cell(DEPLOYMENT, "any", "an id that is no number") as saw:
        saw(answered(controller.get("deploymentBase/x")))


def queries(site: Site) -> None:
    """`c` and `actionHistory`."""
    controller = site.controller()
    action = controller.assign()
    path = f"deploymentBase/{action.id}"
    for query in ("c=1", "c=-1", "c=x", "c="):
        with site.cell(DEPLOYMENT, "open", f"?{query}") as saw:
            saw(answered(controller.get(f"{path}?{query}")))
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
        with site.cell(DEPLOYMENT, "open, with a history", f"?{query}") as saw:
            answer = controller.get(f"{path}?{query}")
            told = answer.json().get("actionHistory", {}) if answer.status_code == 200 else {}
            messages = ", ".join(map(unnamed, told.get("messages", [])))
            saw(answered(answer), str(told.get("status")), messages)


def assigned(site: Site) -> None:
    """How a history begins."""
    with site.cell(DEPLOYMENT, "open", "first entry of the history") as saw:
        action = site.controller().assign()
        saw(had(lambda: first_entry(action)))


def first_entry(action: Action) -> str:
    """Return type and messages of the first entry of a history, whoever the operator is."""
    entry = action.history()[0]
    return f"{entry.type}: {', '.join(map(unnamed, entry.messages)) or 'no message'}"


def unnamed(message: str) -> str:
    """Return a message without the name of the operator."""
    return re.sub(r"by user '.*'", "by user 'admin'", message)


def retrieved(site: Site) -> None:
    """What reading a deployment adds to the history."""
    with site.cell(DEPLOYMENT, "open", "history after GET, GET, progress, GET") as saw:
        controller = site.controller()
        action = controller.assign()
        path = f"deploymentBase/{action.id}"
        controller.get(path)
        controller.get(path)
        controller.tell(action, "proceeding", "none", "working")
        controller.get(path)
        saw(had(lambda: ", ".join(entry.type for entry in action.history())))


CHECKS = (payload, kinds_of_module, urgency, canceled, closed, others, queries, assigned, retrieved)
