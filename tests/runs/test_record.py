"""What a run's kernel knows of itself and puts on record, and how it ends up in provenance."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from papermill.exceptions import PapermillExecutionError

from jupyter_mlo.delegation.chain import attribute
from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.delegation.trust import TrustStore
from jupyter_mlo.notebook.code import code_digest
from jupyter_mlo.notebook.reading import read_notebook
from jupyter_mlo.statements.predicates import types
from tests.runs.conftest import write


def sha(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_the_kernel_knows_who_acts_and_under_what(ada, run, folder, holds):
    ada.login()
    write(
        folder / "in.ipynb",
        "import jupyter_mlo, json\nc = jupyter_mlo.current()\n"
        "print(json.dumps([bool(c), c.mlo, c.kind, c.activity, c.model, c.run, c.notebook]))\n"
        "print(c)",
    )
    nb = run("in.ipynb")
    first, second = nb.cells[0].outputs[0].text.splitlines()
    acts, mlo, kind, activity, model, run_id, notebook_id = json.loads(first)
    assert (acts, mlo, kind, activity, model) == (True, ada.mlo, "run", "training", "loan@3")
    assert notebook_id == holds().notebook
    assert run_id.startswith("urn:uuid:")
    assert ada.mlo in second
    assert "by run: training, loan@3, until" in second


def test_what_a_run_records_stands_in_the_ledger_and_in_its_provenance(
    ada, run, folder, logged, settings
):
    ada.login()
    (folder / "loans.csv").write_text("a,b\n1,2\n")
    write(
        folder / "in.ipynb",
        "import jupyter_mlo\n"
        "open('model.bin', 'wb').write(b'weights')\n"
        "r = jupyter_mlo.record(metrics={'auc': 0.8}, data={'loans': 'loans.csv'},\n"
        "                       artifact='model.bin')\n"
        "print(bool(r), r)",
    )
    nb = run("in.ipynb")
    assert nb.cells[0].outputs[0].text.startswith("True <on record: evidence ")
    (evidence,) = logged(types.EVIDENCE)
    assert evidence.predicate.metrics == {"auc": 0.8}
    assert evidence.subject[0].digest == {"sha256": sha("model.bin")}
    data, artifact = logged(types.DATASET)
    assert (data.predicate.name, data.predicate.role) == ("loans", "input")
    assert data.subject[0].digest == {"sha256": sha("loans.csv")}
    assert artifact.predicate.role == "output"
    (provenance,) = logged(types.PROVENANCE)
    notebook, made = provenance.subject
    assert "mloNotebookV1" in notebook.digest
    assert (made.name, made.digest) == ("model.bin", {"sha256": sha("model.bin")})
    used = {
        each.name: each.digest
        for each in provenance.predicate.build_definition.resolved_dependencies
    }
    assert used["loans"] == {"sha256": sha("loans.csv")}
    named = [each.digest["mloStatementV1"] for each in provenance.predicate.run_details.byproducts]
    assert named == [evidence.statement_id, data.statement_id, artifact.statement_id]
    for each in (evidence, data, artifact):
        attribution = _attributed(each, settings)
        assert attribution.mlo == ada.mlo
        assert each.predicate.run == provenance.predicate.mlo_run


def _attributed(statement, settings):
    from datetime import UTC, datetime

    from jupyter_mlo.delegation.chain import KeyCache
    from jupyter_mlo.delegation.revocation import Revocations
    from jupyter_mlo.ledger.store import open_ledger

    trust = TrustStore(settings).load()
    with open_ledger(settings) as ledger:
        pool = Pool.of(entry.envelope for entry in ledger.entries())
    return attribute(
        statement,
        pool=pool,
        trust=trust,
        revocations=Revocations(pool, trust),
        now=datetime.now(UTC),
        key_cache=KeyCache(),
    )


def test_a_validation_is_a_test_result_about_the_model(ada, run, folder, logged):
    ada.login(activity="validation")
    (folder / "model.bin").write_bytes(b"weights")
    (folder / "held-out.csv").write_text("x")
    write(
        folder / "in.ipynb",
        "import jupyter_mlo\n"
        "r = jupyter_mlo.record(metrics={'auc': 0.7}, thresholds={'auc': 0.8},\n"
        "                       data='held-out.csv', artifact='model.bin')\n"
        "print(r.result, r)",
    )
    nb = run("in.ipynb")
    assert nb.cells[0].outputs[0].text.startswith("FAILED <FAILED, not: auc >= 0.8; on record")
    (result,) = logged(types.TEST_RESULT)
    assert (result.predicate.result, result.predicate.mlo_activity) == ("FAILED", "validation")
    assert result.subject[0].digest == {"sha256": sha("model.bin")}
    assert result.predicate.configuration[1].name == "held-out.csv"
    assert [each.predicate.role for each in logged(types.DATASET)] == ["input"]
    (notebook,) = logged(types.PROVENANCE)[-1].subject
    assert "mloNotebookV1" in notebook.digest, "what was tested was not made here"


def test_numbers_alone_are_about_the_runs_code(ada, run, folder, logged):
    ada.login()
    path = write(folder / "in.ipynb", "import jupyter_mlo\njupyter_mlo.record({'auc': 0.5})")
    run("in.ipynb")
    (evidence,) = logged(types.EVIDENCE)
    assert evidence.subject[0].digest == {"mloCodeV1": code_digest(read_notebook(path))}


def test_data_in_parameters_is_on_record(ada, run, folder, logged):
    ada.login()
    (folder / "loans.csv").write_text("a")
    write(folder / "in.ipynb", "data_path = ''\nname = ''", tags={0: ["parameters"]})
    run("in.ipynb", parameters={"data_path": "loans.csv", "name": "loans.csv"})
    used = logged(types.PROVENANCE)[-1].predicate.build_definition.resolved_dependencies
    assert {each.name: each.digest for each in used}["data_path"] == {"sha256": sha("loans.csv")}
    assert "name" not in {each.name for each in used}


def test_what_a_failing_run_has_recorded_counts_too(ada, run, folder, logged):
    ada.login()
    write(folder / "in.ipynb", "import jupyter_mlo\njupyter_mlo.record({'auc': 0.5})\n1/0")
    with pytest.raises(PapermillExecutionError):
        run("in.ipynb")
    assert len(logged(types.EVIDENCE)) == 1
    assert len(logged(types.PROVENANCE)[-1].predicate.run_details.byproducts) == 1


def test_a_notebook_without_identity_records_nothing_and_goes_on(run, folder):
    write(
        folder / "in.ipynb",
        "import jupyter_mlo\nr = jupyter_mlo.record({'auc': 0.9}, thresholds={'auc': 0.8})\n"
        "print(bool(r), r.result, bool(jupyter_mlo.current()), jupyter_mlo.current())",
    )
    for engine in ("mlo", "nbclient"):
        nb = run("in.ipynb", engine_name=engine)
        texts = {output.name: output.text for output in nb.cells[0].outputs}
        assert "not on record: nobody is logged in" in texts["stderr"]
        printed = texts["stdout"]
        assert printed.startswith("False PASSED False <nobody: not logged in")


def test_the_kernels_key_signs_nothing_else_and_ends_with_the_run(ada, run, folder, settings):
    ada.login()
    write(
        folder / "in.ipynb",
        "import os, shutil\n"
        "from datetime import datetime, UTC\n"
        "from pathlib import Path\n"
        "from jupyter_mlo.runs.run_key import read_run_key\n"
        "from jupyter_mlo.errors import Refused\n"
        "key = read_run_key(Path(os.environ['MLO_RUN']))\n"
        "print(oct(key.path.stat().st_mode & 0o777))\n"
        "for kind in ('https://jupyter-mlo.github.io/stamp/v1',\n"
        "             'https://jupyter-mlo.github.io/seal/v1',\n"
        "             'https://slsa.dev/provenance/v1'):\n"
        "    try:\n"
        "        key.signer.sign(kind, [{'name': 'x', 'digest': {'sha256': '0' * 64}}],\n"
        "                        {'activity': 'training', 'mlo_activity': 'training'},\n"
        "                        datetime.now(UTC))\n"
        "    except Refused as error:\n"
        "        print('refused')\n"
        "print(os.environ['MLO_RUN'])",
    )
    nb = run("in.ipynb")
    mode, *refusals, path = nb.cells[0].outputs[0].text.splitlines()
    assert mode == "0o600"
    assert refusals == ["refused"] * 3
    assert not Path(path).exists()


def test_what_others_put_beside_the_key_does_not_count(ada, run, folder, logged, caplog):
    """Whatever runs in the kernel can write there."""
    ada.login()
    write(
        folder / "in.ipynb",
        "import jupyter_mlo, os, json\n"
        "from pathlib import Path\n"
        "jupyter_mlo.record({'auc': 0.5})\n"
        "file = Path(os.environ['MLO_RUN']).parent / 'statements.jsonl'\n"
        "good = file.read_bytes()\n"
        "forged = json.loads(good)\n"
        "forged['signatures'][0]['sig'] = 'AAAA'\n"
        "with file.open('ab') as out:\n"
        "    out.write(b'no json\\n' + json.dumps(forged).encode() + b'\\n' + good + b'{\"cut')",
    )
    run("in.ipynb")
    assert len(logged(types.EVIDENCE)) == 1
    said = [
        record.getMessage() for record in caplog.records if "Not counted" in record.getMessage()
    ]
    assert len(said) == 3


def test_with_the_ledger_away_statements_wait_and_the_run_succeeds(
    ada, run, folder, settings, holds, caplog, logged
):
    ada.login()
    settings.ledger.mkdir(mode=0o700)
    database = settings.ledger / "ledger.sqlite3"
    database.mkdir()
    write(folder / "in.ipynb", "1")
    run("in.ipynb")
    holds()
    assert any("wait for the ledger" in record.getMessage() for record in caplog.records)
    assert list(settings.outbox.iterdir())
    database.rmdir()
    run("in.ipynb")
    assert len(logged(types.PROVENANCE)) == 2, "what had waited counts once"


def test_when_the_home_is_full_the_run_still_succeeds(ada, run, folder, settings, caplog, judge):
    ada.login()
    settings.runs.parent.mkdir(exist_ok=True)
    settings.runs.write_text("not a folder")
    write(folder / "in.ipynb", "print(1)")
    nb = run("in.ipynb")
    assert nb.cells[0].outputs[0].text == "1\n"
    assert judge().cells[0].verdict == "verified"
    assert any("cannot be recovered" in record.getMessage() for record in caplog.records)


def test_a_session_that_ends_meanwhile_leaves_the_rest_unstamped_and_says_so_once(
    ada, run, folder, judge, caplog, monkeypatch
):
    from datetime import UTC, datetime, timedelta

    from jupyter_mlo.delegation import scope

    monkeypatch.setattr(scope, "CLOCK_TOLERANCE", timedelta())
    write(
        folder / "in.ipynb",
        "1",
        "import time\nwhile time.time() < float(open('end').read()) + 0.1: time.sleep(0.05)",
        "3",
        "4",
    )
    end = datetime.now(UTC) + timedelta(seconds=8)
    (folder / "end").write_text(str(end.timestamp()))
    ada.login(now=end - timedelta(hours=1), duration=timedelta(hours=1))
    run("in.ipynb")
    said = [text for record in caplog.records if "unstamped" in (text := record.getMessage())]
    assert len(said) == 1
    assert "it ended at" in said[0]
    verdicts = [cell.verdict for cell in judge().cells]
    assert verdicts[0] == "unsealed"
    assert verdicts[2] in ("unattributed", "unstamped")


def test_the_environment_of_this_process_is_as_before(ada, run, folder):
    ada.login()
    write(folder / "in.ipynb", "1")
    before = dict(os.environ)
    run("in.ipynb")
    assert dict(os.environ) == before


FORGE = """
import copy, json, os, secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
import jupyter_mlo
from jupyter_mlo.runs.run_key import read_run_key
from jupyter_mlo.statements.envelope import Envelope, sign

