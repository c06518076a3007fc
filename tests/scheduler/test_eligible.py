"""Whose mandates may answer for a job: the rule's vectors."""

from __future__ import annotations

import pytest

from jupyter_mlo.errors import NotFound, Refused
from jupyter_mlo.integrations.scheduler.eligible import Asker, Kept, eligible

ADA, BOB = "mlo:ADA", "mlo:BOB"
A1, A2, A3 = Kept("a1" * 32, ADA, True), Kept("a2" * 32, ADA, True), Kept("a3" * 32, ADA, False)
B1, B2 = Kept("b1" * 32, BOB, True), Kept("b2" * 32, BOB, False)
EVERYBODY, NAMED = None, "sample"


@pytest.mark.parametrize(
    ("kept", "owner", "mlo", "wanted", "found"),
    [
        # Signed in: one's own, those that cover it, on either kind of server.
        ([A1, A2, A3, B1], EVERYBODY, ADA, None, [A1, A2]),
        ([A1, A2, A3, B1], NAMED, ADA, None, [A1, A2]),
        ([A1], EVERYBODY, BOB, None, []),
        ([A1], NAMED, BOB, None, []),
        ([A1, A3], NAMED, ADA, "a3" * 4, [A3]),
        # Signed out, where users are told apart: those of the one MLO whose they are.
        ([A1, A2, A3], NAMED, None, None, [A1, A2]),
        ([A1, B2], NAMED, None, None, [A1]),
        ([A3, B2], NAMED, None, None, []),
        ([A1, B1], NAMED, None, "b1" * 4, [B1]),
        # Signed out, where anybody may ask: nobody's.
        ([A1], EVERYBODY, None, None, []),
        ([], EVERYBODY, None, None, []),
    ],
)
def test_whose_mandates_are_taken(
    kept: list[Kept], owner: str | None, mlo: str | None, wanted: str | None, found: list[Kept]
) -> None:
    assert eligible(kept, Asker(owner, mlo), wanted) == found


@pytest.mark.parametrize(
    ("kept", "owner", "mlo", "wanted", "error", "said"),
    [
        ([A1], EVERYBODY, BOB, "a1" * 4, Refused, "is that of mlo:ADA, and mlo:BOB is signed in"),
        ([A1], NAMED, BOB, "a1" * 4, Refused, "is that of mlo:ADA, and mlo:BOB is signed in"),
        ([A1], EVERYBODY, None, "a1" * 4, Refused, "does not tell its users apart"),
        ([], EVERYBODY, None, "a1" * 4, Refused, "does not tell its users apart"),
        ([A1, B1], NAMED, None, None, Refused, "several MLOs .*: mlo:ADA, mlo:BOB"),
        ([A1], NAMED, None, "c" * 8, NotFound, "you have no mandate cccccccc"),
        ([A1, Kept("a1" * 31 + "ff", ADA, True)], NAMED, ADA, "a1" * 4, NotFound, "2 of your"),
    ],
)
def test_what_is_refused(
    kept: list[Kept],
    owner: str | None,
    mlo: str | None,
    wanted: str,
    error: type[Exception],
    said: str,
) -> None:
    with pytest.raises(error, match=said):
        eligible(kept, Asker(owner, mlo), wanted)


@pytest.mark.parametrize(
    ("owner", "mlo", "made_owner", "made_mlo", "is_maker"),
    [
        (EVERYBODY, ADA, EVERYBODY, ADA, True),
        (EVERYBODY, ADA, EVERYBODY, BOB, False),
        (EVERYBODY, ADA, EVERYBODY, None, False),
        (EVERYBODY, None, EVERYBODY, ADA, False),
        (EVERYBODY, None, EVERYBODY, None, True),
        (NAMED, ADA, NAMED, ADA, True),
        (NAMED, BOB, NAMED, ADA, False),
        (NAMED, None, NAMED, ADA, True),
        (NAMED, ADA, NAMED, None, True),
        (NAMED, ADA, "other", ADA, False),
        (NAMED, None, EVERYBODY, None, False),
    ],
)
def test_who_made_it(
    owner: str | None, mlo: str | None, made_owner: str | None, made_mlo: str | None, is_maker: bool
) -> None:
    assert Asker(owner, mlo).is_maker(made_owner, made_mlo) is is_maker
