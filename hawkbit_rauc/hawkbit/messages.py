# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes sentences fit for an action's history at hawkBit. Pure.

hawkBit takes 50 messages of 512 characters a feedback (longer ones are cut into pieces, each of which
counts), refuses markup with 400, even for the feedback that closes an action, and hides messages that
begin as its own do. A history is read by many: what looks like a secret never gets there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

MOST_TEXTS = 48
#: Characters as Java counts them: those beyond the basic plane are two.
LONGEST_TEXT = 512
#: Bytes of all texts together.
MOST_BYTES = 24_000
LONGEST_PLAIN = 200
#: How hawkBit's own messages begin, which it leaves out of the history that controllers read.
SERVERS_OWN = "Update Server"

_LARGEST_READ = 64_000
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
        At most 48 texts of at most 512 characters, 24 kB together, without markup, control
        characters and secrets (DDI §4.3).
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
        One text of at most 200 ASCII characters, or none where there is nothing to say.
    """
    first = next(iter(fit(texts, secrets)), "")
    said = " ".join(re.sub(r"[^A-Za-z0-9 .,:()/_+-]", " ", first)[:LONGEST_PLAIN].split())
    return [said] if said else []


def _clean(text: str, secrets: list[str]) -> str:
    text = text[:_LARGEST_READ].encode(errors="replace").decode()
    for secret in secrets:
        text = text.replace(secret, "***")
    for pattern, shown in _SECRETS:
        text = pattern.sub(shown, text)
    text = "".join(letter if letter.isprintable() else " " for letter in text.translate({60: "(", 62: ")"}))
    text = " ".join(text.split())
    return f"- {text}" if text.startswith(SERVERS_OWN) else text


def _pieces(text: str) -> Iterator[str]:
    """Cut a text between words where it is too long: the root cause often stands at the end."""
    while text:
        end = _units_end(text)
        if end < len(text):
            space = text.rfind(" ", end // 2, end + 1)
            end = space if space > 0 else end
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
