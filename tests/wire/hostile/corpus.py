# SPDX-License-Identifier: LGPL-2.1-or-later
"""What servers may do, as a table: where in the protocol, what, and how it has to end."""

from collections.abc import Callable, Iterable
from typing import Any

from attrs import field, frozen

from hawkbit_testing import faults
from hawkbit_testing.wire import Fault

OWN = "/DEFAULT/controller/v1/[^/?]+"
#: The operations that the daemon uses, as "METHOD /path".
POLL = rf"GET {OWN}$"
DEPLOYMENT = rf"GET {OWN}/deploymentBase/[^/]+$"
CANCEL = rf"GET {OWN}/cancelAction/[^/]+$"
FEEDBACK = rf"POST {OWN}/deploymentBase/[^/]+/feedback$"
CANCEL_FEEDBACK = rf"POST {OWN}/cancelAction/[^/]+/feedback$"
CONFIG_DATA = rf"PUT {OWN}/configData$"
ARTIFACT = rf"GET {OWN}/softwaremodules/[^/]+/artifacts/"

OPERATIONS = {
    "poll": POLL,
    "deployment": DEPLOYMENT,
    "cancel": CANCEL,
    "feedback": FEEDBACK,
    "cancelFeedback": CANCEL_FEEDBACK,
    "configData": CONFIG_DATA,
    "artifact": ARTIFACT,
}
CANCELING = (CANCEL, CANCEL_FEEDBACK)

DONE, FAILED, UNREACHABLE = 0, 1, 2
#: How an action ends once the server is right again.
SUCCESS, FAILURE, ANY = "success", "failure", "any"


@frozen
class Case:
    """One lie.

    Attributes:
        id: its name.
        where: requests that it is told to, as a regular expression of "METHOD /path?query".
        fault: what the server does.
        code: what `run --once` exits with as long as it goes on.
        end: SUCCESS where it is passing trouble: the daemon goes on polling, and everything goes well as
            soon as the server is right; FAILURE where the action is closed as failed; ANY where both are right.
        setup: changes the ground first.
        options: of the ground.
    """

    id: str
    where: str
    fault: Callable[[], Fault]
    code: int = UNREACHABLE
    end: str = SUCCESS
    setup: Callable[[Any], None] | None = None
    options: dict[str, Any] = field(factory=dict)

    @property
    def canceling(self) -> bool:
        """Whether the action is canceled before the program starts."""
        return self.where in CANCELING


STATUSES = (
    *(200, 201, 202, 203, 204, 205, 206, 207, 208, 218, 226, 299),
    *(300, 301, 302, 303, 304, 305, 306, 307, 308),
    *(400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 419),
    *(420, 421, 422, 423, 424, 425, 426, 428, 429, 430, 431, 444, 449, 451, 460, 463, 494, 498, 499),
    *(500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511, 520, 521, 522, 523, 524, 525, 526, 527, 529),
    *(530, 561, 598, 599),
)


def statuses() -> Iterable[Case]:
    """Each status on each operation, with an empty body."""
    for name, where in OPERATIONS.items():
        for status in STATUSES:
            code, end = UNREACHABLE, SUCCESS
            write = where in (FEEDBACK, CANCEL_FEEDBACK, CONFIG_DATA)
            if write and status < 300:
                code, end = DONE, ANY  # taken for told
            elif where == CONFIG_DATA:
                code = DONE  # attributes that can't be told hold nothing up
            elif (where in (DEPLOYMENT, CANCEL) and status in (404, 410)) or (
                where in (FEEDBACK, CANCEL_FEEDBACK) and status in (404, 405, 410)
            ):
                code = DONE  # the server took the action back: nothing that can be done now
            elif where == ARTIFACT and status in (404, 410):
                code = DONE
            elif where == ARTIFACT and status == 200:
                code, end = FAILED, FAILURE  # all of it arrived, twice, and it is nothing
            yield Case(f"{name} {status}", where, lambda s=status: faults.answer(s), code, end)
