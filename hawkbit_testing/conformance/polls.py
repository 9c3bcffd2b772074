# SPDX-License-Identifier: LGPL-2.1-or-later
"""GET of the controller's own path: which links it shows, who may ask, and how it is told."""

import time
from datetime import UTC, datetime, timedelta

from hawkbit_testing.conformance.site import Controller, Site, UnsupportedError, answered
from hawkbit_testing.software import Window

POLL = "GET {controllerId}"
DEPLOYMENT = "GET deploymentBase/{actionId}"
LATER = Window(datetime(2099, 1, 1, 3, tzinfo=UTC), timedelta(hours=1))


def open_window() -> Window:
    """Return a window that is open now, and for an hour at the least."""
    return Window(datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1), timedelta(hours=2))


def links_of_a_controller(site: Site) -> None:
    """Polls without actions."""
    new = site.controller(told=False)
    with site.cell(POLL, "new target") as saw:
        answer = new.get()
        saw(answered(answer), new.links(), ", ".join(sorted(answer.json())))
    with site.cell(POLL, "new target", "sleep") as saw:
        sleep = new.get().json()["config"]["polling"]["sleep"]
        saw("HH:MM:SS" if len(sleep) == 8 and sleep.count(":") == 2 else sleep)
    told = site.controller()
    with site.cell(POLL, "attributes told") as saw:
        answer = told.get()
        saw(answered(answer), ", ".join(sorted(answer.json())))
    told.target.request_attributes = True
    with site.cell(POLL, "attributes asked for") as saw:
        saw(answered(told.get()), told.links())


def links_of_an_open_action(site: Site) -> None:
    """Polls with one action of each kind."""
    for state, options in (
        ("open", {}),
        ("open, soft", {"forced": False}),
        ("open, download only", {"download_only": True}),
        ("open, window open", {"window": open_window()}),
        ("open, window not open yet", {"window": LATER}),
    ):
        with site.cell(POLL, state) as saw:
            controller = site.controller()
            controller.assign(**options)
            saw(answered(controller.get()), controller.links())


def links_of_a_canceled_action(site: Site) -> None:
    """Polls with one action that is to be canceled."""
    controller = site.controller()
    action = controller.canceling()
    with site.cell(POLL, "canceling") as saw:
        saw(answered(controller.get()), controller.links())
    action.force_quit()
    with site.cell(POLL, "force-quit") as saw:
        saw(answered(controller.get()), controller.links())


def links_of_a_closed_action(site: Site) -> None:
    """Polls with one action that is over."""
    controller = site.controller()
    action = controller.assign()
    controller.tell(action, "closed", "success")
    with site.cell(POLL, "closed with success") as saw:
        saw(answered(controller.get()), controller.links())
    controller.get(f"deploymentBase/{action.id}")
    with site.cell(POLL, "closed with success, read again") as saw:
        saw(answered(controller.get()), controller.links())
    with site.cell(POLL, "closed with failure") as saw:
        controller = site.controller()
        controller.tell(controller.assign(), "closed", "failure")
        saw(answered(controller.get()), controller.links())


def links_of_two_actions(site: Site) -> None:
    """Polls after a second assignment."""
    controller = site.controller()
    first = controller.assign()
    second = controller.assign(site.other)
    with site.cell(POLL, "overtaken") as saw:
        saw(answered(controller.get()), controller.links())
    with site.cell(DEPLOYMENT, "behind one that is canceling") as saw:
        saw(answered(controller.get(f"deploymentBase/{second.id}")))
    controller.tell(first, "closed", "success", channel="cancelAction")
    with site.cell(POLL, "overtaken, cancelation accepted") as saw:
        saw(controller.links())


def links_after_a_rejection(site: Site) -> None:
    """Polls after a second assignment, if the controller goes on with the first."""
    controller = site.controller()
    first = controller.assign()
    controller.assign(site.other)
    controller.tell(first, "rejected", channel="cancelAction")
    with site.cell(POLL, "overtaken, cancelation rejected") as saw:
        saw(controller.links())
    controller.tell(first, "closed", "success")
    with site.cell(POLL, "overtaken, cancelation rejected, closed") as saw:
        saw(controller.links())


