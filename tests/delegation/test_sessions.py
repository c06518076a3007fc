"""Sessions: opened for hours, read with suspicion, and gone after logout."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.chain import Assurance, Pool, attribute
from jupyter_mlo.delegation.enrolment import enrol_oneself
from jupyter_mlo.delegation.sessions import (
    check_model,
    end_session,
    load_session,
    open_session,
    set_activity,
)
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.errors import InvalidInput, Refused, SessionError
from jupyter_mlo.identity.ids import new_mlo_id
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.identity.profiles import Profile
from jupyter_mlo.identity.store import Identity
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.statement import read_statement

NOW = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture(scope="module")
def ada(key: SigningKey) -> Identity:
    return Identity(new_mlo_id(), "person", Profile(name="Ada"), key.public, Path("/nowhere"))


@pytest.fixture(scope="module")
def enrolment(ada: Identity, key: SigningKey) -> Envelope:
    return enrol_oneself(ada.mlo, "person", key, now=NOW)


Open = Callable[..., Signer]


@pytest.fixture
def log_in(settings: Settings, ada: Identity, key: SigningKey, enrolment: Envelope) -> Open:
    def log_in(duration: timedelta = 8 * HOUR, **more: Any) -> Signer:
        return open_session(
            settings, ada, key, now=NOW, duration=duration, enrolments=[enrolment], **more
        )

    return log_in


def sign_evidence(signer: Signer, now: datetime, **members: str) -> Envelope:
    subject = [{"name": "file", "digest": {"sha256": "ab" * 32}}]
    predicate = {"activity": "training", "model": None, "name": "metrics", **members}
    return signer.sign(types.EVIDENCE, subject, predicate, now)


def test_nobody_is_logged_in_at_first(settings: Settings) -> None:
    assert load_session(settings, NOW) is None
    assert not end_session(settings)


def test_an_opened_session_is_loaded_as_it_is(
    settings: Settings, log_in: Open, ada: Identity
) -> None:
    opened = log_in(activity="training", model="loan@3")
    loaded = load_session(settings, NOW + HOUR)
    assert loaded is not None
    assert loaded.to_json() == opened.to_json()
    assert (loaded.mlo, loaded.kind, loaded.activity, loaded.model) == (
        ada.mlo,
        "session",
        "training",
        "loan@3",
    )
    assert loaded.key.key_id != ada.key_id


def test_the_file_is_private(settings: Settings, log_in: Open) -> None:
    settings.runtime.rmdir()
    log_in()
    assert stat.S_IMODE(settings.session_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.runtime.stat().st_mode) == 0o700


def test_what_a_session_signs_is_attributed_to_its_mlo(
    log_in: Open, ada: Identity, enrolment: Envelope
) -> None:
    signer = log_in()
    pool = Pool.of(signer.chain)
    delegation = attribute(
        read_statement(signer.chain[-1]), pool=pool, trust=Trust(), now=NOW + HOUR
    )
    assert (delegation.mlo, delegation.assurance) == (ada.mlo, Assurance.CLAIMED)
    pinned = Trust({ada.mlo: frozenset({ada.key_id})})
    delegation = attribute(
        read_statement(signer.chain[-1]), pool=pool, trust=pinned, now=NOW + HOUR
    )
    assert delegation.assurance == Assurance.SIGNED
    assert signer.chain[0] == enrolment


def test_a_session_may_record_and_start_runs_and_nothing_else(log_in: Open) -> None:
    scope = log_in().scope_json
    assert scope["predicates"] == sorted(types.RECORDING)
    assert scope["delegate"] == ["run"]
    assert {scope[name] for name in ("activities", "models", "code", "parameters", "uses")} == {"*"}
    signer = log_in()
    for predicate_type in (types.ENROLMENT, types.REVOCATION):
        with pytest.raises(Refused):
            signer.sign(predicate_type, [], {}, NOW)


def test_a_session_refuses_to_sign_after_its_end(log_in: Open) -> None:
    signer = log_in(HOUR)
    with pytest.raises(Refused, match="notAfter"):
        sign_evidence(signer, NOW + 2 * HOUR)


def test_it_lasts_as_long_as_asked(settings: Settings, log_in: Open) -> None:
    signer = log_in(timedelta(minutes=30))
    assert signer.expires == datetime(2026, 11, 22, 12, 30, 0, 123000, tzinfo=UTC)
    assert load_session(settings, signer.expires)
    with pytest.raises(SessionError, match=r"ended at 2026-11-22T12:30:00\.123Z") as caught:
        load_session(settings, signer.expires + timedelta(milliseconds=1))
    assert "login" in caught.value.hint


@pytest.mark.parametrize(
    "duration", [timedelta(0), -HOUR, timedelta(seconds=59), 24 * HOUR + timedelta(seconds=1)]
)
def test_too_long_or_too_short_is_refused(
    settings: Settings, log_in: Open, duration: timedelta
) -> None:
    with pytest.raises(InvalidInput, match="1 minute to 24 hours"):
        log_in(duration)
    assert load_session(settings, NOW) is None


def test_a_clock_set_back_is_said_to_be(settings: Settings, log_in: Open) -> None:
    log_in()
    with pytest.raises(SessionError, match="the clock says") as caught:
        load_session(settings, NOW - timedelta(days=1))
    assert "set back" in caught.value.hint


def test_a_second_login_replaces_the_first(settings: Settings, log_in: Open) -> None:
    first, second = log_in(), log_in()
    loaded = load_session(settings, NOW)
    assert loaded is not None
    assert loaded.key.key_id == second.key.key_id != first.key.key_id


def test_logout_leaves_nothing(settings: Settings, log_in: Open) -> None:
    signer = log_in()
    inode = settings.session_file
    held = inode.open("rb")  # the bytes in place, although the name is gone
    assert end_session(settings)
    assert not settings.session_file.exists()
    content = held.read()
    held.close()
    assert content.strip(b"\0") == b""
    assert load_session(settings, NOW) is None
    assert not end_session(settings)
    assert signer.mlo


def test_logout_removes_a_link_and_not_what_it_names(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    settings.session_file.symlink_to(tmp_path / "precious")
    assert end_session(settings)
    assert (tmp_path / "precious").read_text() == "precious"
    assert not settings.session_file.is_symlink()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_could_read_is_refused(
    settings: Settings, log_in: Open, mode: int
) -> None:
    log_in()
    settings.session_file.chmod(mode)
    with pytest.raises(SessionError, match=r"session file .* read or written by others") as caught:
        load_session(settings, NOW)
    assert "chmod 600" in caught.value.hint


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t: "",
        lambda t: t[: len(t) // 2],
        lambda t: "[]",
        lambda t: t.replace('"kind": "session"', '"kind": "run"'),
        lambda t: t.replace('"version": 1', '"version": 2'),
        lambda t: t.replace('"delegation": "', '"delegation": "00', 1),
        lambda t: json.dumps({**json.loads(t), "chain": []}),
        lambda t: json.dumps({**json.loads(t), "scope": {}}),
        lambda t: json.dumps({**json.loads(t), "key": "AAAA"}),
        lambda t: "[" * 100_000,
    ],
)
def test_a_damaged_file_is_told_from_a_missing_one(
    settings: Settings, log_in: Open, spoil: Callable[[str], str]
) -> None:
    log_in()
    settings.session_file.write_text(spoil(settings.session_file.read_text()))
    with pytest.raises(SessionError, match="is damaged") as caught:
        load_session(settings, NOW)
    assert "log in again" in caught.value.hint
    assert end_session(settings)


def test_another_home_has_another_session(settings: Settings, log_in: Open) -> None:
    from dataclasses import replace

    log_in()
    assert load_session(replace(settings, home=settings.home / "other"), NOW) is None


# Activity


def test_the_activity_is_set_for_everyone_who_uses_the_session(
    settings: Settings, log_in: Open
) -> None:
    opened = log_in()
    set_activity(settings, "validation", "loan@3", now=NOW)
    loaded = load_session(settings, NOW)
    assert loaded is not None
    assert (loaded.activity, loaded.model) == ("validation", "loan@3")
    assert loaded.key.key_id == opened.key.key_id
    assert stat.S_IMODE(settings.session_file.stat().st_mode) == 0o600


def test_an_unknown_activity_gets_the_list(settings: Settings, log_in: Open) -> None:
    log_in()
    with pytest.raises(InvalidInput, match="no activity 'trainign'") as caught:
        set_activity(settings, "trainign", None, now=NOW)
    for activity in types.ACTIVITIES:
        assert activity in caught.value.hint
    with pytest.raises(InvalidInput):
        log_in(activity="\x1b[2J")


@pytest.mark.parametrize("model", ["loan", "loan@3", "risk/loan.v2@1.0+a", None])
def test_models_are_names_with_or_without_version(model: str | None) -> None:
    check_model(model)


@pytest.mark.parametrize("model", ["", "@3", "a b", "loan@", "../x", "loan@3@4", "x" * 300])
def test_other_models_are_refused(settings: Settings, log_in: Open, model: str) -> None:
    with pytest.raises(InvalidInput, match="is not the name of a model"):
        log_in(model=model)
    assert not settings.session_file.exists()


def test_without_a_session_there_is_no_activity(settings: Settings, log_in: Open) -> None:
    with pytest.raises(SessionError, match="nobody is logged in"):
        set_activity(settings, "training", None, now=NOW)
    log_in(HOUR)
    with pytest.raises(SessionError, match="ended at"):
        set_activity(settings, "training", None, now=NOW + 2 * HOUR)


def test_loading_a_session_imports_nothing_heavy(
    settings: Settings, log_in: Open, home_env: dict[str, str]
) -> None:
    log_in()
    code = (
        "import sys; from datetime import datetime\n"
        "from jupyter_mlo.config import load_settings\n"
        "from jupyter_mlo.delegation.sessions import load_session\n"
        f"assert load_session(load_settings(), datetime.fromisoformat('{NOW}'))\n"
        "print(*[m for m in ('pydantic', 'sqlalchemy', 'stdnum', 'nbformat', 'ipywidgets')"
        " if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, env=home_env
    )
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_a_write_that_fails_keeps_the_old_session(
    settings: Settings, log_in: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = log_in()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        log_in()
    monkeypatch.undo()
    loaded = load_session(settings, NOW)
    assert loaded is not None
    assert loaded.key.key_id == first.key.key_id
