"""The rule that gives a cell its verdict, as a table of cases."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mlo.notebook.verdicts import CellFacts, SealFacts, StampFacts, Verdict, rule

T = "2026-11-22T12:00:00.000Z"
SEALED = SealFacts(time=T, listed=True)
INSERTED = SealFacts(time=T)


def sealed(*changed: str, stamp: str = "") -> SealFacts:
    return SealFacts(time=T, listed=True, changed=changed, stamp=stamp)


def stamp(**facts: Any) -> StampFacts:
    return StampFacts(**{"time": T, "in_newest": True, **facts})


def loose(**facts: Any) -> StampFacts:
    """A stamp that no seal covers."""
    return stamp(**{"in_newest": False, **facts})


def code(**facts: Any) -> CellFacts:
    return CellFacts(**{"kind": "code", "executed": True, **facts})


def idle(**facts: Any) -> CellFacts:
    return code(**{"executed": False, **facts})


def prose(**facts: Any) -> CellFacts:
    return CellFacts(**{"kind": "markdown", **facts})


CASES: dict[str, tuple[CellFacts, Verdict, tuple[str, ...], str]] = {
    # Stamped, and the stamp holds.
    "stamped and sealed": (code(stamp=stamp(), seal=SEALED), Verdict.VERIFIED, (), ""),
    "stamped and not sealed": (code(stamp=loose()), Verdict.UNSEALED, (), "no seal"),
    "stamped since": (
        code(stamp=loose(), seal=sealed(stamp="added")), Verdict.UNSEALED, (), "stamped since",
    ),
    "inserted with its stamp": (
        code(stamp=loose(), seal=INSERTED), Verdict.UNSEALED, (), "inserted",
    ),
    "only an older seal counts, and it covers": (
        code(stamp=loose(in_older=True)), Verdict.VERIFIED, (), "",
    ),
    "an older seal covers, the newest lists another": (
        code(stamp=loose(in_older=True), seal=sealed("outputs", stamp="exchanged")),
        Verdict.CHANGED, ("stamp",), "another stamp",
    ),
    "executed again here": (
        code(stamp=stamp(), seal=SEALED, record="recorded"), Verdict.UNSTAMPED, (), "recorded",
    ),
    # Stamped, and something changed.
    "source changed": (
        code(stamp=stamp(changed=("source",)), seal=sealed("source")),
        Verdict.CHANGED, ("source",), "stamped",
    ),
    "outputs changed": (
        code(stamp=stamp(changed=("outputs",), detail="output 2"), seal=sealed("outputs")),
        Verdict.CHANGED, ("outputs",), "output 2",
    ),
    "both changed": (
        code(stamp=stamp(changed=("source", "outputs"))), Verdict.CHANGED,
        ("source", "outputs"), "stamped",
    ),
    "changed by an execution that is recorded here": (
        code(stamp=stamp(changed=("outputs",)), seal=sealed("outputs"), record="recorded"),
        Verdict.UNSTAMPED, (), "recorded",
    ),
    "the stamp was exchanged": (
        code(stamp=stamp(changed=("outputs",)), seal=sealed("outputs", stamp="exchanged")),
        Verdict.CHANGED, ("outputs", "stamp"), "another stamp",
    ),
    "a light reference lies": (
        code(stamp=stamp(lie="the reference of output 1 is …"), seal=SEALED),
        Verdict.CHANGED, ("outputs",), "reference",
    ),
    "a light reference lies, of an execution recorded here": (
        code(stamp=stamp(lie="the reference …"), seal=SEALED, record="recorded"),
        Verdict.UNSTAMPED, (), "recorded",
    ),
    "outputs removed": (
        idle(stamp=stamp(stripped=True), seal=sealed("outputs")), Verdict.STRIPPED, (), "",
    ),
    "outputs removed, never sealed": (
        idle(stamp=loose(stripped=True)), Verdict.UNSEALED, (), "outputs removed",
    ),
    "an output that nobody saw, sealed": (
        code(stamp=stamp(unobserved="2"), seal=SEALED),
        Verdict.UNATTRIBUTED, (), "outputs not observed: 2",
    ),
    "an output that nobody saw, added since": (
        code(stamp=stamp(unobserved="2"), seal=sealed("outputs")),
        Verdict.CHANGED, ("outputs",), "sealed",
    ),
    # The stamp is not valid here.
    "forged": (
        code(stamp=stamp(refused="forged"), seal=SEALED), Verdict.INVALID, (), "forged",
    ),
    "copied, and executed here since": (
        code(stamp=stamp(refused="copied"), record="recorded"),
        Verdict.INVALID, (), "copied; recorded",
    ),
    "forged, on a cell that was never executed": (
        idle(stamp=stamp(refused="forged")), Verdict.INVALID, (), "forged",
    ),
    "a stamp on prose": (
        prose(stamp=stamp(), seal=SEALED), Verdict.INVALID, (), "markdown",
    ),
    "code that became prose": (
        prose(stamp=stamp(), seal=sealed("type")), Verdict.CHANGED, ("type",), "sealed",
    ),
    # No stamp, executed.
    "recorded here": (code(record="recorded"), Verdict.UNSTAMPED, (), "recorded"),
    "recorded here since the seal": (
        code(record="recorded", seal=sealed("outputs")), Verdict.UNSTAMPED, (), "recorded",
    ),
    "nobody saw it": (code(), Verdict.UNATTRIBUTED, (), "no stamp or record"),
    "nobody saw it, though it is sealed": (
        code(seal=SEALED), Verdict.UNATTRIBUTED, (), "no stamp or record",
    ),
    "nobody saw it, and its outputs claim somebody": (
        code(remark="its outputs name mlo:X"), Verdict.UNATTRIBUTED, (), "mlo:X",
    ),
    "executed since the seal": (
        code(seal=sealed("outputs")), Verdict.CHANGED, ("outputs",), "sealed",
    ),
    "the stamp was removed": (
        code(seal=sealed(stamp="removed")), Verdict.CHANGED, ("stamp",), "removed",
    ),
    "stamp and outputs were removed": (
        idle(seal=sealed("outputs", stamp="removed")),
        Verdict.CHANGED, ("outputs", "stamp"), "removed",
    ),
    # Never executed.
    "prose, sealed": (prose(seal=SEALED), Verdict.VERIFIED, (), ""),
    "prose, not sealed": (prose(), Verdict.UNSEALED, (), "no seal"),
    "prose, inserted": (prose(seal=INSERTED), Verdict.UNSEALED, (), "inserted"),
    "prose, edited": (prose(seal=sealed("source")), Verdict.CHANGED, ("source",), "sealed"),
    "prose, another picture": (
        prose(seal=sealed("attachments")), Verdict.CHANGED, ("attachments",), "sealed",
    ),
    "code, never executed, sealed": (idle(seal=SEALED), Verdict.VERIFIED, (), ""),
    "code, never stamped, outputs removed since": (
        idle(seal=sealed("outputs")), Verdict.STRIPPED, (), "sealed",
    ),
    "code, never executed, edited": (
        idle(seal=sealed("source")), Verdict.CHANGED, ("source",), "sealed",
    ),
    # What cannot be digested.
    "odd, executed": (code(undigestable="$mlo"), Verdict.UNATTRIBUTED, (), "digested"),
    "odd, prose": (prose(undigestable="$mlo"), Verdict.UNSEALED, (), "digested"),
    "odd since it was stamped": (
        code(undigestable="$mlo", stamp=stamp(changed=("source",))),
        Verdict.CHANGED, ("source", "outputs"), "digested",
    ),
    "odd since it was sealed": (
        prose(undigestable="$mlo", seal=sealed("source")),
        Verdict.CHANGED, ("source", "outputs"), "digested",
    ),
    "odd, with a forged stamp": (
        code(undigestable="$mlo", stamp=stamp(refused="forged")), Verdict.INVALID, (), "forged",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_verdict_is(case: str) -> None:
    facts, verdict, changed, reason = CASES[case]
    found = rule(facts)
    assert (found.verdict, found.changed) == (verdict, changed)
    assert reason in found.reason


def test_every_verdict_has_a_case() -> None:
    assert {verdict for _, verdict, _, _ in CASES.values()} == set(Verdict)
