"""Which uses count: the rule as a table."""

from __future__ import annotations

import pytest

from jupyter_mlo.delegation.uses import Use, use_refusal

#: Entries 5, 8 and 11 of one ledger; the seals of the second are its run's.
USES = [
    Use("d1", "r1", "n1", "", 5),
    Use("d2", "r2", "n2", "", 8, ends=("s1", "s2")),
    Use("d3", "r3", "n3", "", 11),
]


@pytest.mark.parametrize(
    ("notebook", "permitted", "seals", "revoked", "why"),
    [
        ("n1", 3, (), None, ""),
        ("n3", 3, (), None, ""),
        ("n3", 2, (), None, "use 3 of a mandate that permits 2"),
        ("n4", 3, (), None, "no use"),
        ("n4", "*", (), 0, ""),
        ("n2", 3, ("s1",), None, ""),
        ("n2", 3, ("s2",), None, "another run"),
        ("n2", 3, (), None, "no seal says which"),
        # revoked at an entry: what was reserved before, a leased use too, goes on to count
        ("n1", 3, (), 9, ""),
        ("n2", 3, ("s1",), 9, ""),
        ("n3", 3, (), 9, "after the mandate had been revoked"),
        ("n3", 3, (), 10, "after the mandate had been revoked"),
        ("n3", 3, (), 12, ""),
        ("n1", 3, (), 4, "after the mandate had been revoked"),
        ("n1", 3, (), 0, "after the mandate had been revoked"),
        # overuse is said first
        ("n3", 2, (), 9, "overuse"),
    ],
)
def test_the_first_uses_count_that_were_there_before_a_revocation(
    notebook: str, permitted: int | str, seals: tuple[str, ...], revoked: int | None, why: str
) -> None:
    found = use_refusal(USES, permitted, notebook, seals, revoked)  # type: ignore[arg-type]
    assert why in found
    assert bool(found) == bool(why)
