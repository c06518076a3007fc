"""What the builders make is what the predicates' models read, and says what was given."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.identity.ids import new_mlo_id
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.lifecycle import provenance
from jupyter_mlo.lifecycle.dataset import dataset
from jupyter_mlo.lifecycle.evidence import evidence, numbers_subject
from jupyter_mlo.lifecycle.provenance import Environment, Repository, Run
from jupyter_mlo.lifecycle.resources import FileDigest, descriptors, statement_descriptor
from jupyter_mlo.lifecycle.test_result import validation_result
from jupyter_mlo.lifecycle.thresholds import read_thresholds
from jupyter_mlo.statements.envelope import sign, statement_json
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.statement import read_statement

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HEX = "ab" * 32
RUN_ID = "urn:uuid:11111111-1111-4111-8111-111111111111"
NOTEBOOK = "urn:uuid:22222222-2222-4222-8222-222222222222"
SIGNER = Signer.own(new_mlo_id(), SigningKey.generate())


def said(predicate_type, subject, predicate):
    """Read it back as a verifier does."""
    standard = predicate_type in types.STANDARD
    header = SIGNER.standard_header(NOW) if standard else SIGNER.header(NOW)
    statement = statement_json(predicate_type, subject, {**header, **predicate})
    return read_statement(sign(statement, SIGNER.key))


def a_run(**members):
    values = {
        "run_id": RUN_ID,
        "notebook_id": NOTEBOOK,
        "source": "in.ipynb",
        "target": "out.ipynb",
        "code": HEX,
        "sealed": "cd" * 32,
        "parameters": {"a": 1},
        "activity": "training",
        "model": "loan@3",
        "started": NOW,
        "finished": NOW + timedelta(seconds=2),
        "outcome": "succeeded",
        "environment": Environment(
            "python3", {"name": "python", "version": "3.11.7"}, (("a", "1"),)
        ),
        "versions": {"papermill": "2.7.0"},
    }
    return Run(**{**values, **members})


def provenance_of(**members):
    run = a_run(**members)
    return said(types.PROVENANCE, provenance.subject(run), provenance.provenance(run))


def test_provenance_names_notebook_and_artefacts_as_subjects():
    read = provenance_of(artifacts=[FileDigest("model.skops", HEX), FileDigest("model.skops", HEX)])
    notebook, artifact = read.subject
    assert (notebook.name, notebook.digest) == (NOTEBOOK, {"mloNotebookV1": "cd" * 32})
    assert (artifact.name, artifact.digest) == ("model.skops", {"sha256": HEX})


def test_a_notebook_that_could_not_be_sealed_is_named_by_its_code():
    (subject,) = provenance_of(sealed=None).subject
    assert subject.digest == {"mloCodeV1": HEX}


def test_provenance_says_what_went_in():
    read = provenance_of(
        repository=Repository("ef" * 20, dirty=True, tracked=False),
        data=[FileDigest("loans.csv", HEX)],
        statements=[statement_descriptor("evidence", "12" * 32)],
        reason="cell 3 failed",
        outcome="failed",
    ).predicate
    found = {each.name: each for each in read.build_definition.resolved_dependencies}
    assert found["notebook"].digest == {"mloCodeV1": HEX}
    assert found["repository"].digest == {"gitCommit": "ef" * 20}
    assert found["repository"].annotations == {"dirty": True, "tracked": False}
    assert found["loans.csv"].digest == {"sha256": HEX}
    packages = json.dumps([["a", "1"]], separators=(",", ":")).encode()
    assert found["packages"].digest == {"mloPackagesV1": hashlib.sha256(packages).hexdigest()}
    assert read.build_definition.external_parameters == {
        "notebook": "in.ipynb",
        "output": "out.ipynb",
        "kernel": "python3",
        "parameters": {"a": 1},
    }
    assert read.build_definition.internal_parameters["language"]["version"] == "3.11.7"
    (byproduct,) = read.run_details.byproducts
    assert byproduct.digest == {"mloStatementV1": "12" * 32}
    assert read.run_details.metadata.invocation_id == RUN_ID
    assert (read.mlo_outcome, read.mlo_reason) == ("failed", "cell 3 failed")


def test_what_is_not_known_is_said_to_be_unknown():
    read = provenance_of(
        environment=Environment("bash", unknown="the kernel's language is bash"), source=None
    ).predicate
    assert read.build_definition.internal_parameters == {
        "packages": {"unknown": "the kernel's language is bash"}
    }
    assert "notebook" not in read.build_definition.external_parameters
    names = {each.name for each in read.build_definition.resolved_dependencies}
    assert names == {"notebook"}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.dates(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(st.characters()), values))
@settings(max_examples=40, deadline=None)
def test_any_parameters_can_be_put_on_record(parameters):
    provenance_of(parameters=parameters)


def test_a_large_parameter_is_named_by_its_digest():
    plain = provenance.plain_parameters({"blob": "x" * 5000, "small": 1})
    assert plain["small"] == 1
    text = json.dumps("x" * 5000).encode()
    assert plain["blob"] == {"bytes": 5002, "sha256": hashlib.sha256(text).hexdigest()}


def test_very_many_parameters_are_named_by_one_digest():
    plain = provenance.plain_parameters({str(n): "x" * 4000 for n in range(100)})
    assert set(plain) == {"bytes", "sha256"}


def test_very_many_files_are_left_to_the_statements_that_list_them():
    files = [FileDigest(f"part-{n}", HEX) for n in range(provenance.MOST_FILES + 1)]
    assert len(provenance_of(artifacts=files, data=files).subject) == 1
    assert len(provenance_of(artifacts=files[1:]).subject) == provenance.MOST_FILES + 1


def test_integers_beyond_doubles_keep_all_digits():
    assert provenance.plain_parameters({"id": 2**53 + 1}) == {"id": "9007199254740993"}


def test_a_deep_parameter_is_cut_off_not_refused():
    deep: list = []
    for _ in range(200):
        deep = [deep]
    assert "…" in json.dumps(provenance.plain_parameters({"deep": deep}), ensure_ascii=False)


def test_the_packages_digest_does_not_depend_on_their_order():
    one = provenance.packages_digest([("a", "1"), ("b", "2")])
    assert one == provenance.packages_digest([("b", "2"), ("a", "1")])
    assert one != provenance.packages_digest([("a", "1"), ("b", "3")])


@pytest.mark.parametrize(("auc", "result"), [(0.9, "PASSED"), (0.5, "FAILED")])
def test_a_validation_passes_or_fails_as_a_whole(auc, result):
    read = said(
        types.TEST_RESULT,
        descriptors([FileDigest("model", HEX)]),
        validation_result(
            {"auc": auc, "error": 0.05},
            read_thresholds({"auc": 0.8, "error": "<= 0.1"}),
            activity="validation",
            model="loan@3",
            run=RUN_ID,
            data=descriptors([FileDigest("held-out.csv", HEX)]),
        ),
    ).predicate
    assert read.result == result
    assert read.passed_tests == (["auc >= 0.8"] if result == "PASSED" else []) + ["error <= 0.1"]
    assert read.failed_tests == ([] if result == "PASSED" else ["auc >= 0.8"])
    assert read.mlo_metrics == {"auc": auc, "error": 0.05}
    thresholds, data = read.configuration
    content = base64.b64decode(thresholds.content)
    assert json.loads(content) == {"auc": ">= 0.8", "error": "<= 0.1"}
    assert thresholds.digest == {"sha256": hashlib.sha256(content).hexdigest()}
    assert data.name == "held-out.csv"


def test_evidence_and_datasets_say_what_they_are_for():
    common = {"activity": "training", "model": None, "run": RUN_ID}
    read = said(
        types.EVIDENCE,
        descriptors([numbers_subject("metrics", {"auc": 0.5})]),
        evidence("metrics", {"auc": 0.5}, **common),
    )
    assert read.predicate.metrics == {"auc": 0.5}
    assert read.subject[0].digest == {"sha256": hashlib.sha256(b'{"auc":0.5}').hexdigest()}
    read = said(
        types.DATASET,
        descriptors([FileDigest("a.csv", HEX)]),
        dataset("training", "input", **common),
    )
    assert (read.predicate.name, read.predicate.role) == ("training", "input")
