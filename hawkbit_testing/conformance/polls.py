# SPDX-License-Identifier: LGPL-2.1-or-later
"""GET of the controller's own path: which links it shows, who may ask, and how it is told."""

import time
from datetime import UTC, datetime, timedelta

from hawkbit_testing.conformance.site import Controller, Site, UnsupportedError, answered
from hawkbit_testing.software import Window

POLL = "GET {controllerId}"
LATER = Window(datetime(2099, 1, 1, 3, tzinfo=UTC), timedelta(hours=1))


def open_window() -> Window:
    """Return a window that is open now, and for an hour at the least."""
    return Window(datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1), timedelta(hours=2))


def links_of_a_controller(site: Site) -> None:
    """Polls without actions."""
    new = site.controller(told=False)
    answer = new.get()
    site.note(POLL, "new target", "", answered(answer), new.links(), ", ".join(sorted(answer.json())))
    sleep = answer.json()["config"]["polling"]["sleep"]
    site.note(POLL, "new target", "sleep", "HH:MM:SS" if len(sleep) == 8 and sleep.count(":") == 2 else sleep)
    told = site.controller()
    site.note(POLL, "attributes told", "", answered(told.get()), ", ".join(sorted(told.get().json())))
    told.target.request_attributes = True
    site.note(POLL, "attributes asked for", "", answered(told.get()), told.links())


def links_of_an_action(site: Site) -> None:
    """Polls with one action, from its assignment to its end."""
    for state, options in (
        ("open", {}),
        ("open, soft", {"forced": False}),
        ("open, download only", {"download_only": True}),
        ("open, window open", {"window": open_window()}),
        ("open, window not open yet", {"window": LATER}),
    ):
        controller = site.controller()
        controller.assign(**options)
        site.note(POLL, state, "", answered(controller.get()), controller.links())
    controller = site.controller()
    action = controller.canceling()
    site.note(POLL, "canceling", "", answered(controller.get()), controller.links())
    action.force_quit()
    site.note(POLL, "force-quit", "", answered(controller.get()), controller.links())
    for finished in ("success", "failure"):
        controller = site.controller()
        action = controller.assign()
        controller.tell(action, "closed", finished)
        site.note(POLL, f"closed with {finished}", "", answered(controller.get()), controller.links())
        if finished == "success":
            controller.get(f"deploymentBase/{action.id}")
            site.note(
                POLL, "closed with success, read again", "", answered(controller.get()), controller.links()
            )


def links_of_two_actions(site: Site) -> None:
    """Polls after a second assignment."""
    controller = site.controller()
    first = controller.assign()
    second = controller.assign(site.other)
    site.note(POLL, "overtaken", "", answered(controller.get()), controller.links())
    site.note(
        "GET deploymentBase/{actionId}",
        "behind one that is canceling",
        "",
        answered(controller.get(f"deploymentBase/{second.id}")),
    )
    controller.tell(first, "closed", "success", channel="cancelAction")
    site.note(POLL, "overtaken, cancelation accepted", "", controller.links())
    controller = site.controller()
    first = controller.assign()
    controller.assign(site.other)
    controller.tell(first, "rejected", channel="cancelAction")
    site.note(POLL, "overtaken, cancelation rejected", "", controller.links())
    controller.tell(first, "closed", "success")
    site.note(POLL, "overtaken, cancelation rejected, closed", "", controller.links())


def links_with_autoclose(site: Site) -> None:
    """Polls where a new assignment closes the older ones."""
    with site.having(autoclose=True):
        controller = site.controller()
        first = controller.assign()
        controller.assign(site.other)
        site.note(POLL, "overtaken, autoclose", "", controller.links())
        site.note(
            "POST deploymentBase/{actionId}/feedback",
            "overtaken, autoclose",
            "closed success",
            answered(controller.tell(first, "closed", "success")),
        )


def links_by_weight(site: Site) -> None:
    """Polls where the newer action is the heavier one."""
    controller = site.controller()
    light = controller.assign(weight=10)
    heavy = controller.assign(site.other, weight=900)
    site.note(POLL, "overtaken by a heavier one", "", controller.links())
    controller.tell(heavy, "closed", "success")
    site.note(POLL, "overtaken by a heavier one, which is closed", "", controller.links())
    answer = controller.tell(light, "closed", "success", channel="cancelAction")
    site.note(
        POLL, "overtaken by a heavier one, cancelation accepted", "", answered(answer), controller.links()
    )


def links_of_a_window_that_passes(site: Site) -> None:
    """Polls after the maintenance window."""
    controller = site.controller()
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
    action = controller.assign(window=Window(start, timedelta(minutes=10, seconds=2)))
    while "cancelAction" not in controller.links() and datetime.now(UTC) < start + timedelta(minutes=11):
        time.sleep(0.2)
    site.note(POLL, "window passed", "", controller.links())
    site.note(
        "GET deploymentBase/{actionId}",
        "window passed",
        "",
        answered(controller.get(f"deploymentBase/{action.id}")),
    )


