"""Keys of one MLO that vouch for each other: a successor, or a second device.

An enrolment that an MLO's own key signs for another key says: that key is ours too. So
whoever knows the first knows the second, and nobody who holds neither can say so. It goes
one way: to be known backwards as well, the new key enrols the old one in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

from jupyter_mlo.delegation.pool import Pool, Vouchings, binds, bound_key
from jupyter_mlo.statements.predicates.identity import Enrolment
from jupyter_mlo.statements.statement import Statement

#: Keys whose own words of their kind are heard, at most.
MAX_KEYS = 64


#: An own key, another that it says is the same MLO's, and the enrolment that says so.
Vouched = tuple[str, str, Statement]


def vouched(pool: Pool, mlo: str) -> Iterator[Vouched]:
    """Pairs of an own key and another that it says is ``mlo``'s too; signatures hold.

    Gone through once for each MLO: every revocation asks, and a file may hold thousands of both.
    """
    for said in _vouched_by(pool, mlo).values():
        yield from said


def _vouched(pool: Pool, mlo: str) -> Iterator[Vouched]:
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
    found: set[str] = set()
    open_ = [key_id]
    while open_:
        for one, _, said in _vouched_for(pool, mlo).get(open_.pop(), ()):
            # Strangers may vouch for it too, thousands of them: they hide nobody.
            if one not in found and one != key_id and counts(said):
                found.add(one)
                open_.append(one)
    return frozenset(found)


def accepted(pool: Pool, mlo: str, key_id: str, other: str) -> bool:
    """Whether ``key_id`` says, directly or through others, that ``other`` is ``mlo``'s too.

    Whatever was revoked since. The other way round says nothing: any stranger's key can vouch
    for one that is well known.
    """
    seen: set[str] = set()
    open_ = [key_id]
    while open_:
        one = open_.pop()
        if one == other:
            return True
        if one not in seen:
            seen.add(one)
            open_ += (said[1] for said in _vouched_by(pool, mlo).get(one, ()))
    return False


def _vouched_by(pool: Pool, mlo: str) -> Vouchings:
    return _links(pool, mlo)[0]


def _vouched_for(pool: Pool, mlo: str) -> Vouchings:
    return _links(pool, mlo)[1]


def _links(pool: Pool, mlo: str) -> tuple[Vouchings, Vouchings]:
    known = pool.vouched.get(mlo)
    if known is None:
        known = pool.vouched[mlo] = ({}, {})
        for said in _vouched(pool, mlo):
            known[0].setdefault(said[0], []).append(said)
            known[1].setdefault(said[1], []).append(said)
    return known
