"""The form of the statements that bind keys, teams and roles, beyond what a schema can say."""

from __future__ import annotations

from typing import Final

from jupyter_mlo.delegation.links import Link
from jupyter_mlo.delegation.pool import names_key, names_mlo, names_statement, read_key
from jupyter_mlo.delegation.roles import Role
from jupyter_mlo.errors import Refused
from jupyter_mlo.statements.predicates import identity
from jupyter_mlo.statements.statement import Statement

_ACTING: Final = frozenset({Role.SESSION, Role.MANDATE, Role.ASSISTANT, Role.RUN})


def check_binding(statement: Statement, link: Link) -> None:
    """Raise :class:`Refused`, saying why, unless it is about what its subject names.

    Args:
        link: the key that signed it.
    """
    wrong = _flaw(statement, by_registrar=link.role is Role.REGISTRAR)
    if wrong:
        raise Refused(
            f"statement {statement.statement_id[:12]} {wrong}",
            hint="see docs/formats.md, 'Predicates'",
        )


def _flaw(statement: Statement, *, by_registrar: bool) -> str:
    predicate = statement.predicate
    if isinstance(predicate, identity.Enrolment):
        key_id = read_key(predicate.public_key).key_id
        if not names_key(statement, key_id):
            return "has another subject than the key that it binds"
        if by_registrar and key_id == statement.key_id:
            return "binds another key than its signer's"
        if predicate.handle is not None and not by_registrar:
            return "gives itself a person handle, which only registrars do"
    elif isinstance(predicate, identity.Revocation):
        named = (
            names_key(statement, predicate.revokes_key or "")
            if predicate.revokes is None
            else names_statement(statement, predicate.revokes)
        )
        return "" if named else "has another subject than what it revokes"
    elif isinstance(predicate, identity.Affirmation):
        if any(
            set(one.digest) != {"mloStatementV1"} or one.name != one.digest["mloStatementV1"]
            for one in statement.subject
        ):
            return "affirms something else than statements"
    elif isinstance(predicate, identity.Membership):
        return (
            "" if names_mlo(statement, predicate.member) else "has another subject than its member"
        )
    elif isinstance(predicate, identity.Role):
        return "" if names_mlo(statement, statement.mlo) else "has another subject than its holder"
    return ""


def check_kind(link: Link, mlo_kind: str) -> None:
    """Raise :class:`Refused` unless MLOs of this kind may act by keys of this role.

    Teams and assistants answer for nothing themselves: a person does, who names them.
    """
    if link.role in _ACTING and mlo_kind in ("team", "assistant"):
        how = {
            "team": "a member logs in for it: jupyter mlo login --team TEAM",
            "assistant": "a person grants it: jupyter mlo grant --help",
        }[mlo_kind]
        raise Refused(
            f"{link.mlo} is of kind {mlo_kind!r} and acts here under its own key alone; "
            "a person answers for what it does",
            hint=how,
        )
    if link.assistant is not None and mlo_kind != "person":
        raise Refused(
            f"the assistant {link.assistant} acts for {link.mlo}, which is of kind {mlo_kind!r}",
            hint="only persons grant",
        )
