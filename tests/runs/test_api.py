"""``current`` and ``record`` outside a run: under a session, or where nobody is logged in."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import jupyter_mlo
from jupyter_mlo.errors import InvalidInput, KeyFileError, NotFound, Refused
from jupyter_mlo.statements.predicates import types


def test_nobody_is_a_clear_answer_that_is_false(folder, settings):
    who = jupyter_mlo.current()
    assert not who
    assert who.mlo is None
    assert repr(who) == "<nobody: not logged in; %mlo_login, or jupyter mlo login, changes that>"


def test_the_session_says_who(ada, folder):
    ada.login(activity=None, model=None)
    who = jupyter_mlo.current()
    assert (who.mlo, who.kind, who.activity, who.model) == (ada.mlo, "session", "exploration", None)
    assert (who.run, who.notebook) == (None, None)
    assert who.expires > datetime.now(UTC)
    assert repr(who).startswith(f"<{ada.mlo} by session: exploration, until 20")


def test_a_name_that_is_known_here_is_shown_without_its_controls(ada, folder, monkeypatch):
    from jupyter_mlo.runs import api

    ada.login()
    monkeypatch.setattr(api, "name_here", lambda settings, mlo: "Ada\x1b[31m\u202e")
    who = jupyter_mlo.current()
    assert who.name == "Ada\x1b[31m\u202e"
    assert "\x1b" not in repr(who)
    assert "\u202e" not in repr(who)


def test_a_session_that_has_ended_is_nobody_with_that_reason(ada, folder):
    ada.login(now=datetime.now(UTC) - timedelta(hours=9))
    who = jupyter_mlo.current()
    assert not who
    assert "ended at" in who.reason


def test_a_run_that_has_ended_is_nobody(folder, settings, monkeypatch):
    monkeypatch.setenv("MLO_RUN", str(folder / "gone.json"))
    who = jupyter_mlo.current()
    assert not who
    assert "missing" in who.reason


def test_interactively_it_is_published_at_once(ada, folder, logged):
    ada.login()
    Path("a.csv").write_text("a")
    done = jupyter_mlo.record(metrics={"auc": 0.5}, data=["a.csv"], name="first")
    assert done
    assert [kind for kind, _ in done.statements] == ["evidence", "dataset"]
    (evidence,) = logged(types.EVIDENCE)
    assert (evidence.mlo, evidence.predicate.name) == (ada.mlo, "first")
    assert evidence.predicate.run is None
    assert logged(types.ENROLMENT), "the chain goes with it"
    assert logged(types.DELEGATION)


def test_without_anybody_it_says_so_and_still_judges(folder, settings, capsys):
    done = jupyter_mlo.record(metrics={"auc": 0.9}, thresholds={"auc": 0.95})
    assert not done
    assert done.result == "FAILED"
    assert "not on record: nobody is logged in" in capsys.readouterr().err
    assert not settings.ledger.exists()


def test_where_policy_asks_for_somebody_it_is_refused(folder, settings):
    (settings.home / "mlo.toml").write_text("[identity]\nrequired = true\n")
    with pytest.raises(Refused, match="nobody is logged in"):
        jupyter_mlo.record(metrics={"auc": 0.9})


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({}, "nothing was given"),
        ({"metrics": {}}, "nothing was given"),
        ({"metrics": {"auc": float("nan")}}, "'auc' is nan"),
        ({"metrics": {"auc": "high"}}, "not a number"),
        ({"thresholds": {"auc": "about 1"}}, "cannot be read"),
        ({"data": 3}, "data is int, not a path"),
        ({"data": [3]}, "data is int, not a path"),
        ({"data": {"a": None}}, "data is NoneType"),
        ({"data": {3: "a"}}, "cannot name a file"),
        ({"data": ""}, "not a path"),
        ({"artifact": "a\0b"}, "not a path"),
        ({"metrics": {"a": 1}, "name": ""}, "name is not a text"),
    ],
)
def test_what_cannot_go_on_record_is_refused_even_where_nobody_is(folder, settings, given, match):
    with pytest.raises(InvalidInput, match=match):
        jupyter_mlo.record(**given)


def test_a_table_in_memory_is_refused_with_what_to_do(folder, settings):
    import pandas

    with pytest.raises(InvalidInput, match="DataFrame") as caught:
        jupyter_mlo.record(data=pandas.DataFrame({"a": [1]}))
    assert "write it to a file" in caught.value.hint


def test_a_missing_file_is_told(folder, settings):
    with pytest.raises(NotFound, match=r"absent\.csv"):
        jupyter_mlo.record(data="absent.csv")


def test_files_of_one_name_in_two_folders_are_told_apart(ada, folder, logged):
    ada.login()
    for place in ("one", "two"):
        Path(place).mkdir()
        Path(place, "a.csv").write_text(place)
    jupyter_mlo.record(data=["one/a.csv", "two/a.csv"], artifact=Path("one"))
    names = [
        (each.predicate.role, each.predicate.name, each.subject[0].name)
        for each in logged(types.DATASET)
    ]
    assert names == [
        ("input", "one/a.csv", "one/a.csv"),
        ("input", "two/a.csv", "two/a.csv"),
        ("output", "one", "one/a.csv"),
    ]


def test_with_the_ledger_away_it_waits_and_says_so(ada, folder, settings):
    ada.login()
    (settings.ledger / "ledger.sqlite3").mkdir(parents=True)
    done = jupyter_mlo.record(metrics={"auc": 1})
    assert done
    assert "waits for the ledger" in repr(done)


def test_a_session_file_that_others_can_read_is_not_used(ada, folder, settings, capsys):
    ada.login()
    settings.session_file.chmod(0o644)
    assert not jupyter_mlo.record(metrics={"auc": 1})
    assert "can be read" in capsys.readouterr().err
    assert not jupyter_mlo.current()


def test_a_broken_description_of_the_run_is_told(ada, folder, settings, monkeypatch):
    from jupyter_mlo.delegation.runs import delegate_run
    from jupyter_mlo.runs.run_key import RunKey, read_run_key

    run_id, notebook_id = (f"urn:uuid:{c * 8}-1111-4111-8111-{c * 12}" for c in "12")
    leaf = delegate_run(ada.login(), run_id, notebook_id, datetime.now(UTC), timedelta(hours=1))
    key = RunKey(leaf, folder, "ab" * 32, "Ada")
    key.write()
    assert read_run_key(key.path).name == "Ada"
    for content in ("", "[]", '{"code": 1, "name": null}', '{"code": "a"}'):
        (folder / "run.json").write_text(content)
        with pytest.raises(KeyFileError, match="description"):
            read_run_key(key.path)


def test_asking_who_acts_loads_nothing_heavy(folder, home_env):
    code = (
        "import sys, jupyter_mlo; jupyter_mlo.current()\n"
        "heavy = {'pydantic', 'sqlalchemy', 'nbformat', 'papermill', 'ipywidgets'}\n"
        "print(*heavy & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=home_env
    )
    assert done.stdout.strip() == ""
