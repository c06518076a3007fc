"""The walk from a signature to the MLO who answers for it.

Pure: statements, what is trusted, what is revoked and the clock are arguments. The rules
are those of ``docs/formats.md``, "Delegation and scope", "The walk".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, cast

from jupyter_mlo.delegation.actor import Actor
from jupyter_mlo.delegation.assurance import Assurance, Standing, Standings
from jupyter_mlo.delegation.binding import check_binding, check_kind
from jupyter_mlo.delegation.in_time import Outcome, Timeliness, after_expiry, worst
from jupyter_mlo.delegation.links import MAX_DEPTH, KeyCache, Link, delegate, require, signing_key
from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.delegation.revocation import Links, Revocations, refusal
from jupyter_mlo.delegation.roles import Role, assistant_refusal, may_sign
from jupyter_mlo.delegation.scope import FUTURE_TOLERANCE, Scope
from jupyter_mlo.errors import MloError, Refused
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.predicates.identity import Revocation
from jupyter_mlo.statements.predicates.notebook import Record
from jupyter_mlo.statements.statement import Statement
from jupyter_mlo.statements.times import from_text, to_text

if TYPE_CHECKING:
    from jupyter_mlo.delegation.trust import Trust

__all__ = [
    "MAX_DEPTH",
    "Assurance",
    "Attribution",
    "KeyCache",
    "Pool",
    "attribute",
    "attribute_many",
]

#: What chains consist of.
_LINKS: Final = frozenset({types.ENROLMENT, types.DELEGATION})


@dataclass(frozen=True)
class Attribution:
    """Who answers for a statement, by which chain, and how sure that is here."""

    mlo: str
    #: The MLO's own key (a registrar's own, where the statement is a registrar's).
    key_id: str
    #: The key that signed.
    leaf_key_id: str
    #: Delegations from the own key's down to the signing key's.
    delegation_ids: tuple[str, ...]
    assurance: Assurance
    #: Opaque person handle, given by a registrar that is trusted here.
    handle: str | None
    #: What the signing key is.
    kind: Role
    #: What the signing key may do; None for an own key.
    scope: Scope | None
    #: ``person``, ``team``, ``service`` or ``assistant``; empty for a registrar's statement.
    mlo_kind: str = ""
    #: What verdicts say beside: that it came late, or why it is only claimed, or was affirmed.
    remark: str = ""
    #: It was logged after its key ended, within the grace.
    late: bool = False
    #: Its key ended before it was proven to be there, and nobody affirmed it: only claimed.
    lapsed: bool = False
    #: The team for which ``mlo`` acts, by a membership that stands here.
    on_behalf_of: str | None = None
    #: The assistant that acted, under a grant of ``mlo``.
    assistant: str | None = None
    #: The MLO as whose successor ``mlo`` presents itself.
    succeeds: str | None = None

    @property
    def actor(self) -> Actor:
        """Whom it names."""
        return Actor(self.mlo, self.assistant, self.on_behalf_of)


def attribute(
    statement: Statement,
    *,
    pool: Pool,
    trust: Trust,
    revocations: Revocations | None = None,
    now: datetime,
    key_cache: KeyCache | None = None,
) -> Attribution:
    """Who answers for ``statement``.

    Args:
        pool: enrolments, delegations and revocations at hand; none is trusted for being there.
        trust: pins and registrars of the verifier's own configuration.
        revocations: as this verifier sees them; by default those in ``pool``, with nothing logged.
        now: the verifier's clock; nothing may say that it was made well after it.
        key_cache: hand in the same one for many statements.

    Raises:
        StatementError: a signature in the chain does not hold, or a link is not well-formed.
        Refused: the chain is incomplete, or does not permit this statement; the message
            names what refuses.
    """
    (result,) = attribute_many(
        [statement],
        pool=pool,
        trust=trust,
        revocations=revocations,
        now=now,
        key_cache=key_cache,
    )
    if isinstance(result, MloError):
        raise result
    return result


def attribute_many(
    statements: Sequence[Statement],
    *,
    pool: Pool,
    trust: Trust,
    revocations: Revocations | None = None,
    now: datetime,
    key_cache: KeyCache | None = None,
    held: Sequence[str] = (),
) -> list[Attribution | MloError]:
    """:func:`attribute` for each, in order; what it would raise stands in the list instead.

    Args:
        held: for each statement the ID of the key under which its signature was found to hold
            already; empty where it was not looked at, or does not.

    One after the other: the cryptography library keeps the interpreter's lock while it checks
    a signature, so threads would only take turns.
    """
    cache = key_cache or KeyCache()
    standings = cache.standings(pool, trust, revocations)
    results: list[Attribution | MloError] = []
    for statement, under in zip(statements, held or [""] * len(statements), strict=True):
        try:
            link = signing_key(statement, pool, cache)
            if under != link.key.key_id:
                _check_signature(statement, link, pool)
            results.append(_judge(statement, link, standings, now))
        except MloError as error:
            results.append(error.with_traceback(None))
    return results


def _check_signature(statement: Statement, link: Link, pool: Pool) -> None:
    # A link of the chain has mostly been checked already, on the way to what rests on it.
    if statement.predicate_type in _LINKS and pool.holds(statement, link.key):
        return
    statement.envelope.check_signature(link.key)


def _judge(statement: Statement, link: Link, standings: Standings, now: datetime) -> Attribution:
    """Everything about a statement whose signature holds that depends on who signed it."""
    where = f"statement {statement.statement_id[:12]}"
    if statement.mlo != link.mlo:
        raise Refused(
            f"{where} speaks for {statement.mlo}, and its key acts for {link.mlo}",
            hint="one MLO stands in a whole chain; this one was put together from two",
        )
    kind = statement.predicate_type
    if not may_sign(link.role, kind):
        raise Refused(
            f"{where} is signed by a key of role {link.role.value!r}, which may not sign "
            f"{types.short_name(statement.predicate_type)} statements",
            hint="docs/formats.md, 'Predicates', says which key may sign what",
        )
    signed = made = from_text(statement.time)
    if kind == types.RECORD:
        made = from_text(cast(Record, statement.predicate).started)
    if max(made, signed) > now + FUTURE_TOLERANCE:
        raise Refused(
            f"{where} says it was made at {statement.time}, and it is {to_text(now)}",
            hint="one of the two clocks is wrong",
        )
    if kind == types.DELEGATION:
        delegate(statement, link)
    elif kind in types.BINDING:
        check_binding(statement, link)
    elif link.scope is not None:
        require(
            link.scope.permits(
                predicate=kind,
                activity=statement.activity,
                model=statement.model,
                at=made,
            ),
            where,
        )
        _check_assistant(statement, link, where)
        _check_run(statement, link, where)
    links = Links(link.mlo, link.own_key_id, link.key_ids, link.delegation_ids)
    # What ended with whom: each of them can answer anew for their own part only.
    ended = [(link.mlo, _timeliness(statement, link, links, standings, now))]
    membership = Assurance.WITNESSED
    if link.on_behalf_of is not None:
        team = link.on_behalf_of
        membership, left = standings.membership(statement, link.mlo, team, made, now)
        ended.append((team, left))
    timely = worst(*(part for _, part in ended))
    if timely.outcome is Outcome.REFUSED:
        raise refusal(timely)
    if link.role is Role.REGISTRAR:
        found = _registrars_standing(statement, link, standings)
    else:
        found = standings.of(link.mlo, link.own_key_id)
        check_kind(link, found.mlo_kind)
    assurance, remark, lapsed = min(found.assurance, membership), timely.why, False
    for mlo, part in ended:
        if part.outcome is not Outcome.CLAIMED:
            continue
        affirmed = standings.affirmation(statement, mlo, now)
        if affirmed is None:
            assurance, remark, lapsed = Assurance.CLAIMED, part.why, True
            break
        at, level = affirmed
        assurance, remark = min(assurance, level), f"{part.why}; affirmed anew at {at}"
    return Attribution(
        mlo=link.mlo,
        key_id=link.own_key_id,
        leaf_key_id=link.key_ids[-1],
        delegation_ids=link.delegation_ids,
        assurance=assurance,
        handle=found.handle,
        kind=link.role,
        scope=link.scope,
        mlo_kind=found.mlo_kind,
        remark=f"late: {remark}" if timely.outcome is Outcome.LATE else remark,
        late=timely.outcome is Outcome.LATE,
        lapsed=lapsed,
        on_behalf_of=link.on_behalf_of,
        assistant=link.assistant,
        succeeds=found.succeeds,
    )


def _timeliness(
    statement: Statement, link: Link, links: Links, standings: Standings, now: datetime
) -> Timeliness:
    revocations = standings.revocations
    found = revocations.timeliness(statement, from_text(statement.time), links, now)
    if link.scope is None or not revocations.timed:
        return found
    logged = revocations.logged.get(statement.statement_id)
    expired = after_expiry(logged=logged, ended=link.scope.not_after, grace=standings.trust.grace)
    return worst(found, expired)


def _check_assistant(statement: Statement, link: Link, where: str) -> None:
    if link.assistant is None:
        return
    meaning = getattr(statement.predicate, "meaning", None)
    if refused := assistant_refusal(statement.activity, meaning):
        raise Refused(
            f"{where} is out of what a grant can cover: {refused} (activities)",
            hint="whoever granted it does that himself",
        )


def _check_run(statement: Statement, link: Link, where: str) -> None:
    if link.run is None:
        return
    notebook = getattr(statement.predicate, "notebook", None)
    if statement.run != link.run.id or notebook not in (None, link.run.notebook):
        raise Refused(
            f"{where} is for the run {statement.run or 'of no name'}, and its key is for the run "
            f"{link.run.id} only",
            hint="each run has a key of its own",
        )


def _registrars_standing(statement: Statement, link: Link, standings: Standings) -> Standing:
    registrar = link.own_key_id
    if registrar not in standings.trust.registrars:
        raise Refused(
            f"statement {statement.statement_id[:12]} is signed by {registrar}, which is neither "
            f"a key of {link.mlo} nor a registrar that is trusted here",
            hint="if it should be trusted: jupyter mlo trust add --help",
        )
    if not isinstance(statement.predicate, Revocation) and not standings.registrar_holds(statement):
        what = types.short_name(statement.predicate_type)
        raise Refused(
            f"the {what} {statement.statement_id[:12]} was taken back, or its registrar's key was",
            hint="ask the registrar",
        )
    return Standing(Assurance.ENROLLED, "")