jupyter_mlo.record({'auc': 0.5})
key = read_run_key(Path(os.environ['MLO_RUN']))
honest = json.loads(Envelope.from_bytes((key.folder / 'statements.jsonl').read_bytes()).payload)

def forged(**members):
    value = copy.deepcopy(honest)
    value['predicate'].update(members, nonce=secrets.token_urlsafe(16))
    return sign(value, key.signer.key)

later = (datetime.now(UTC) + timedelta(days=400)).strftime('%Y-%m-%dT%H:%M:%S.000Z')
before = (datetime.now(UTC) - timedelta(days=1)).strftime('%Y-%m-%dT%H:%M:%S.000Z')
key.append([
    forged(run='urn:uuid:00000000-0000-4000-8000-000000000000'),
    forged(run=None),
    forged(time=later),
    forged(time=before),
    forged(activity='validation'),
    forged(model='other'),
    forged(model='loan@9'),
    forged(mlo='mlo:7K3D-9QXA-2MFB'),
    forged(delegation='0' * 64),
    forged(delegation=None),
    forged(delegation=key.signer.chain[-2].statement_id),
])
with (key.folder / 'statements.jsonl').open('ab') as file:
    file.write(b'\\x1b[31mgarbage\\n')
"""


@pytest.mark.parametrize("model", ["loan", None])
def test_what_a_kernel_forges_with_its_own_key_is_not_published(
    ada, run, folder, logged, caplog, model
):
    """It holds the key: what counts is what the delegation of this run permits."""
    ada.login(model=model)
    write(folder / "in.ipynb", FORGE)
    run("in.ipynb")
    (kept,) = logged(types.EVIDENCE)
    assert kept.predicate.name == (model or "metrics")
    said = [text for each in caplog.records if "Not counted" in (text := each.getMessage())]
    assert len(said) == 12
    assert not any("\x1b" in text for text in said)
    (byproduct,) = logged(types.PROVENANCE)[-1].predicate.run_details.byproducts
    assert byproduct.digest == {"mloStatementV1": kept.statement_id}


def test_after_many_forgeries_the_list_is_cut_short(ada, run, folder, logged, caplog):
    ada.login()
    write(
        folder / "in.ipynb",
        "import os\nfrom pathlib import Path\n"
        "file = Path(os.environ['MLO_RUN']).parent / 'statements.jsonl'\n"
        "file.write_bytes(b'x\\n' * 500)",
    )
    run("in.ipynb")
    said = [text for each in caplog.records if "Not counted" in (text := each.getMessage())]
    assert len(said) == 21
    assert "480 more statements" in said[-1]


def test_a_pipe_in_place_of_the_statements_is_not_waited_for(ada, run, folder, holds):
    ada.login()
    write(
        folder / "in.ipynb",
        "import os\nfrom pathlib import Path\n"
        "os.mkfifo(Path(os.environ['MLO_RUN']).parent / 'statements.jsonl')",
    )
    run("in.ipynb")
    holds()
