# SPDX-License-Identifier: LGPL-2.1-or-later
"""GET installedBase/{actionId}, and PUT installedBase."""

from hawkbit_testing.conformance.site import Site, answered, outline

INSTALLED = "GET installedBase/{actionId}"
TELL = "PUT installedBase"


def reading(site: Site) -> None:
    """What is installed, in each state of the action that brought it."""
    controller = site.controller()
    action = controller.assign()
    path = f"installedBase/{action.id}"
    site.note(INSTALLED, "open", "", answered(controller.get(path)))
    controller.tell(action, "closed", "success", "done")
    answer = controller.get(path)
    seen = outline(answer.json()) if answer.status_code == 200 else ""
    site.note(INSTALLED, "closed with success", "", answered(answer), seen)
    history = controller.get(f"{path}?actionHistory=5")
    told = history.json().get("actionHistory", {}) if history.status_code == 200 else {}
    site.note(
        INSTALLED, "closed with success", "?actionHistory=5", answered(history), str(told.get("messages"))
    )
    controller = site.controller()
    action = controller.assign()
    controller.tell(action, "closed", "failure")
    site.note(INSTALLED, "closed with failure", "", answered(controller.get(f"installedBase/{action.id}")))
    controller = site.controller()
    action = controller.canceling()
    site.note(INSTALLED, "canceling", "", answered(controller.get(f"installedBase/{action.id}")))
    controller.tell(action, "closed", "success", channel="cancelAction")
    site.note(INSTALLED, "canceled", "", answered(controller.get(f"installedBase/{action.id}")))
    site.note(INSTALLED, "unknown action", "", answered(controller.get("installedBase/987654321")))


def telling(site: Site) -> None:
    """A controller that tells what is installed."""
    controller = site.controller()
    told = {"name": site.bundle.name, "version": site.bundle.version}
    for state in ("nothing installed", "the same told already"):
        answer = controller.put("installedBase", told)
        site.note(
            TELL,
            state,
            "a set that there is",
            answered(answer),
            f"target {controller.target.update_status}",
            controller.links(),
        )
    other = site.controller()
    for name, body in (
        ("a set that there is not", {"name": "nobody's", "version": "1"}),
        ("no version", {"name": site.bundle.name}),
        ("nothing", {}),
    ):
        site.note(TELL, "nothing installed", name, answered(other.put("installedBase", body)))
    other.assign(site.other)
    answer = other.put("installedBase", told)
    site.note(TELL, "open", "a set that there is", answered(answer), other.links())


CHECKS = (reading, telling)
