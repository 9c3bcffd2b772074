# SPDX-License-Identifier: LGPL-2.1-or-later
"""Key files are read as GLib itself reads them: each test asks the real library (RAUC needs it too)."""

from __future__ import annotations

import ctypes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hawkbit_rauc.config import keyfile

_glib = ctypes.CDLL("libglib-2.0.so.0")
_glib.g_key_file_new.restype = ctypes.c_void_p
_glib.g_key_file_free.argtypes = [ctypes.c_void_p]
_glib.g_error_free.argtypes = [ctypes.c_void_p]
_glib.g_key_file_load_from_data.argtypes = [
    ctypes.c_void_p,
    ctypes.c_char_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_void_p,
]
for _name, _type in (("value", ctypes.c_char_p), ("string", ctypes.c_char_p), ("integer", ctypes.c_int)):
    _function = getattr(_glib, f"g_key_file_get_{_name}")
    _function.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p]
    _function.restype = _type


def glib(content: str, kind: str, key: str = "k") -> bytes | int | str | None:
    """What GLib makes of a key of [client]: its value, None for a refusal, "refused" for the whole file."""
    data, file = content.encode(), _glib.g_key_file_new()
    error = ctypes.c_void_p()
    try:
        if not _glib.g_key_file_load_from_data(file, data, len(data), 0, ctypes.byref(error)):
            return "refused"
        value = getattr(_glib, f"g_key_file_get_{kind}")(file, b"client", key.encode(), ctypes.byref(error))
        return None if error else value
    finally:
        if error:
            _glib.g_error_free(error)
        _glib.g_key_file_free(file)


def ours(content: str) -> str | None:
    """The raw value of k in [client] as we read it, "refused" for a file with mistakes."""
    found = keyfile.read(content)
    entry = found.groups.get("client", {}).get("k")
    return "refused" if found.mistakes else entry.raw if entry else None


SECTIONS = (
    "[client]",
    " [client] \t",
    "[client] # x",
    "[client]]",
    "[other]",
    "[]",
    "[a[b]",
    "[client",
    "[\x01]",
)
COMMENTS = ("# k=1", ";k=1", "; note", "", "  ", "\v")
NAMES = ("k", "=1", "k=", "k[de]=3", "k[=3", "k]=3", "[k=3", "k k=4", "K=5", "k\xa0=1")
VALUES = (" k = a = b ", "k\t=\t2\r", "k=1\rk=2", "k=\\s\\t x\\\\ \\n", "k=%s;a:b", "k='q'", "k=a\0b")
LINES = (*SECTIONS, *COMMENTS, *NAMES, *VALUES)


def agree(content: str) -> None:
    found, theirs = ours(content), glib(content, "value")
    if theirs != "refused" and found not in ("refused", None):
        found = found.encode()
    assert found == theirs


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_read_as_glib_reads_it(line):
    """Each kind of line means the same: a section, a key, a comment, a mistake."""
    agree(f"[client]\nk=0\n{line}\nk2=1\n")
    agree(f"{line}\nk=0\n")


@given(
    st.lists(
        st.one_of(
            st.sampled_from(LINES),
            st.text("k=[]# \t\r\v\fc\\sn;é").map("k={}".format),
            st.text("k=[]# \t\r\v\fé"),
        ),
        max_size=8,
    ).map(lambda lines: "\n".join([*lines, ""]))
)
@example("[client]\nk=1\n[other]\nk=2\n[client]\nk=3\n")
def test_files_are_taken_apart_as_glib_takes_them(content):
    """The same files are refused, and the same value of a key is found."""
    agree(content)


@given(st.text("\\sntr x=é\t"))
def test_escapes_are_resolved_as_glib_resolves_them(value):
    """A value with known escapes gives GLib's text (the C program cuts white space at its end)."""
    content = f"[client]\nk={value}\n"
    text, known = keyfile.unescape(ours(content))
    theirs = glib(content, "string")
    assert known == (theirs is not None)
    if known:
        assert text == theirs.decode().rstrip(" \t\n\r\f")


@pytest.mark.parametrize(("raw", "text"), [(r"a\qb", r"a\qb"), ("a\\", "a"), (r"\\n", r"\n")])
def test_an_unknown_escape_is_kept_and_told(raw, text):
    """A backslash that was meant as one does not stop a board."""
    assert keyfile.unescape(raw) == (text, raw == r"\\n")


@given(st.text("0123456789+- x#\t\f", max_size=9))
def test_numbers_are_read_as_glib_reads_them(value):
    """The same texts are numbers, of the same value."""
    raw = ours(f"[client]\nk={value}\n")
    assert keyfile.integer(raw) == glib(f"[client]\nk={value}\n", "integer")


def test_a_byte_order_mark_does_no_harm():
    """GLib refuses it; an editor's whim is no reason to stop a board."""
    assert ours("\ufeff[client]\nk=1") == "1"
    assert glib("\ufeff[client]\nk=1", "value") == "refused"


def test_a_mistake_names_its_line():
    """Lines are counted from 1, comments and empty lines included."""
    assert [line for line, _ in keyfile.read("k=1\n\n#\n[client]\nnonsense\n").mistakes] == [1, 5]
