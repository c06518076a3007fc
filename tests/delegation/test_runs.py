"""The leaf key of a run: one run, one notebook, a few predicates, an end."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from jupyter_mlo.delegation.assurance import Assurance
from jupyter_mlo.delegation.roles import Role
from jupyter_mlo.delegation.runs import delegate_run, load_run, write_run
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.errors import KeyFileError, Refused
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.times import to_text
from tests.delegation.actors import CONTENTS, NOW, RUN, answered, hours, person, pinned
from tests.delegation.test_signer import signer_of


def run_of(signer: Signer, lasts: timedelta = timedelta(hours=1)) -> Signer:
    return delegate_run(signer, RUN["id"], RUN["notebook"], NOW, lasts)


@pytest.mark.parametrize("kind", ["session", "mandate"])
def test_what_a_run_puts_on_record_is_attributed_to_the_mlo(kind: str) -> None:
    ada = person()
    run = run_of(signer_of(ada.delegates(kind), kind))
    for predicate in (types.EVIDENCE, types.DATASET, types.TEST_RESULT):
        envelope = run.sign(predicate, *CONTENTS[predicate], NOW)
        found = answered(envelope, run.chain, pinned(ada))
        assert (found.mlo, found.kind) == (ada.mlo, Role.RUN)
        assert found.assurance is Assurance.SIGNED
        assert len(found.delegation_ids) == 2


def test_a_run_may_be_started_by_the_own_key_itself() -> None:
    ada = person()
    own = Signer.own(ada.mlo, ada.key, ada.chain).acting("training", "loan")
    run = run_of(own)
    envelope = run.sign(types.EVIDENCE, *CONTENTS[types.EVIDENCE], NOW)
    assert answered(envelope, run.chain).delegation_ids == (run.delegation,)


def test_it_ends_after_its_time_or_with_whoever_issued_it() -> None:
    hand = person().delegates()
    assert run_of(signer_of(hand)).expires == NOW + hours(1)
    assert run_of(signer_of(hand), hours(99)).expires == NOW + hours(7)
    run = run_of(signer_of(hand))
    with pytest.raises(Refused, match=r"\(notAfter\)"):
        run.sign(types.EVIDENCE, *CONTENTS[types.EVIDENCE], NOW + hours(2))


def test_it_vouches_for_no_cell_and_delegates_nothing() -> None:
    run = run_of(signer_of(person().delegates()))
    for predicate in types.RECORDING - {types.EVIDENCE, types.DATASET, types.TEST_RESULT}:
        with pytest.raises(Refused, match="may not sign"):
            run.sign(predicate, *CONTENTS[predicate], NOW)
    with pytest.raises(Refused, match="may not issue"):
        run_of(run)
    assert run.scope is not None
    assert (run.scope.code, run.scope.parameters, run.scope.delegate) == (frozenset(), {}, set())


def test_it_has_the_activity_and_model_that_were_chosen_and_no_other() -> None:
    hand = person().delegates()
    run = run_of(signer_of(hand))
    assert run.scope is not None
    assert (run.scope.activities, run.scope.models) == ({"training"}, {"loan"})
    subject, members = CONTENTS[types.EVIDENCE]
    for other in ({"activity": "validation"}, {"model": "fraud"}):
        with pytest.raises(Refused):
            run.sign(types.EVIDENCE, subject, members | other, NOW)
    free = run_of(signer_of(hand).acting(None, None))
    assert free.sign(types.EVIDENCE, subject, members | {"model": "fraud"}, NOW)


def test_an_activity_that_the_issuer_may_not_name_is_refused_at_once() -> None:
    narrow = signer_of(person().delegates(activities=["validation"]), activities=["validation"])
    with pytest.raises(Refused, match=r"does not permit this run: .*\(activities\)"):
        run_of(narrow)


def test_no_run_is_issued_by_who_may_not_or_no_longer() -> None:
    with pytest.raises(Refused, match=r"\(delegate\)"):
        run_of(signer_of(person().delegates(delegate=[]), delegate=[]))
    ended = {"notAfter": to_text(NOW - hours(0.5))}
    with pytest.raises(Refused, match=r"\(notAfter\)"):
        run_of(signer_of(person().delegates(**ended), **ended))


def test_the_file_is_private_and_signs_when_it_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "key.json"
    ada = person()
    write_run(run_of(signer_of(ada.delegates())), path)
    assert path.stat().st_mode & 0o777 == 0o600
    run = load_run(path)
    envelope = run.sign(types.EVIDENCE, *CONTENTS[types.EVIDENCE], NOW)
    assert answered(envelope, run.chain, pinned(ada)).kind is Role.RUN
    subject, members = CONTENTS[types.EVIDENCE]
    with pytest.raises(Refused, match="for the run"):
        run.sign(types.EVIDENCE, subject, members | {"run": None}, NOW)


def test_each_way_in_which_the_file_cannot_be_used_has_its_words(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    with pytest.raises(KeyFileError, match="is missing"):
        load_run(path)
    path.write_bytes(b"{")
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="damaged"):
        load_run(path)
    write_run(signer_of(person().delegates()), path)
    with pytest.raises(KeyFileError, match="the key of a session, not of a run"):
        load_run(path)
    write_run(run_of(signer_of(person().delegates())), path)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="read or written by others"):
        load_run(path)
