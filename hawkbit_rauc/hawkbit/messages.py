# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes sentences fit for an action's history at hawkBit. Pure.

hawkBit cuts messages into pieces of 512 characters and takes 50 pieces a feedback; with more, or with markup in one of
them, it refuses the feedback, even the one that closes an action. A history is read by many: what looks like a secret
never gets there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

#: Of hawkBit's 50, the code and a message of the server's own take one each.
MOST_TEXTS = 48
#: Characters as Java counts them: those beyond the basic plane are two.
LONGEST_TEXT = 512
#: Bytes of all texts together.
MOST_BYTES = 24_000
LONGEST_PLAIN = 200
#: How hawkBit's own messages begin: it leaves all that begin so out of the history that controllers read, ours as well.
SERVERS_OWN = "Update Server"

#: Characters of a text that are looked at: what a server or a program said may have any length.
_LONGEST_READ = 64_000
_BASIC_PLANE = 0xFFFF
_SECRETS = (
    # a link's user and query: tokens of signed URLs
    (re.compile(r"(?<=://)[^/\s@]+@"), ""),
    (re.compile(r"(\w://[^\s?#]*)[?#]\S*"), r"\1"),
    (re.compile(r"\b((?:Target|Gateway)Token|Bearer|Basic)(\s+)[^\s,;]+", re.IGNORECASE), r"\1\2***"),
    (
        re.compile(r"\b(\w*(?:token|password|passwd|secret|signature|api_?key))(\s*[=:]\s*)[^\s,;&]+", re.IGNORECASE),
        r"\1\2***",
    ),
    (re.compile(r"-----BEGIN [^-]*PRIVATE KEY-----.*", re.DOTALL), "***"),
)  # fmt: skip


def fit(texts: Iterable[str], secrets: Iterable[str] = ()) -> list[str]:
    """Make texts fit for the history.

    Args:
        texts: sentences, the most important first; what does not fit any more is left out.
        secrets: values that are blotted out wherever they stand.

    Returns:
        At most 48 texts of at most 512 characters, 24 kB together, without markup, control characters and secrets.
    """
    known = [secret for secret in secrets if secret]
    fitting: list[str] = []
    room = MOST_BYTES
    for text in texts:
        for piece in _pieces(_clean(text, known)):
            room -= len(piece.encode())
            if room < 0 or len(fitting) == MOST_TEXTS:
                return fitting
            fitting.append(piece)
    return fitting


def plain(texts: Iterable[str], secrets: Iterable[str] = ()) -> list[str]:
    """Say the most important in one short text of letters, digits and the plainest signs.

    For servers that refused what `fit` made.

    Args:
        texts: sentences, the most important first.
        secrets: values that are blotted out wherever they stand.

    Returns:
        One text of at most 200 ASCII characters, or none if there is nothing to say.
    """
    fitting = fit(texts, secrets)
    if not fitting:
        return []
    words = re.sub(r"[^A-Za-z0-9 .,:()/_+-]", " ", fitting[0])[:LONGEST_PLAIN].split()
    return [" ".join(words)] if words else []


def _clean(text: str, secrets: list[str]) -> str:
    text = text[:_LONGEST_READ].encode(errors="replace").decode()
    for secret in secrets:
        text = text.replace(secret, "***")
    for pattern, shown in _SECRETS:
        text = pattern.sub(shown, text)
    # hawkBit refuses what could be a tag of HTML, such as `<urlopen error>` in the words of a library.
    text = text.replace("<", "(").replace(">", ")")
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    text = " ".join(text.split())
    return f"- {text}" if text.startswith(SERVERS_OWN) else text


def _pieces(text: str) -> Iterator[str]:
    """Cut a text that is too long between words; nothing is left out, since the root cause often stands at the end."""
    while text:
        end = _units_end(text)
        if end < len(text):
            space = text.rfind(" ", end // 2, end + 1)
            if space > 0:
                end = space
        piece, text = text[:end].rstrip(), text[end:].lstrip()
        if text.startswith(SERVERS_OWN):
            text = f"- {text}"
        yield piece


def _units_end(text: str) -> int:
    """Return how many letters of a text have room in LONGEST_TEXT of Java's characters."""
    units = 0
    for index, letter in enumerate(text[: LONGEST_TEXT + 1]):
        units += 2 if ord(letter) > _BASIC_PLANE else 1
        if units > LONGEST_TEXT:
            return index
    return len(text)
