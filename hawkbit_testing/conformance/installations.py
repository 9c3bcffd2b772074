# SPDX-License-Identifier: LGPL-2.1-or-later
"""GET installedBase/{actionId}, and PUT installedBase."""

from hawkbit_testing.conformance.deployments import unnamed
from hawkbit_testing.conformance.site import Site, answered, outline

INSTALLED = "GET installedBase/{actionId}"
TELL = "PUT installedBase"


def reading(site: Site) -> None:
    """What is installed, in each state of the action that brought it."""
    controller = site.controller()
    action = controller.assign()
    path = f"installedBase/{action.id}"
    with site.cell(INSTALLED, "open") as saw:
        saw(answered(controller.get(path)))
    controller.tell(action, "closed", "success", "done")
    with site.cell(INSTALLED, "closed with success") as saw:
        answer = controller.get(path)
        saw(answered(answer), outline(answer.json()) if answer.status_code == 200 else "")
    with site.cell(INSTALLED, "closed with success", "?actionHistory=5") as saw:
        answer = controller.get(f"{path}?actionHistory=5")
        told = answer.json().get("actionHistory", {}) if answer.status_code == 200 else {}
        saw(answered(answer), ", ".join(map(unnamed, told.get("messages", []))))


def reading_others(site: Site) -> None:
    """What is not installed."""
    with site.cell(INSTALLED, "closed with failure") as saw:
        controller = site.controller()
        action = controller.assign()
        controller.tell(action, "closed", "failure")
        saw(answered(controller.get(f"installedBase/{action.id}")))
    with site.cell(INSTALLED, "canceling") as saw:
        controller = site.controller()
        action = controller.canceling()
        saw(answered(controller.get(f"installedBase/{action.id}")))
    with site.cell(INSTALLED, "canceled") as saw:
        controller = site.controller()
        action = controller.canceling()
        controller.tell(action, "closed", "success", channel="cancelAction")
        saw(answered(controller.get(f"installedBase/{action.id}")))
    with site.cell(INSTALLED, "unknown action") as saw:
        saw(answered(site.controller().get("installedBase/987654321")))


def telling(site: Site) -> None:
    """A controller that tells what is installed."""
    controller = site.controller()
    told = {"name": site.bundle.name, "version": site.bundle.version}
    for state in ("nothing installed", "the same told already"):
        with site.cell(TELL, state, "a set that there is") as saw:
            answer = controller.put("installedBase", told)
            saw(answered(answer), f"target {controller.target.update_status}", controller.links())


def telling_in_vain(site: Site) -> None:
    """A controller that tells what can't be taken."""
    controller = site.controller()
    for name, body in (
        ("a set that there is not", {"name": "nobody's", "version": "1"}),
        ("no version", {"name": site.bundle.name}),
        ("nothing", {}),
    ):
        with site.cell(TELL, "nothing installed", name) as saw:
            saw(answered(controller.put("installedBase", body)))
    controller.assign(site.other)
    with site.cell(TELL, "open", "a set that there is") as saw:
        told = {"name": site.bundle.name, "version": site.bundle.version}
        saw(answered(controller.put("installedBase", told)), controller.links())


CHECKS = (reading, reading_others, telling, telling_in_vain)
