# SPDX-License-Identifier: LGPL-2.1-or-later
"""A configuration file, read by the rows of `config.keys`, with all its mistakes gathered.

Each sentence names file, section, key and remedy. None quotes a value: it may be a secret.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

from hawkbit_rauc.config import keyfile
from hawkbit_rauc.config.keys import KEYS, SECTIONS
from hawkbit_rauc.config.readers import MistakeError, Written

_PLAIN_KEY = re.compile(r"[A-Za-z_-]{1,40}")


class Settings:
    """What a configuration file says, and what is wrong with it.

    Attributes:
        source: the file, as in sentences.
        mistakes: what can't work.
        advice: what works and could be better.
    """

    def __init__(self, text: str, source: str) -> None:
        self.source = source
        self._file = keyfile.read(text)
        self._client = self._file.groups.get("client", {})
        self.mistakes = [f"{source}: line {line} {what}." for line, what in self._file.mistakes]
        self.advice: list[str] = []
        if "client" not in self._file.groups:
            self.mistakes.append(f"{source}: there is no section [client]; put [client] above its keys.")

    def mistake(self, key: str, what: str) -> None:
        """Note what is wrong with a key of [client], and the remedy."""
        self.mistakes.append(f"{self.source}: [client] {key} {what}.")

    def advise(self, key: str, what: str) -> None:
        """Note what could be better about a key of [client]."""
        self.advice.append(f"{self.source}: [client] {key} {what}.")

    def has(self, key: str) -> bool:
        """Say whether something is written for a key of [client], be it right or wrong."""
        entry = self._client.get(key)
        return entry is not None and keyfile.unescape(entry.raw)[0] != ""

    def value(self, key: str, default: str | None = None) -> Any:
        """Return the value of a key of [client].

        Args:
            key: its name.
            default: what counts if nothing is written, None for the row's own default.

        Returns:
            What the row's reader makes of what is written, else of the default. A mistake is noted, and the
            default returned, so that the next mistake is found too.
        """
        row = KEYS[key]
        if default is None:
            default = row.default
        entry = self._client.get(key)
        if entry is not None:
            try:
                return row.reader(Written(entry.raw, default, lambda what: self.advise(key, what)))
            except MistakeError as error:
                self.mistake(key, str(error))
        return row.reader(Written(default, default, lambda what: self.advise(key, what)))

    def attributes(self) -> dict[str, str]:
        """Return the controller's attributes as written ([device] is read without escapes)."""
        device = self._file.groups.get("device", {})
        return {_printable(key): _printable(entry.raw.rstrip(keyfile.WHITE)) for key, entry in device.items()}

    def unknown(self) -> tuple[str, ...]:
        """Return a sentence for each section and key that nobody knows."""
        found = [
            f"{self.source}: section {_quote(name, SECTIONS, '[{}]')} is unknown and ignored."
            for name in self._file.groups
            if name not in SECTIONS
        ]
        found += [
            f"{self.source}: [client] line {entry.line}: key {_quote(key, KEYS, '{}')} is unknown and ignored."
            for key, entry in self._client.items()
            if key not in KEYS
        ]
        return tuple(found)


def _printable(text: str) -> str:
    """Write what was not UTF-8 as question marks."""
    return text.encode("utf-8", "replace").decode()


def _quote(name: str, known: Iterable[str], form: str) -> str:
    """Name a key or section with the nearest known one; what may be a stray token is not quoted."""
    if not _PLAIN_KEY.fullmatch(name):
        return "(not quoted here)"
    quoted = form.format(name)
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    return f"{quoted} (did you mean {form.format(near[0])}?)" if near else quoted
