"""Profiles and names: lenient about people, strict about what repaints terminals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.identity.profiles import Profile, check_email, check_name, colour_of
from jupyter_mlo.identity.safe_text import terminal_safe


@pytest.mark.parametrize(
    "name", ["Ada Sample", "李小龍", "Óðinn", "نرگس\u200cها", "X Æ A-12", "👩\u200d🔬", "O'Brien"]
)
def test_names_of_people_are_taken_as_they_are(name: str) -> None:
    assert check_name(name) == name
    assert terminal_safe(name) == name


def test_a_name_is_trimmed_and_composed() -> None:
    assert check_name("  Zoe\u0308 \n Smith ") == "Zoë Smith"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "empty"),
        (" \t ", "empty"),
        ("a" * 201, "200"),
        ("evil\x1b[2J", "control"),
        ("gnp.\u202eexe", "control"),
        ("mlo:7K3D-9QXA-2MFB", "reads as an MLO ID"),
        ("7k3d 9qxa 2mfb", "reads as an MLO ID"),
    ],
)
def test_names_that_mislead_are_refused(name: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        check_name(name)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("email", ["", "ada@example.org", "ada+mlo@localhost", "ä@bücher.example"])
def test_addresses_are_taken_leniently(email: str) -> None:
    assert check_email(f" {email} ") == email


@pytest.mark.parametrize("email", ["ada", "a da@x", "@", "a@", "a@b\x07", "a@" + "b" * 300])
def test_what_is_surely_no_address_is_refused(email: str) -> None:
    with pytest.raises(InvalidInput, match="not an e-mail"):
        check_email(email)


@given(st.text())
def test_shown_text_holds_no_control(text: str) -> None:
    shown = terminal_safe(text)
    assert shown.replace("\u200c", "").replace("\u200d", "").isprintable() or all(
        c.isprintable() or c.isspace() or not c.isascii() for c in shown
    )
    assert not set(shown) & {*map(chr, range(32)), *map(chr, range(127, 160)), "\u2028", "\u2029"}
    assert not set(shown) & set("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2069")
    shown.encode("utf-8")


def test_controls_are_shown_as_escapes_and_long_text_is_cut() -> None:
    assert terminal_safe("a\x1b[31m\nb\u202e\x9b\ud800") == r"a\x1b[31m\nb\u202e\x9b\ud800"
    assert terminal_safe("x" * 300, limit=10) == "x" * 9 + "…"


def test_a_profile_is_read_as_written() -> None:
    profile = Profile(name="Ada", email="ada@example.org", links=["https://orcid.org/1"])
    assert Profile.from_json(profile.model_dump_json().encode()) == profile


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"version":1}', b'{"name":"x","extra":1}', b'{"name":"x","version":2}']
)
def test_a_damaged_profile_is_named(data: bytes) -> None:
    with pytest.raises(InvalidInput, match=r"profile\.json is not well-formed"):
        Profile.from_json(data)


def test_a_link_is_https() -> None:
    with pytest.raises(InvalidInput, match="links"):
        Profile.from_json(b'{"name":"x","links":["javascript:alert(1)"]}')


def test_a_colour_is_always_the_same() -> None:
    assert colour_of("mlo:7K3D-9QXA-2MFB") == colour_of("mlo:7K3D-9QXA-2MFB")
    assert colour_of("mlo:7K3D-9QXA-2MFB") != colour_of("mlo:1M0D-9QXA-2MF5")
    assert Profile(name="x", colour=colour_of("mlo:1M0D-9QXA-2MF5"))