def links_with_autoclose(site: Site) -> None:
    """Polls if a new assignment closes the older ones."""
    with site.having(autoclose=True):
        controller = site.controller()
        first = controller.assign()
        controller.assign(site.other)
        with site.cell(POLL, "overtaken, autoclose") as saw:
            saw(controller.links())
        with site.cell(
            "POST deploymentBase/{actionId}/feedback", "overtaken, autoclose", "closed success"
        ) as saw:
            saw(answered(controller.tell(first, "closed", "success")))


def links_by_weight(site: Site) -> None:
    """Polls if the newer action is the heavier one."""
    controller = site.controller()
    light = controller.assign(weight=10)
    heavy = controller.assign(site.other, weight=900)
    with site.cell(POLL, "overtaken by a heavier one") as saw:
        saw(controller.links())
    controller.tell(heavy, "closed", "success")
    with site.cell(POLL, "overtaken by a heavier one, which is closed") as saw:
        saw(controller.links())
    with site.cell(POLL, "overtaken by a heavier one, cancelation accepted") as saw:
        answer = controller.tell(light, "closed", "success", channel="cancelAction")
        saw(answered(answer), controller.links())


def links_of_a_window_that_passes(site: Site) -> None:
    """Polls after the maintenance window."""
    controller = site.controller()
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
    action = controller.assign(window=Window(start, timedelta(minutes=10, seconds=2)))
    while "cancelAction" not in controller.links() and datetime.now(UTC) < start + timedelta(minutes=11):
        time.sleep(0.2)
    with site.cell(POLL, "window passed") as saw:
        saw(controller.links())
    with site.cell(DEPLOYMENT, "window passed") as saw:
        saw(answered(controller.get(f"deploymentBase/{action.id}")))


def tags(site: Site) -> None:
    """If-None-Match."""
    controller = site.controller()
    tag = controller.get().headers.get("ETag", "")
    with site.cell(POLL, "any", "ETag") as saw:
        hashed = tag.startswith('"0') and len(tag) == 35
        saw("32 hex digits after a 0, in quotes" if hashed else tag or "none")
    if not tag:
        raise UnsupportedError("the server sends no tag")
    for name, text in (
        ("the tag", tag),
        ("W/ and the tag", f"W/{tag}"),
        ("a list with the tag", f'"x", {tag}'),
        ("*", "*"),
        ("another tag", '"0123"'),
    ):
        with site.cell(POLL, "unchanged", f"If-None-Match: {name}") as saw:
            again = controller.get(If_None_Match=text)
            same = "the same tag" if again.headers.get("ETag", "") == tag else "another tag"
            saw(answered(again), same, "body" if again.content else "empty")
    controller.assign()
    with site.cell(POLL, "changed", "If-None-Match: the tag") as saw:
        saw(answered(controller.get(If_None_Match=tag)))


def stamps(site: Site) -> None:
    """When `c` in the link changes."""
    controller = site.controller()
    action = controller.assign(forced=False)

    def changed(what: str, before: str) -> str:
        now = controller.hrefs()["deploymentBase"]
        with site.cell(POLL, "open", f"c {what}") as saw:
            saw("other" if now != before else "same")
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
        with site.cell(POLL, "any", f"Accept: {accepted}") as saw:
            answer = controller.get(Accept=accepted)
            kind = answer.headers.get("Content-Type", "no type") if answer.status_code == 200 else "no body"
            saw(str(answer.status_code), kind)
    with site.cell("POST {controllerId}", "any") as saw:
        saw(answered(controller.post("", {})))
    with site.cell("GET {controllerId}/", "any", "trailing slash") as saw:
        saw(answered(controller.get(f"{controller.base}/")))
    with site.cell("GET nonsense", "any") as saw:
        saw(answered(controller.get("nonsense")))


