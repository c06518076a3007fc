"""Uses: reserved before a run starts, first come first served, and judged by the ledger's order."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import jupyter_mlo
import jupyter_mlo.ledger.mandate_standing as mandate_standing_module
from jupyter_mlo.config import Settings, load_settings
from jupyter_mlo.delegation.leases import LeaseStore
from jupyter_mlo.delegation.mandates import read_mandate
from jupyter_mlo.delegation.revocation import Revocations, make_revocation
from jupyter_mlo.delegation.runner_key import make_runner_key
from jupyter_mlo.delegation.runs import LONGEST, delegate_run
from jupyter_mlo.errors import Refused
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.identity.private_files import write_private
from jupyter_mlo.ledger.mandate_standing import mandate_standing, reserve_uses, spent_uses
from jupyter_mlo.ledger.publish import publish
from jupyter_mlo.ledger.store import open_ledger
from jupyter_mlo.notebook.reading import read_notebook
from jupyter_mlo.notebook.verification import verify_notebook
from jupyter_mlo.runs.identity import Request, decide, reserve
from jupyter_mlo.statements.envelope import Envelope, sign
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.verbs.at_hand import at_hand
from tests.ledger.conftest import make_envelope
from tests.runs.conftest import write

#: Reserves one use as the engine does before a kernel starts, and says whether it may go on.
RUNNER = """
import os, sys, time
from datetime import UTC, datetime
from jupyter_mlo.config import load_settings
from jupyter_mlo.errors import Refused
from jupyter_mlo.runs.identity import Request, decide, reserve
settings = load_settings()
print("ready", flush=True)
sys.stdin.readline()
for _ in range(3):
    try:
        now = datetime.now(UTC)
        acting = decide(
            Request(sys.argv[1], {}), settings=settings, environ={},
            secrets={"MLO_MANDATE": sys.argv[2]}, now=now,
        )
        acting = reserve(acting, settings, now)
        print("may", acting.reserved.run["id"], flush=True)
    except Refused as refused:
        assert "(uses)" in refused.message, refused
        print("refused", flush=True)
"""


@pytest.fixture
def job(folder: Path) -> Path:
    return write(folder / "job.ipynb", "alpha = 1", "print(alpha)", tags={0: ["parameters"]})


@pytest.fixture
def environ() -> dict[str, str]:
    return dict(os.environ) | {"PYTHONPATH": str(Path(jupyter_mlo.__file__).parents[1])}


def code_of(file: Path) -> str:
    (code,) = read_mandate(file).scope.code
    return code


def ask(settings: Settings, file: Path, now: datetime | None = None):
    """What the engine asks before a run."""
    now = now or datetime.now(UTC)
    acting = decide(
        Request(code_of(file), {}),
        settings=settings,
        environ={},
        secrets={"MLO_MANDATE": str(file)},
        now=now,
    )
    return reserve(acting, settings, now)


def reasons(settings: Settings, path: Path | str = "out.ipynb") -> set[str]:
    """The verdicts' reasons on a file, with this home's ledger."""
    now = datetime.now(UTC)
    here = at_hand(settings, now)
    try:
        notebook = read_notebook(path)
        report = verify_notebook(
            notebook, pool=here.pool, trust=here.trust, now=now, ledger=here.ledger
        )
    finally:
        here.close()
    return {cell.reason for cell in report.cells} | {report.seal.reason}


def test_a_use_is_in_the_ledger_before_the_run_and_the_run_is_that_one(
    ada, job, run, settings, monkeypatch, logged
):
    file = ada.mandate(job, uses=2)
    monkeypatch.setenv("MLO_MANDATE", str(file))
    run("job.ipynb")
    mandate = read_mandate(file)
    with open_ledger(settings) as ledger:
        (use,) = spent_uses(settings, ledger, mandate)
        reserved = ledger.index(use.statement_id)
        sealed = ledger.index(logged(types.SEAL)[-1].statement_id)
    assert reserved < sealed
    assert logged(types.PROVENANCE)[-1].run == use.run
    assert reasons(settings) == {""}
    run("job.ipynb", "two.ipynb")
    with pytest.raises(Refused, match=r"permits 2 runs, and so many have been started \(uses\)"):
        run("job.ipynb", "three.ipynb")
    assert not Path("three.ipynb").exists()


def test_runners_who_start_at_one_moment_cannot_exceed_a_mandate(ada, job, settings, environ):
    file = ada.mandate(job, uses=5)
    runners = [
        subprocess.Popen(
            [sys.executable, "-c", RUNNER, code_of(file), str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environ,
        )
        for _ in range(4)
    ]
    for each in runners:
        assert each.stdout.readline() == "ready\n"
    said = []
    for each in runners:
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in runners:
        said += each.communicate(timeout=100)[0].split("\n")
        assert each.returncode == 0
    runs = [line.split()[1] for line in said if line.startswith("may")]
    assert len(runs) == 5
    assert said.count("refused") == 7
    with open_ledger(settings) as ledger:
        first = [use.run for use in spent_uses(settings, ledger, read_mandate(file))][:5]
    assert sorted(first) == sorted(runs)


def test_one_who_does_not_ask_first_is_refused_by_where_he_came_to_stand(
    ada, job, settings, monkeypatch
):
    """Two read the same count; the ledger's order decides."""
    file = ada.mandate(job, uses=1)
    mandate = read_mandate(file)
    signer = mandate.signer(datetime.now(UTC))
    one, other = (
        delegate_run(signer, f"urn:uuid:{n}", f"urn:uuid:{n}", datetime.now(UTC), LONGEST)
        for n in ("1" * 8 + "-1111-4111-8111-" + "1" * 12, "2" * 8 + "-2222-4222-8222-" + "2" * 12)
    )
    real, counted = mandate_standing_module.spent_uses, []

    def overtaken(ours, ledger, named):
        """The other one comes in when this one has counted."""
        counted.append(real(ours, ledger, named))
        if len(counted) == 1:
            with open_ledger(settings) as another:
                another.append(one.chain[-1:])
        return counted[-1]

    monkeypatch.setattr(mandate_standing_module, "spent_uses", overtaken)
    with pytest.raises(Refused, match=r"permits 1 runs, and so many have been started \(uses\)"):
        reserve_uses(settings, mandate, other.chain[-1:])
    assert [len(found) for found in counted] == [0, 2]


