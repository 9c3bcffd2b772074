# SPDX-License-Identifier: LGPL-2.1-or-later
"""What depends on hawkBit's version, the quotas, and how a request is refused."""

from attrs import frozen

#: The versions that differ in their DDI, the oldest first.
VERSIONS = ("0.3", "0.5", "0.6", "0.8", "0.9", "0.10", "1.0", "1.1")


class Refusal(Exception):  # noqa: N818  it is what the server says, not an error of ours
    """An answer that is no success.

    Attributes:
        status: the HTTP status.
        code: hawkBit's error code without its prefix; None for an answer without it.
        plain: answered by Spring Boot before hawkBit is asked, with Spring's own error object.
    """

    def __init__(
        self, status: int, code: str | None = None, message: str = "", *, plain: bool = False
    ) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message
        self.plain = plain
        self.headers: dict[str, str] = {}


@frozen
class Limits:
    """The quotas: entries of an action, messages of an entry, attributes of a target; 0 entries are no limit."""

    entries: int = 1000
    messages: int = 50
    attributes: int = 100


@frozen
class Quirks:
    """What depends on the version (two numbers)."""

    version: tuple[int, int]

    @classmethod
    def of(cls, version: str) -> "Quirks":
        """Read a version such as "1.1" or "0.3.0M7".

        Raises:
            ValueError: it is none that the double knows.
        """
        first, _, rest = version.partition(".")
        second = rest.partition(".")[0]
        if not (first.isdigit() and second.isdigit() and (0, 3) <= (int(first), int(second)) <= (1, 1)):
            raise ValueError(f"version {version!r} is none of hawkBit's from {VERSIONS[0]} to {VERSIONS[-1]}")
        return cls((int(first), int(second)))

    @property
    def quota_status(self) -> int:
        """The status of a full quota."""
        return 429 if self.version >= (0, 10) else 403

    @property
    def closes_when_full(self) -> bool:
        """Whether closing feedback is exempt from the quota of entries."""
        return self.version >= (0, 6)

    @property
    def wants_id(self) -> bool:
        """Whether the body of feedback must repeat the path's id."""
        return self.version <= (0, 3)

    @property
    def decodes_ids(self) -> bool:
        """Whether a target's token is looked up by the decoded id, not by what stands in the path (0.3.0M9)."""
        return self.version > (0, 3)

    @property
    def knows_code(self) -> bool:
        """Whether feedback may carry a status code."""
        return self.version > (0, 3)

    @property
    def knows_timestamp(self) -> bool:
        """Whether feedback may carry the time of what it tells, in milliseconds since 1970."""
        return self.version >= (0, 7)

    @property
    def quotes_etag(self) -> bool:
        """Whether an artifact's ETag stands in quotes; the rules of ranges changed with it."""
        return self.version >= (0, 10)

    @property
    def logs_ranges(self) -> bool:
        """Whether a request with Range adds an entry to the history."""
        return self.version < (0, 8)

    @property
    def long_suffix_status(self) -> int:
        """The answer to a suffix range that is longer than the file; 206 is one that breaks off."""
        if self.version >= (0, 10):
            return 416
        if self.version >= (0, 8):
            return 500
        return 400 if self.version > (0, 3) else 206

    @property
    def lists_to_all(self) -> bool:
        """Whether the files of every module are listed to every target (mended in 1.0.4)."""
        return self.version < (1, 0)

    @property
    def hides_foreign(self) -> bool:
        """Whether another target's action is answered without a body."""
        return self.version <= (0, 3)

    @property
    def checksum_counts(self) -> bool:
        """Whether a checksum is refused if the history is full."""
        return self.version <= (0, 3)

    @property
    def takes_weights(self) -> bool:
        """Whether actions may have weights of their own; older versions want multi-assignments for that."""
        return self.version > (0, 3)

    @property
    def serves_after_end(self) -> bool:
        """Whether artifacts are served as long as the newest action is not canceled, active or not."""
        return self.version <= (0, 3)

    @property
    def serves_ranges_to_all(self) -> bool:
        """Whether a request with Range is served without a look at the actions (mended in 1.0.4)."""
        return (0, 8) <= self.version <= (0, 10)

    @property
    def checks_attributes(self) -> bool:
        """Whether attributes must be of a certain alphabet."""
        return self.version >= (0, 9)

    @property
    def confirmation(self) -> bool:
        """Whether there are installedBase and confirmationBase."""
        return self.version > (0, 3)

    @property
    def takes_installed(self) -> bool:
        """Whether a controller may tell what is installed (PUT installedBase)."""
        return self.version >= (0, 6)

    @property
    def names_assigner(self) -> bool:
        """Whether a history begins with who assigned, and whether the controller must consent."""
        return self.version > (0, 3)

    @property
    def passes_open_markup(self) -> bool:
        """Whether a message may hold a comment or a processing instruction that is not closed."""
        return self.version >= (0, 8)

    @property
    def text_details(self) -> bool:
        """Whether `details` may be a bare string."""
        return self.version >= (1, 1)

    @property
    def bare_auto_confirm(self) -> bool:
        """Whether activateAutoConfirm takes a request without a Content-Type."""
        return self.version >= (1, 1)

    @property
    def names_charset(self) -> bool:
        """Whether the media type of answers has a charset."""
        return (0, 3) < self.version < (1, 1)
