# SPDX-License-Identifier: LGPL-2.1-or-later
"""The confirmation flow: consent to one action, and to all."""

from hawkbit_testing.conformance.polls import POLL
from hawkbit_testing.conformance.site import Site, answered, outline

BASE = "GET confirmationBase"
READ = "GET confirmationBase/{actionId}"
FEEDBACK = "POST confirmationBase/{actionId}/feedback"
ACTIVATE = "POST confirmationBase/activateAutoConfirm"
DEACTIVATE = "POST confirmationBase/deactivateAutoConfirm"


def auto_confirmation(site: Site) -> None:
    """Consent to all that comes, without anything that waits."""
    controller = site.controller()

    def base(state: str) -> None:
        answer = controller.get("confirmationBase")
        seen = outline(answer.json()) if answer.status_code == 200 else ""
        site.note(BASE, state, "", answered(answer), seen)

    base("auto-confirm off")
    site.note(
        DEACTIVATE,
        "auto-confirm off",
        "",
        answered(controller.ask("POST", "confirmationBase/deactivateAutoConfirm")),
    )
    for name, body in (
        ("an initiator of 65 characters", {"initiator": "x" * 65}),
        ("a remark of 513 characters", {"remark": "x" * 513}),
    ):
        site.note(
            ACTIVATE,
            "auto-confirm off",
            name,
            answered(controller.post("confirmationBase/activateAutoConfirm", body)),
        )
    full = {"initiator": "x" * 64, "remark": "x" * 512}
    for state in ("auto-confirm off", "auto-confirm on"):
        answer = controller.post("confirmationBase/activateAutoConfirm", full)
        site.note(ACTIVATE, state, "initiator and remark", answered(answer))
    base("auto-confirm on")
    site.note(
        DEACTIVATE,
        "auto-confirm on",
        "",
        answered(controller.ask("POST", "confirmationBase/deactivateAutoConfirm")),
    )
    site.note(
        ACTIVATE,
        "auto-confirm off",
        "{}",
        answered(controller.post("confirmationBase/activateAutoConfirm", {})),
    )
    base("auto-confirm on with {}")
    bare = site.controller()
    site.note(
        ACTIVATE,
        "auto-confirm off",
        "no body, no type",
        answered(bare.ask("POST", "confirmationBase/activateAutoConfirm")),
    )
    site.note(READ, "unknown action", "", answered(controller.get("confirmationBase/987654321")))
    site.note(
        FEEDBACK,
        "unknown action",
        "confirmed",
        answered(controller.post("confirmationBase/987654321/feedback", {"confirmation": "confirmed"})),
    )
    action = controller.assign()
    site.note(READ, "open", "", answered(controller.get(f"confirmationBase/{action.id}")))
    answer = controller.post(f"confirmationBase/{action.id}/feedback", {"confirmation": "confirmed"})
    site.note(FEEDBACK, "open", "confirmed", answered(answer))


def waiting(site: Site) -> None:
    """An action that waits for consent."""
    with site.having(confirmation_flow=True):
        controller = site.controller()
        action = controller.assign()
        path = f"confirmationBase/{action.id}"
        site.note(POLL, "waits for confirmation", "", answered(controller.get()), controller.links())
        answer = controller.get("confirmationBase")
        site.note(BASE, "waits for confirmation", "", answered(answer), outline(answer.json()))
        answer = controller.get(path)
        site.note(READ, "waits for confirmation", "", answered(answer), outline(answer.json()))
        answer = controller.get(f"deploymentBase/{action.id}")
        site.note("GET deploymentBase/{actionId}", "waits for confirmation", "", answered(answer))
        answer = controller.tell(action, "closed", "success")
        site.note(
            "POST deploymentBase/{actionId}/feedback",
            "waits for confirmation",
            "closed success",
            answered(answer),
        )
        for name, body in (
            ("nothing", {}),
            ("an unknown word", {"confirmation": "maybe"}),
            ("denied", {"confirmation": "denied", "details": ["not now"]}),
            ("denied, with markup", {"confirmation": "denied", "details": ["a<b>c"]}),
            ("denied, with 51 messages", {"confirmation": "denied", "details": ["x"] * 51}),
            ("denied, with a code", {"confirmation": "denied", "code": 7}),
            ("confirmed", {"confirmation": "confirmed", "details": ["yes"]}),
        ):
            answer = controller.post(f"{path}/feedback", body)
            site.note(FEEDBACK, "waits for confirmation", name, answered(answer), controller.links())
        answer = controller.post(f"{path}/feedback", {"confirmation": "confirmed"})
        site.note(FEEDBACK, "confirmed", "confirmed", answered(answer))
        answer = controller.post(f"{path}/feedback", {"confirmation": "denied"})
        site.note(FEEDBACK, "confirmed", "denied", answered(answer))
        site.note(READ, "confirmed", "", answered(controller.get(path)))
        controller.tell(action, "closed", "success")
        answer = controller.post(f"{path}/feedback", {"confirmation": "confirmed"})
        site.note(FEEDBACK, "closed with success", "confirmed", answered(answer))
        site.note(READ, "closed with success", "", answered(controller.get(path)))


def waiting_and_canceled(site: Site) -> None:
    """An action that waits for consent and is to be canceled."""
    with site.having(confirmation_flow=True):
        for execution, finished in (("closed", "success"), ("rejected", "none")):
            controller = site.controller()
            action = controller.canceling()
            if execution == "closed":
                site.note(POLL, "waits for confirmation, canceling", "", controller.links())
                answer = controller.get(f"confirmationBase/{action.id}")
                site.note(READ, "waits for confirmation, canceling", "", answered(answer))
            answer = controller.tell(action, execution, finished, channel="cancelAction")
            site.note(
                "POST cancelAction/{actionId}/feedback",
                "waits for confirmation, canceling",
                f"{execution} {finished}",
                answered(answer),
                controller.links(),
            )


def consent_to_all(site: Site) -> None:
    """What auto-confirmation does to what waits, and to what comes."""
    with site.having(confirmation_flow=True):
        controller = site.controller()
        controller.assign()
        answer = controller.post("confirmationBase/activateAutoConfirm", {})
        site.note(ACTIVATE, "waits for confirmation", "{}", answered(answer), controller.links())
        other = site.controller()
        other.post("confirmationBase/activateAutoConfirm", {})
        other.assign()
        site.note(POLL, "auto-confirm on", "", other.links())
        third = site.controller()
        third.assign(confirmation_required=False)
        site.note(POLL, "assigned without need for confirmation", "", third.links())


CHECKS = (auto_confirmation, waiting, waiting_and_canceled, consent_to_all)