def test_a_second_key_for_the_same_run_is_the_same_use(ada, job, settings):
    """As where a run is handed on to a worker, which has a key of its own."""
    mandate = read_mandate(ada.mandate(job, uses=1))
    signer, now = mandate.signer(datetime.now(UTC)), datetime.now(UTC)
    name = "urn:uuid:" + "1" * 8 + "-1111-4111-8111-" + "1" * 12
    other = name.replace("1111-4111", "2222-4222")
    for _ in range(2):
        reserve_uses(settings, mandate, delegate_run(signer, name, name, now, LONGEST).chain[-1:])
    with open_ledger(settings) as ledger:
        assert len(spent_uses(settings, ledger, mandate)) == 1
    with pytest.raises(Refused, match="uses"):
        reserve_uses(settings, mandate, delegate_run(signer, name, other, now, LONGEST).chain[-1:])


def test_a_use_stays_spent_when_the_runner_dies_between_reservation_and_start(
    ada, job, settings, environ, verb
):
    file = ada.mandate(job, uses=2)
    killed = subprocess.Popen(
        [sys.executable, "-c", RUNNER.replace("        print", "        os.kill(os.getpid(), 9)\n"
         "        print"), code_of(file), str(file)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ,
    )  # fmt: skip
    killed.communicate("go\n", timeout=60)
    assert killed.returncode == -9
    standing = mandate_standing(settings, read_mandate(file), datetime.now(UTC))
    assert (bool(standing), standing.left) == (True, 1)
    status, said = verb("mandate", "show", str(file))
    assert status == 0
    assert "spent         1 of 2" in said
    assert "no end on record: not begun, running, or killed" in said


def test_overuse_by_an_engine_that_does_not_ask_is_not_valid_here(
    ada, job, run, settings, monkeypatch
):
    file = ada.mandate(job, uses=1)
    monkeypatch.setenv("MLO_MANDATE", str(file))
    run("job.ipynb")
    with monkeypatch.context() as patch:
        # An engine of one's own: it reserves although nothing is left, or does not reserve.
        patch.setattr("jupyter_mlo.ledger.mandate_standing.use_refusal", lambda *_: "")
        patch.setattr("jupyter_mlo.ledger.mandate_standing.len", lambda _: -9, raising=False)
        run("job.ipynb", "second.ipynb")
        patch.setattr("jupyter_mlo.runs.identity.EVERYTHING", 1)
        run("job.ipynb", "unreserved.ipynb")
    assert reasons(settings) == {""}
    assert reasons(settings, "second.ipynb") == {
        "overuse: it is use 2 of a mandate that permits 1 (uses)"
    }
    # Its delegation came with what it published at the end: later than the other two.
    assert reasons(settings, "unreserved.ipynb") == {
        "overuse: it is use 3 of a mandate that permits 1 (uses)"
    }


def test_a_use_that_was_reserved_after_the_revocation_is_never_a_latecomer(
    ada, job, run, settings, monkeypatch
):
    """An engine of one's own, which does not ask and says that it was before."""
    file = ada.mandate(job, uses=3)
    monkeypatch.setenv("MLO_MANDATE", str(file))
    run("job.ipynb")
    soon = datetime.now(UTC) + timedelta(seconds=60)
    revoked = make_revocation(
        ada.own, now=soon, reason="superseded", delegation=read_mandate(file).mandate_id
    )
    publish(settings, [revoked])
    with monkeypatch.context() as patch:
        patch.setattr(Revocations, "check_in_force", lambda *_: None)
        run("job.ipynb", "second.ipynb")
    assert reasons(settings) == {""}
    assert reasons(settings, "second.ipynb") == {
        "its use came into the ledger after the mandate had been revoked there (uses)"
    }


def test_a_use_that_was_leased_before_the_revocation_goes_on_to_count(
    ada, job, run, settings, monkeypatch, verb
):
    """By a runner who did not see it; its statements come late, and are called so."""
    file = ada.mandate(job, uses=3)
    monkeypatch.setenv("MLO_MANDATE", str(file))
    verb("mandate", "lease", str(file), "--uses", "1")
    soon = datetime.now(UTC) + timedelta(seconds=60)
    revoked = make_revocation(
        ada.own, now=soon, reason="ended", delegation=read_mandate(file).mandate_id
    )
    publish(settings, [revoked])
    with monkeypatch.context() as patch:
        patch.setattr(Revocations, "check_in_force", lambda *_: None)
        run("job.ipynb")
    assert reasons(settings) == {""}


def test_a_revocation_that_comes_before_the_reservation_refuses_the_run(
    ada, job, settings, monkeypatch
):
    """Between the question and the reservation: nothing under that use would count."""
    file = ada.mandate(job, uses=3)
    mandate = read_mandate(file)
    append = mandate_standing_module.append_now
    revoked = make_revocation(
        ada.own, now=datetime.now(UTC), reason="ended", delegation=mandate.mandate_id
    )

    def late(settings, envelopes, **named):
        append(settings, [revoked], **named)
        return append(settings, envelopes, **named)

    monkeypatch.setattr(mandate_standing_module, "append_now", late)
    with pytest.raises(Refused, match="was revoked"):
        ask(settings, file)


def test_whoever_has_another_ledger_is_told_that_uses_cannot_be_counted(
    ada, job, run, judge, monkeypatch
):
    monkeypatch.setenv("MLO_MANDATE", str(ada.mandate(job, uses=1)))
    run("job.ipynb")
    report = judge()  # no ledger at all
    assert any("permits 1 run: whether this is one of them" in note for note in report.notes)
    assert {cell.reason for cell in report.cells} == {""}


def away(settings: Settings) -> None:
    """The ledger's disk is gone."""
    settings.ledger.rename(settings.ledger.with_name("away"))
    settings.ledger.write_text("no folder")


def test_offline_runs_need_uses_that_were_leased(
    ada, job, run, settings, verb, monkeypatch, logged
):
    file = ada.mandate(job, uses=3)
    monkeypatch.setenv("MLO_MANDATE", str(file))
    status, said = verb("mandate", "lease", str(file), "--uses", "2")
    assert (status, "leased 2 of the 3 runs" in said) == (0, True)
    away(settings)
    run("job.ipynb", "1.ipynb")
    run("job.ipynb", "2.ipynb")
    with pytest.raises(Refused, match=r"the ledger that counts them cannot be reached.*\(uses\)"):
        run("job.ipynb", "3.ipynb")
    settings.ledger.unlink()
    settings.ledger.with_name("away").rename(settings.ledger)
    run("job.ipynb", "3.ipynb")
    for name in ("1.ipynb", "2.ipynb", "3.ipynb"):
        assert reasons(settings, name) == {""}, name
    with open_ledger(settings) as ledger:
        assert len(spent_uses(settings, ledger, read_mandate(file))) == 3
    assert len(logged(types.PROVENANCE)) == 3
    with pytest.raises(Refused, match="so many have been started"):
        verb("mandate", "lease", str(file), "--uses", "1")


def test_a_leased_use_is_taken_by_one_process_and_ends(ada, job, settings, verb):
    file = ada.mandate(job, uses=3)
    assert verb("mandate", "lease", str(file), "--uses", "2")[0] == 0
    store, mandate = LeaseStore(settings), read_mandate(file).mandate_id
    now = datetime.now(UTC)
    assert len(store.left(mandate, now)) == 2
    assert store.left(mandate, now + timedelta(days=8)) == []
    taken = {store.take(mandate, now).delegation, store.take(mandate, now).delegation}
    assert len(taken) == 2
    assert store.take(mandate, now) is None


def test_a_lease_that_is_put_back_is_not_taken_again(ada, job, settings, verb):
    file = ada.mandate(job, uses=2)
    assert verb("mandate", "lease", str(file), "--uses", "1")[0] == 0
    store, mandate = LeaseStore(settings), read_mandate(file).mandate_id
    (kept,) = (settings.leases / mandate).glob("*.json")
    held = kept.read_bytes()
    assert store.take(mandate, datetime.now(UTC)) is not None
    (stone,) = (settings.leases / mandate).iterdir()
    assert stone.read_bytes() == b""
    write_private(kept, held)
    assert store.left(mandate, datetime.now(UTC)) == []
    assert store.take(mandate, datetime.now(UTC)) is None


def test_one_use_in_two_copies_of_a_home_counts_once(
    ada, job, run, settings, verb, monkeypatch, tmp_path, logged
):
    file = ada.mandate(job, uses=1)
    monkeypatch.setenv("MLO_MANDATE", str(file))
    assert verb("mandate", "lease", str(file), "--uses", "1")[0] == 0
    copy = tmp_path / "copy of the leases"
    shutil.copytree(settings.leases, copy)
    for name in ("1.ipynb", "2.ipynb", "3.ipynb"):  # each as on another machine
        shutil.rmtree(settings.leases)
        shutil.copytree(copy, settings.leases)
        run("job.ipynb", name)
    assert reasons(settings, "1.ipynb") == {""}
    for name in ("2.ipynb", "3.ipynb"):
        assert reasons(settings, name) == {
            "overuse: another run has ended under its use before this one (uses)"
        }
    bare = json.loads(Path("1.ipynb").read_text())
    del bare["metadata"]["mlo"]["seals"]
    Path("4.ipynb").write_text(json.dumps(bare))
    assert any("3 runs have ended under its use" in why for why in reasons(settings, "4.ipynb"))
    # What was found and kept says the same to the next who asks.
    strangers = SigningKey.generate()
    for kind, prefix in ((types.SEAL, ""), (types.PROVENANCE, "mlo_")):
        # Who has not the mandate's key says nothing of it.
        said = json.loads(logged(kind)[-1].envelope.payload)
        said["predicate"] |= {f"{prefix}nonce": "A" * 22, f"{prefix}keyId": strangers.key_id}
        publish(settings, [sign(said, strangers)])
    publish(settings, [make_envelope(n) for n in range(250)])
    for _ in range(2):
        assert any("overuse: another run" in why for why in reasons(settings, "2.ipynb"))
        status, said = verb("mandate", "show", str(file))
        assert status == 0
        assert "3 runs ended under it, and only the first counts" in said


def test_uses_are_counted_in_the_ledger_that_the_mandate_quotes(
    ada, job, settings, tmp_path, monkeypatch
):
    file = ada.mandate(job, uses=1)
    monkeypatch.setenv("MLO_HOME", str(tmp_path / "other"))
    other = load_settings()
    publish(other, [ada.enrolment])
    with pytest.raises(Refused, match=r"its uses are counted in the ledger .* \(uses\)"):
        ask(other, file)
    assert mandate_standing(other, read_mandate(file), datetime.now(UTC)).note


def test_strangers_cannot_spend_uses(ada, job, settings):
    """Whoever may append to the ledger can name a mandate; only its key spends."""
    file = ada.mandate(job, uses=1)
    mandate = read_mandate(file)
    name = "urn:uuid:" + "1" * 8 + "-1111-4111-8111-" + "1" * 12
    signer = mandate.signer(datetime.now(UTC))
    one, two = (
        delegate_run(signer, name, name, datetime.now(UTC), LONGEST).chain[-1] for _ in range(2)
    )
    stranger = make_runner_key(settings)
    said = json.loads(one.payload)
    said["predicate"]["keyId"] = stranger.key_id
    forgeries = [
        sign(said, stranger),  # in his own name
        Envelope.from_json(one.to_json() | {"signatures": two.to_json()["signatures"]}),
    ]
    with open_ledger(settings) as ledger:
        ledger.append(forgeries)
        assert spent_uses(settings, ledger, mandate) == []
        ledger.append([two])
        assert len(spent_uses(settings, ledger, mandate)) == 1


def test_a_standing_names_what_ends_a_mandate(ada, job, settings):
    file = ada.mandate(job, uses=1, lasts=timedelta(days=2))
    mandate, now = read_mandate(file), datetime.now(UTC)
    assert mandate_standing(settings, mandate, now).left == 1
    late = mandate_standing(settings, mandate, now + timedelta(days=3))
    assert late.element == "notAfter"
    ask(settings, file)
    assert mandate_standing(settings, mandate, now).element == "uses"
    revocation = make_revocation(ada.own, now=now, reason="ended", delegation=mandate.mandate_id)
    publish(settings, [revocation])
    found = mandate_standing(settings, mandate, now)
    assert (found.element, "was revoked" in found.reason) == ("revoked", True)


def test_a_revocation_in_the_ledger_reaches_the_next_notebook(ada, job, run, settings, monkeypatch):
    file = ada.mandate(job)
    monkeypatch.setenv("MLO_MANDATE", str(file))
    run("job.ipynb", "1.ipynb")
    mandate = read_mandate(file)
    publish(
        settings,
        [make_revocation(ada.own, now=datetime.now(UTC), reason="lost",
                         delegation=mandate.mandate_id)],
    )  # fmt: skip
    with pytest.raises(Refused, match="was revoked"):
        run("job.ipynb", "2.ipynb")
    assert not Path("2.ipynb").exists()


def test_a_clock_that_is_set_back_brings_no_revoked_mandate_back(ada, job, settings, verb):
    file = ada.mandate(job, uses=3)
    assert verb("mandate", "lease", str(file), "--uses", "1")[0] == 0
    mandate, later = read_mandate(file), datetime.now(UTC) + timedelta(hours=1)
    publish(
        settings,
        [make_revocation(ada.own, now=later, reason="lost", delegation=mandate.mandate_id)],
    )
    for now in (mandate.scope.not_before, datetime.now(UTC), later):
        with pytest.raises(Refused, match="was revoked"):
            ask(settings, file, now)
        assert mandate_standing(settings, mandate, now).element == "revoked"


# -- made over to a runner -----------------------------------------------------------------


def test_a_mandate_that_is_made_over_works_where_the_runners_key_is(
    ada, job, run, holds, settings, monkeypatch
):
    key = make_runner_key(settings)
    file = ada.mandate(job, to=key.public)
    assert b"PRIVATE" not in file.read_bytes()
    assert '"key": null' in file.read_text()
    file.chmod(0o644)  # it holds no secret
    monkeypatch.setenv("MLO_MANDATE", str(file))
    run("job.ipynb")
    assert {cell.mlo for cell in holds().cells} == {ada.mlo}
    monkeypatch.setenv("MLO_MANDATE", file.read_text())
    run("job.ipynb")
    holds()
    (settings.runner / "key").unlink()
    with pytest.raises(Refused, match="which is not here"):
        run("job.ipynb", "2.ipynb")
    make_runner_key(settings)
    with pytest.raises(Refused, match="which is not here: this runner's is"):
        run("job.ipynb", "2.ipynb")


def test_a_range_holds_for_what_is_injected(ada, job, run, holds, monkeypatch):
    from jupyter_mlo.delegation.ranges import Range

    file = ada.mandate(job, parameters={"alpha": Range(1, 20, True)})
    monkeypatch.setenv("MLO_MANDATE", str(file))
    run("job.ipynb", parameters={"alpha": 20})
    holds()
    for value in (21, 1.5, "7"):
        with pytest.raises(Refused, match=r"only whole numbers from 1 to 20 \(parameters.alpha\)"):
            run("job.ipynb", "2.ipynb", parameters={"alpha": value})