def credentials(site: Site) -> None:
    """Who is let in."""
    controller = site.controller()
    right = controller.headers["Authorization"]
    other = site.controller().headers["Authorization"]
    for name, headers in (
        ("none", {}),
        ("another target's token", {"Authorization": other}),
        ("scheme in lower case", {"Authorization": right.replace("TargetToken", "targettoken")}),
        ("two spaces", {"Authorization": right.replace(" ", "  ")}),
    ):
        with site.cell(POLL, "any", f"credentials: {name}") as saw:
            site.reconnect()
            answer = site.stranger(headers, controller.target.id).get()
            told = "WWW-Authenticate" if "WWW-Authenticate" in answer.headers else "no challenge"
            saw(answered(answer), told)
    with site.cell(POLL, "unknown target", "credentials: a target token") as saw:
        saw(answered(site.stranger(controller.headers).get()))
    with site.cell(POLL, "unknown tenant") as saw:
        saw(answered(controller.get(controller.base.replace(f"/{site.server.tenant}/", "/NOBODY/"))))
    with site.cell(POLL, "any", "tenant in lower case") as saw:
        name = site.server.tenant
        saw(answered(controller.get(controller.base.replace(f"/{name}/", f"/{name.lower()}/"))))
    controller.target.token = "another"  # noqa: S105  it is one
    with site.cell(POLL, "any", "credentials: the token before the last") as saw:
        saw(answered(controller.get()))
    controller.target.delete()
    with site.cell(POLL, "deleted target", "credentials: its token") as saw:
        saw(answered(controller.get()))


def registration(site: Site) -> None:
    """Controllers that the server does not know, behind a gateway."""
    body = {"data": {"a": "b"}}
    status = {"execution": "closed", "result": {"finished": "success"}}
    state = "unknown target, gateway token"
    with site.gateway() as stranger:
        with site.cell("PUT configData", state) as saw:
            saw(answered(stranger.put("configData", body)))
        with site.cell(DEPLOYMENT, state) as saw:
            saw(answered(stranger.get("deploymentBase/1")))
        with site.cell("POST deploymentBase/{actionId}/feedback", state) as saw:
            saw(answered(stranger.post("deploymentBase/1/feedback", {"id": "1", "status": status})))
        with site.cell("GET cancelAction/{actionId}", state) as saw:
            saw(answered(stranger.get("cancelAction/1")))
        with site.cell("PUT installedBase", state) as saw:
            saw(answered(stranger.put("installedBase", {"name": "a", "version": "1"})))
        with site.cell("PUT installedBase", state, "a set that there is") as saw:
            told = {"name": site.bundle.name, "version": site.bundle.version}
            saw(answered(stranger.put("installedBase", told)))
        with site.cell("GET softwaremodules/{moduleId}/artifacts", state) as saw:
            saw(answered(stranger.get("softwaremodules/1/artifacts")))
        with site.cell(POLL, state) as saw:
            saw(answered(stranger.get()), stranger_links(stranger))
        with site.cell("PUT configData", "registered by a poll") as saw:
            saw(answered(stranger.put("configData", body)))
        with site.cell(POLL, state, "an id of 129 characters") as saw:
            saw(str(site.stranger(stranger.headers, "x" * 129).get().status_code))
        with site.cell("GET confirmationBase", state) as saw:
            saw(answered(site.stranger(stranger.headers).get("confirmationBase")))


def stranger_links(stranger: Controller) -> str:
    """Return the relations of a poll of a controller whose actions nobody knows."""
    return ", ".join(sorted(stranger.hrefs())) or "no link"


CHECKS = (
    links_of_a_controller,
    links_of_an_open_action,
    links_of_a_canceled_action,
    links_of_a_closed_action,
    links_of_two_actions,
    links_after_a_rejection,
    links_with_autoclose,
    links_by_weight,
    links_of_a_window_that_passes,
    tags,
    stamps,
    media_types,
    credentials,
    registration,
)