def tags(site: Site) -> None:
    """If-None-Match."""
    controller = site.controller()
    tag = controller.get().headers.get("ETag", "")
    form = "32 hex digits after a 0, in quotes" if tag.startswith('"0') and len(tag) == 35 else tag or "none"
    site.note(POLL, "any", "ETag", form)
    if not tag:
        raise UnsupportedError("the server sends no tag")
    for name, text in (
        ("the tag", tag),
        ("W/ and the tag", f"W/{tag}"),
        ("a list with the tag", f'"x", {tag}'),
        ("*", "*"),
        ("another tag", '"0123"'),
    ):
        again = controller.get(If_None_Match=text)
        same = "the same tag" if again.headers.get("ETag", "") == tag else "another tag"
        site.note(
            POLL,
            "unchanged",
            f"If-None-Match: {name}",
            answered(again),
            same,
            "body" if again.content else "empty",
        )
    controller.assign()
    site.note(POLL, "changed", "If-None-Match: the tag", answered(controller.get(If_None_Match=tag)))


def stamps(site: Site) -> None:
    """When `c` in the link changes."""
    controller = site.controller()
    action = controller.assign(forced=False)

    def changed(what: str, before: str) -> str:
        now = controller.hrefs()["deploymentBase"]
        site.note(POLL, "open", f"c {what}", "other" if now != before else "same")
        return now

    link = controller.hrefs()["deploymentBase"]
    controller.get(link)
    link = changed("after the first GET of the deployment", link)
    controller.tell(action, "proceeding")
    link = changed("after progress", link)
    controller.get(link)
    link = changed("after a further GET", link)
    action.force()
    changed("after a switch to forced", link)


def media_types(site: Site) -> None:
    """Accept, and methods that there are not."""
    controller = site.controller()
    for accepted in ("*/*", "application/json", "application/hal+json", "application/octet-stream"):
        answer = controller.get(Accept=accepted)
        kind = answer.headers.get("Content-Type", "no type") if answer.status_code == 200 else "no body"
        site.note(POLL, "any", f"Accept: {accepted}", str(answer.status_code), kind)
    site.note("POST {controllerId}", "any", "", answered(controller.post("", {})))
    site.note("GET {controllerId}/", "any", "trailing slash", answered(controller.get(f"{controller.base}/")))
    site.note("GET nonsense", "any", "", answered(controller.get("nonsense")))


def credentials(site: Site) -> None:
    """Who is let in."""
    controller = site.controller()
    right = controller.headers["Authorization"]
    other = site.controller().headers["Authorization"]
    unknown = site.stranger(controller.headers)
    for name, headers in (
        ("none", {}),
        ("another target's token", {"Authorization": other}),
        ("scheme in lower case", {"Authorization": right.replace("TargetToken", "targettoken")}),
        ("two spaces", {"Authorization": right.replace(" ", "  ")}),
    ):
        site.reconnect()
        answer = site.stranger(headers, controller.target.id).get()
        told = "WWW-Authenticate" if "WWW-Authenticate" in answer.headers else "no challenge"
        site.note(POLL, "any", f"credentials: {name}", answered(answer), told)
    site.note(POLL, "unknown target", "credentials: a target token", answered(unknown.get()))
    elsewhere = controller.base.replace(f"/{site.server.tenant}/", "/NOBODY/")
    site.note(POLL, "unknown tenant", "", answered(controller.get(elsewhere)))
    lower = controller.base.replace(f"/{site.server.tenant}/", f"/{site.server.tenant.lower()}/")
    site.note(POLL, "any", "tenant in lower case", answered(controller.get(lower)))
    controller.target.token = "another"  # noqa: S105  it is one
    site.note(POLL, "any", "credentials: the token before the last", answered(controller.get()))
    controller.target.delete()
    site.note(POLL, "deleted target", "credentials: its token", answered(controller.get()))


def registration(site: Site) -> None:
    """Controllers that the server does not know, behind a gateway."""
    body = {"data": {"a": "b"}}
    status = {"execution": "closed", "result": {"finished": "success"}}
    with site.gateway() as stranger:
        for operation, answer in (
            ("PUT configData", stranger.put("configData", body)),
            ("GET deploymentBase/{actionId}", stranger.get("deploymentBase/1")),
            (
                "POST deploymentBase/{actionId}/feedback",
                stranger.post("deploymentBase/1/feedback", {"id": "1", "status": status}),
            ),
            ("GET cancelAction/{actionId}", stranger.get("cancelAction/1")),
            ("PUT installedBase", stranger.put("installedBase", {"name": "a", "version": "1"})),
            ("GET softwaremodules/{moduleId}/artifacts", stranger.get("softwaremodules/1/artifacts")),
        ):
            site.note(operation, "unknown target, gateway token", "", answered(answer))
        site.note(
            POLL, "unknown target, gateway token", "", answered(stranger.get()), stranger_links(stranger)
        )
        site.note("PUT configData", "registered by a poll", "", answered(stranger.put("configData", body)))
        site.forget(stranger)
        long = site.stranger(stranger.headers, "x" * 129)
        site.note(
            POLL, "unknown target, gateway token", "an id of 129 characters", str(long.get().status_code)
        )
        second = site.stranger(stranger.headers)
        site.note(
            "GET confirmationBase",
            "unknown target, gateway token",
            "",
            answered(second.get("confirmationBase")),
        )
        site.forget(second)


def stranger_links(stranger: Controller) -> str:
    """Return the relations of a poll of a controller whose actions nobody knows."""
    return ", ".join(sorted(stranger.hrefs())) or "no link"


CHECKS = (
    links_of_a_controller,
    links_of_an_action,
    links_of_two_actions,
    links_with_autoclose,
    links_by_weight,
    links_of_a_window_that_passes,
    tags,
    stamps,
    media_types,
    credentials,
    registration,
)
