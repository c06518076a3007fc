"""Keys of one MLO that vouch for each other: a successor, or a second device.

An enrolment that an MLO's own key signs for another key says: that key is ours too. So
whoever knows the first knows the second, and nobody who holds neither can say so. It goes
one way: to be known backwards as well, the new key enrols the old one in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

from jupyter_mlo.delegation.pool import Pool, binds, bound_key
from jupyter_mlo.statements.predicates.identity import Enrolment
from jupyter_mlo.statements.statement import Statement

#: Keys that one MLO may have had, more of which nobody walks along.
MAX_KEYS = 64


def vouched(pool: Pool, mlo: str) -> Iterator[tuple[str, str, Statement]]:
    """Pairs of an own key and another that it says is ``mlo``'s too; signatures hold."""
    for statement in pool.enrolments.get(mlo, ()):
        key_id = bound_key(statement).key_id
        if (
            key_id != statement.key_id
            and cast(Enrolment, statement.predicate).handle is None
            and binds(statement, key_id)
            and any(own.mlo == mlo for own in pool.own_enrolments(statement.key_id))
        ):
            signer = pool.key(statement.key_id)
            if signer is not None and pool.holds(statement, signer):
                yield statement.key_id, key_id, statement


def backers(
    pool: Pool, mlo: str, key_id: str, counts: Callable[[Statement], bool]
) -> frozenset[str]:
    """The keys that vouch for ``key_id``, directly or through others.

    Args:
        counts: whether an enrolment still stands, as its signer's key may have been revoked.
    """
    edges = [(one, other) for one, other, said in vouched(pool, mlo) if counts(said)]
    found: set[str] = set()
    open_ = [key_id]
    while open_ and len(found) < MAX_KEYS:
        wanted = open_.pop()
        more = {one for one, other in edges if other == wanted} - found - {key_id}
        found |= more
        open_ += more
    return frozenset(found)


def related(pool: Pool, mlo: str, one: str, other: str) -> bool:
    """Whether one of two keys vouches for the other, whatever was revoked since."""
    if one == other:
        return True
    always: Callable[[Statement], bool] = lambda said: True  # noqa: E731
    return one in backers(pool, mlo, other, always) or other in backers(pool, mlo, one, always)
