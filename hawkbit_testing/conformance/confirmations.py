# SPDX-License-Identifier: LGPL-2.1-or-later
"""The confirmation flow: consent to one action, and to all."""

from hawkbit_testing.conformance.polls import DEPLOYMENT, POLL
from hawkbit_testing.conformance.site import Controller, Site, answered, outline

BASE = "GET confirmationBase"
READ = "GET confirmationBase/{actionId}"
FEEDBACK = "POST confirmationBase/{actionId}/feedback"
ACTIVATE = "POST confirmationBase/activateAutoConfirm"
DEACTIVATE = "POST confirmationBase/deactivateAutoConfirm"


def auto_confirmation(site: Site) -> None:
    """Consent to all that comes, without anything that waits."""
    controller = site.controller()

    def base(state: str) -> None:
        with site.cell(BASE, state) as saw:
            answer = controller.get("confirmationBase")
            saw(answered(answer), outline(answer.json()) if answer.status_code == 200 else "")

    def activate(state: str, name: str, body: dict[str, str]) -> None:
        with site.cell(ACTIVATE, state, name) as saw:
            saw(answered(controller.post("confirmationBase/activateAutoConfirm", body)))

    def deactivate(state: str) -> None:
        with site.cell(DEACTIVATE, state) as saw:
            saw(answered(controller.ask("POST", "confirmationBase/deactivateAutoConfirm")))

    base("auto-confirm off")
    deactivate("auto-confirm off")
    activate("auto-confirm off", "an initiator of 65 characters", {"initiator": "x" * 65})
    activate("auto-confirm off", "a remark of 513 characters", {"remark": "x" * 513})
    full = {"initiator": "x" * 64, "remark": "x" * 512}
    activate("auto-confirm off", "initiator and remark", full)
    activate("auto-confirm on", "initiator and remark", full)
    base("auto-confirm on")
    deactivate("auto-confirm on")
    activate("auto-confirm off", "{}", {})
    base("auto-confirm on with {}")
    with site.cell(ACTIVATE, "auto-confirm off", "no body, no type") as saw:
        saw(answered(site.controller().ask("POST", "confirmationBase/activateAutoConfirm")))


def nothing_waits(site: Site) -> None:
    """Consent to what does not wait for it."""
    controller = site.controller()
    yes = {"confirmation": "confirmed"}
    with site.cell(READ, "unknown action") as saw:
        saw(answered(controller.get("confirmationBase/987654321")))
    with site.cell(FEEDBACK, "unknown action", "confirmed") as saw:
        saw(answered(controller.post("confirmationBase/987654321/feedback", yes)))
    action = controller.assign()
    with site.cell(READ, "open") as saw:
        saw(answered(controller.get(f"confirmationBase/{action.id}")))
    with site.cell(FEEDBACK, "open", "confirmed") as saw:
        saw(answered(controller.post(f"confirmationBase/{action.id}/feedback", yes)))


def waiting(site: Site) -> None:
    """An action that waits for consent."""
    with site.having(confirmation_flow=True):
        controller = site.controller()
        action = controller.assign()
        state, path = "waits for confirmation", f"confirmationBase/{action.id}"
        with site.cell(POLL, state) as saw:
            saw(answered(controller.get()), controller.links())
        with site.cell(BASE, state) as saw:
            answer = controller.get("confirmationBase")
            saw(answered(answer), outline(answer.json()))
        with site.cell(READ, state) as saw:
            answer = controller.get(path)
            saw(answered(answer), outline(answer.json()))
        with site.cell(DEPLOYMENT, state) as saw:
            saw(answered(controller.get(f"deploymentBase/{action.id}")))
        with site.cell("POST deploymentBase/{actionId}/feedback", state, "closed success") as saw:
            saw(answered(controller.tell(action, "closed", "success")))
        for name, body in (
            ("nothing", {}),
            ("an unknown word", {"confirmation": "maybe"}),
            ("denied", {"confirmation": "denied", "details": ["not now"]}),
            ("denied, with markup", {"confirmation": "denied", "details": ["a<b>c"]}),
            ("denied, with 51 messages", {"confirmation": "denied", "details": ["x"] * 51}),
            ("denied, with a code", {"confirmation": "denied", "code": 7}),
            ("confirmed", {"confirmation": "confirmed", "details": ["yes"]}),
        ):
            with site.cell(FEEDBACK, state, name) as saw:
                saw(answered(controller.post(f"{path}/feedback", body)), controller.links())


def confirmed(site: Site) -> None:
    """An action that the controller has consented to."""
    with site.having(confirmation_flow=True):
        controller = site.controller()
        action = controller.assign()
        path = f"confirmationBase/{action.id}"
        controller.post(f"{path}/feedback", {"confirmation": "confirmed", "details": ["yes"]})
        for said in ("confirmed", "denied"):
            with site.cell(FEEDBACK, "confirmed", said) as saw:
                saw(answered(controller.post(f"{path}/feedback", {"confirmation": said})))
        with site.cell(READ, "confirmed") as saw:
            saw(answered(controller.get(path)))
        controller.tell(action, "closed", "success")
        with site.cell(FEEDBACK, "closed with success", "confirmed") as saw:
            saw(answered(controller.post(f"{path}/feedback", {"confirmation": "confirmed"})))
        with site.cell(READ, "closed with success") as saw:
            saw(answered(controller.get(path)))


def waiting_and_canceled(site: Site) -> None:
    """An action that waits for consent and is to be canceled."""

    def told(controller: Controller, execution: str, finished: str) -> None:
        (action,) = controller.target.actions
        with site.cell(
            "POST cancelAction/{actionId}/feedback",
            "waits for confirmation, canceling",
            f"{execution} {finished}",
        ) as saw:
            answer = controller.tell(action, execution, finished, channel="cancelAction")
            saw(answered(answer), controller.links())

    with site.having(confirmation_flow=True):
        controller = site.controller()
        action = controller.canceling()
        with site.cell(POLL, "waits for confirmation, canceling") as saw:
            saw(controller.links())
        with site.cell(READ, "waits for confirmation, canceling") as saw:
            saw(answered(controller.get(f"confirmationBase/{action.id}")))
        told(controller, "closed", "success")
        controller = site.controller()
        controller.canceling()
        told(controller, "rejected", "none")


def consent_to_all(site: Site) -> None:
    """What auto-confirmation does to what waits, and to what comes."""
    with site.having(confirmation_flow=True):
        with site.cell(ACTIVATE, "waits for confirmation", "{}") as saw:
            controller = site.controller()
            controller.assign()
            answer = controller.post("confirmationBase/activateAutoConfirm", {})
            saw(answered(answer), controller.links())
        with site.cell(POLL, "auto-confirm on") as saw:
            controller = site.controller()
            controller.post("confirmationBase/activateAutoConfirm", {})
            controller.assign()
            saw(controller.links())
        with site.cell(POLL, "assigned without need for confirmation") as saw:
            controller = site.controller()
            controller.assign(confirmation_required=False)
            saw(controller.links())


CHECKS = (auto_confirmation, nothing_waits, waiting, confirmed, waiting_and_canceled, consent_to_all)
