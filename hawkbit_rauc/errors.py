# SPDX-License-Identifier: LGPL-2.1-or-later
"""All errors of this package, by what follows from them.

::

    HawkbitRaucError
    ├── ConfigError                 the configuration can't work: exit 78
    ├── LockedError                 another instance uses the state folder
    ├── NothingWaitsError           there is nothing to be confirmed or denied
    ├── OfferGoneError              the server took the offer back: poll again, report nothing
    ├── PassingError                try again later; the action stays open
    │   ├── ServerError             hawkBit not reachable, overloaded, or it answered nonsense
    │   │   └── CredentialsError    hawkBit refused the credentials (401, 403)
    │   ├── DownloadError           the bundle did not arrive (completely)
    │   │   └── MismatchError       all of it arrived, but not what was announced
    │   ├── SpaceError              not enough room for the bundle
    │   ├── StateError              the state folder can't be written
    │   ├── BusError                the D-Bus, or whom we ask on it, is not there, hangs, or went away
    │   │   └── RefusedError            it answered with an error
    │   └── InstallerError          the installer can't be asked, hangs, or went away
    │       ├── InstallerBusyError      it works on another installation
    │       └── AttemptFailedError      an installation failed by what may pass: three attempts
    └── DeploymentError             the action can't succeed: close it as failed
        └── InstallationError       the installer refused the bundle, or failed to install it
            └── NoSlotError             it has no slot to write an image into

`str(error)` is one sentence fit for hawkBit's action history: no tokens, no query strings.
Errors don't log themselves.
"""

from __future__ import annotations


class HawkbitRaucError(Exception):
    """Base of all errors that this package raises on purpose."""


class ConfigError(HawkbitRaucError):
    """The configuration can't work.

    Attributes:
        mistakes: one sentence for each mistake: file, section, key and remedy.
    """

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class LockedError(HawkbitRaucError):
    """Another instance holds the lock of the state folder."""


class NothingWaitsError(HawkbitRaucError):
    """Nothing waits for consent, or not the action that was named."""


class OfferGoneError(HawkbitRaucError):
    """The server took the offer back (404 or 410); poll again and report nothing (DDI)."""


class PassingError(HawkbitRaucError):
    """Something that may be better later; the action stays open.

    Attributes:
        retry_after: seconds that the server asked us to wait, None if it did not.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ServerError(PassingError):
    """HawkBit is not reachable, overloaded, or answered what is not DDI."""


class CredentialsError(ServerError):
    """HawkBit refused the credentials (401 or 403)."""


class DownloadError(PassingError):
    """The bundle did not arrive, or only in part; what is there is kept for a resume."""


class MismatchError(DownloadError):
    """All bytes arrived, but hash or size are not what hawkBit announced."""


class SpaceError(PassingError):
    """The file system has too little room for the bundle."""


class StateError(PassingError):
    """The state folder can't be written: full, read-only or gone."""


class BusError(PassingError):
    """The D-Bus, or whom we ask on it, is not there, does not answer, or went away."""


class RefusedError(BusError):
    """A call was answered with an error.

    Attributes:
        name: D-Bus name of the error; RAUC uses the same one for nearly all.
        text: what it says, as it came.
    """

    def __init__(self, message: str, name: str, text: str) -> None:
        super().__init__(message)
        self.name = name
        self.text = text


class InstallerError(PassingError):
    """The installer, or the way to it, is not there, does not answer, or went away."""


class InstallerBusyError(InstallerError):
    """The installer is busy with an installation, somebody else's or one of ours that goes on."""


class AttemptFailedError(InstallerError):
    """An installation failed, and not by the bundle: it may succeed later, three attempts at most."""


class DeploymentError(HawkbitRaucError):
    """The action can't succeed on this board; it is to be closed as failed."""


class InstallationError(DeploymentError):
    """The installer refused the bundle for good; the message is its own."""


class NoSlotError(InstallationError):
    """The installer has no slot to write an image into.

    Attributes:
        kind: class of the slots that the image is for.
    """

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind
