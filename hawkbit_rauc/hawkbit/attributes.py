# SPDX-License-Identifier: LGPL-2.1-or-later
"""A controller's attributes, made fit for hawkBit's configData.

hawkBit (0.9 and later) refuses all attributes for one character that it does not like, such as the `~` of a Debian
version, and any hawkBit for one that is too long. A changed attribute and a warning serve everybody better.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Mapping

#: Characters of a key or a value that hawkBit takes.
LONGEST = 128
#: Attributes of a controller that hawkBit takes.
MOST = 100

_ASCII = frozenset(string.ascii_letters + string.digits + string.whitespace + string.punctuation)
_ALLOWED = _ASCII - {"~", "`"}
_INSTEAD = {"~": "-", "`": "'"}


def fit(attributes: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Make attributes fit for hawkBit (DDI, `PUT configData`).

    Letters lose their accents, other characters that hawkBit refuses become `-`, `'` or `?`; keys and
    values are cut to 128 characters; the first 100 attributes are kept.

    Args:
        attributes: in order of importance.

    Returns:
        The attributes to send, and one sentence for each thing that was changed or dropped.
    """
    fitted: dict[str, str] = {}
    warnings: list[str] = []
    for key, value in attributes.items():
        name = _fit(key)
        if name in fitted:
            warnings.append(
                f"attribute {name!r} is left out: another one has the same key once it fits hawkBit"
            )
            continue
        if len(fitted) == MOST:
            warnings.append(f"attribute {name!r} is left out: hawkBit takes {MOST} attributes at most")
            continue
        fitted[name] = _fit(value)
        if name != key:
            warnings.append(f"attribute {name!r} has a changed key: hawkBit refuses the configured one")
        if len(value) > LONGEST:
            warnings.append(
                f"attribute {name!r} has a shorter value: hawkBit takes {LONGEST} characters at most"
            )
        elif fitted[name] != value:
            warnings.append(f"attribute {name!r} has a changed value: hawkBit refuses some of its characters")
    return fitted, warnings


def _fit(text: str) -> str:
    """Replace what hawkBit refuses, and cut the rest; fitting twice changes nothing more."""
    fitting = []
    for letter in unicodedata.normalize("NFKD", text):  # an accent becomes a character of its own
        if letter in _ALLOWED:
            fitting.append(letter)
        elif not unicodedata.combining(letter):
            fitting.append(_INSTEAD.get(letter, "?"))
    return "".join(fitting)[:LONGEST]
