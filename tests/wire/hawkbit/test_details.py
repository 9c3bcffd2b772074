# SPDX-License-Identifier: LGPL-2.1-or-later
"""What we tell fits into hawkBit's history, whatever it was made of."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hawkbit_rauc.hawkbit.messages import LONGEST_PLAIN, LONGEST_TEXT, MOST_BYTES, MOST_TEXTS, fit, plain
from hawkbit_testing.bodies import MARKUP

words = st.text(st.characters(codec=None), max_size=1500)
tricky = st.sampled_from(
    ["<none>", "Update Server: ", "\x00", "\ud800", "\U0001f600" * 600, "x" * 600, " \t\n"]
)


def java_length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@pytest.mark.case(26)
@settings(deadline=None)
@given(st.lists(st.one_of(words, tricky, st.tuples(tricky, words).map("".join)), max_size=80))
def test_everything_fits(texts: list[str]) -> None:
    """Number, length, size, alphabet and beginnings are as the server wants them."""
    fitting = fit(texts)
    assert len(fitting) <= MOST_TEXTS
    assert sum(len(text.encode()) for text in fitting) <= MOST_BYTES
    for text in fitting:
        assert 0 < java_length(text) <= LONGEST_TEXT
        assert not re.search(r"[<>\x00-\x1f\x7f]", text)
        assert not MARKUP.search(text)
        assert not text.startswith("Update Server")
        assert text == text.strip()


@settings(deadline=None)
@given(
    st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=40), min_size=1, max_size=20)
)
def test_plain_words_stay_as_they_are(texts: list[str]) -> None:
    """What is fit already is not touched, and its order is kept."""
    assert fit(texts) == texts


@settings(deadline=None)
@given(st.text(st.sampled_from("abc <>&;\n"), max_size=3000))
def test_long_texts_lose_nothing_but_spaces(text: str) -> None:
    """A text that is too long for one message goes on in the next ones."""
    shown = text.replace("<", "(").replace(">", ")")
    assert re.sub(r"\s", "", "".join(fit([text]))) == re.sub(r"\s", "", shown)


@settings(deadline=None)
@given(st.lists(words, max_size=3))
def test_the_plain_form_is_one_short_text(texts: list[str]) -> None:
    """After a refusal at most one text of harmless signs is left."""
    said = plain(texts)
    assert len(said) <= 1
    assert all(len(text) <= LONGEST_PLAIN and re.fullmatch(r"[A-Za-z0-9 .,:()/_+-]+", text) for text in said)


def test_a_text_is_cut_between_words() -> None:
    """The root cause at the end of a long text arrives, with its words whole."""
    text = "failed to install: " + "because of something; " * 40 + "root cause: no space"
    pieces = fit([text])
    assert len(pieces) == 2
    assert pieces[1].endswith("root cause: no space")
    assert " ".join(pieces) == text


def test_a_piece_of_a_text_is_not_taken_for_the_servers() -> None:
    """A piece that would begin as the server's own messages do gets another one."""
    pieces = fit(["x" * 508 + " Update Server: said something"])
    assert pieces == ["x" * 508, "- Update Server: said something"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("refused my-very-own-secret as token", "refused *** as token"),
        ("Authorization: TargetToken abc.def", "Authorization: TargetToken ***"),
        ("Authorization: GatewayToken abc", "Authorization: GatewayToken ***"),
        ("sent bearer eyJhbGci.x.y", "sent bearer ***"),
        ("auth_token=abc123 is wrong", "auth_token=*** is wrong"),
        ("password: hunter2", "password: ***"),
        ("GET https://cdn/x.raucb?X-Sig=abc&y=1 gave 403", "GET https://cdn/x.raucb gave 403"),
        ("http://user:pass@host/x failed", "http://host/x failed"),
        ("sha256 is " + "ab" * 32, "sha256 is " + "ab" * 32),
        ("<urlopen error>", "(urlopen error)"),
        ("Update Server: hello", "- Update Server: hello"),
        ("a\x00b\r\nc", "a b c"),
    ],
)
def test_secrets_and_markup_are_taken_out(text: str, shown: str) -> None:
    """Tokens, passwords, queries and markup never get into a history; hashes do."""
    assert fit([text], secrets=("my-very-own-secret", "")) == [shown]


def test_nothing_to_say_is_nothing() -> None:
    """Empty texts are left out."""
    assert fit(["", "  ", "\n"]) == []
    assert plain([]) == []
    assert plain(["\u2713"]) == []
