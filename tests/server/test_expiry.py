"""A session that ends while a cell runs. In process, for the clock: real keys, records, seals."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from jupyter_mlo.config import Settings
from jupyter_mlo.server.forms import Login, Renewal
from tests.server.bench import ADA, GRACE, Bench
from tests.server.conftest import PASSPHRASE


@pytest.fixture
def bench(settings: Settings) -> Bench:
    return Bench(settings)


@pytest.mark.parametrize("renewed", [True, False])
def test_a_cell_that_outlasts_its_session_is_still_its_executor_s(
    bench: Bench, renewed: bool
) -> None:
    mlo = bench.enrol(ADA)
    bench.now += timedelta(seconds=5)
    bench.begin("r1", ADA)
    bench.now += timedelta(hours=7, minutes=59)
    if renewed:
        bench.desk.renew(ADA, Renewal(passphrase=PASSPHRASE))
    bench.now += timedelta(hours=1)
    bench.end("r1")
    assert [one.status for one in bench.seen] == ["running", "ok"]
    assert bench.notices == []
    if not renewed:
        # Said once, in one place; and what she runs now is nobody's.
        (problem,) = bench.desk.me(ADA).problems
        assert "your session ended" in problem
        assert "hint" in problem
        bench.begin("r2", ADA)
        assert bench.seen[-1].signer is None
        bench.desk.log_in(ADA, Login(mlo=mlo, passphrase=PASSPHRASE))
        assert bench.desk.me(ADA).problems == []
    assert bench.verdict("r1") == (mlo, 1)


def test_nobody_else_is_given_a_cell_whose_session_ended(bench: Bench) -> None:
    mlo, other = bench.enrol(ADA), bench.enrol(GRACE)
    bench.begin("r1", ADA)
    bench.now += timedelta(hours=9)
    form = Login(mlo=other, passphrase=PASSPHRASE)
    bench.desk.log_in(GRACE, form)
    bench.desk.log_in(ADA, form)  # Ada is somebody else now: that one has not run it either.
    bench.end("r1")
    assert bench.seen[-1].signer is not None
    assert bench.seen[-1].signer.mlo == mlo
    assert bench.verdict("r1") == (None, 0)
    bench.desk.log_in(ADA, Login(mlo=mlo, passphrase=PASSPHRASE))
    assert bench.verdict("r1") == (mlo, 1)


def test_a_cell_that_waited_is_not_whoever_s_signed_in_meanwhile(bench: Bench) -> None:
    bench.enrol(ADA)
    other = bench.enrol(GRACE)
    bench.ask("r1", ADA)
    bench.desk.log_in(ADA, Login(mlo=other, passphrase=PASSPHRASE))
    bench.start("r1")
    assert bench.seen[-1].signer is None


@pytest.mark.parametrize("shared", [True, False])
def test_a_cell_that_waited_for_its_user_to_sign_in_is_theirs(bench: Bench, shared: bool) -> None:
    user = replace(ADA, shared=shared)  # where all users are one, nobody knows whose it is
    bench.ask("r1", user)
    mlo = bench.enrol(user)
    bench.start("r1")
    signer = bench.seen[-1].signer
    assert (None if signer is None else signer.mlo) == (None if shared else mlo)


@pytest.mark.parametrize("code", ["print('done')  # %mlo", "%mlo_status", "x = '%mlo_login'"])
def test_what_has_run_is_not_given_to_whoever_signs_in_next(bench: Bench, code: str) -> None:
    mlo, other = bench.enrol(ADA), bench.enrol(GRACE)
    bench.ask("r1", ADA, code)
    bench.start("r1")
    bench.desk.log_in(ADA, Login(mlo=other, passphrase=PASSPHRASE))
    bench.end("r1")
    signer = bench.seen[-1].signer
    assert signer is not None
    assert signer.mlo == mlo


@pytest.mark.parametrize(("code", "theirs"), [("%mlo_login", True), ("1  # %mlo", False)])
def test_a_cell_that_signs_in_is_whose_session_it_begins(
    bench: Bench, code: str, theirs: bool
) -> None:
    bench.ask("r1", ADA, code)
    bench.start("r1")
    mlo = bench.enrol(ADA)
    bench.end("r1")
    signer = bench.seen[-1].signer
    assert (None if signer is None else signer.mlo) == (mlo if theirs else None)
