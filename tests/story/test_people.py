"""Who comes to a team and who leaves it: by the ledger, with a registrar that homes trust once."""

from __future__ import annotations

import base64
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jupyter_mlo.delegation.scope import CLOCK_TOLERANCE
from tests.postgresql import wait_until
from tests.story.team import Done, Home, Team, ended, give, runs_of


@pytest.fixture(scope="module")
def office(team: Team) -> Home:
    """The registrar's home."""
    home = team.home("office")
    home("registrar", "init", "--name", "Model risk", secret=True)
    return home


def key_of(office: Home) -> str:
    return str(office("registrar", "list", "--json").json["keyId"])


def joins(team: Team, office: Home, name: str, *, by: str) -> tuple[Home, str]:
    """Somebody new, who trusts the registrar and is enrolled by it; nothing comes back by hand."""
    home = team.home(by)
    home("trust", "add", "--registrar", key_of(office))
    mlo = home.enrol(name)
    home("enroll", "--export", "request.jsonl")
    office("registrar", "enrol", give(home.work / "request.jsonl", office), secret=True)
    (office.work / "request.jsonl").unlink()
    (office.work / "request.registered.jsonl").unlink()
    return home, mlo


def run(home: Home, source: str, target: str, *options: str | Path) -> Done:
    """A run, however it ends; under the session, or a mandate that is named."""
    return home("run", source, "--out", target, *options, ok=[0, 1])


def test_who_joins_is_known_by_the_ledger_and_who_leaves_ends_there(
    team: Team, office: Home, tmp_path: Path
) -> None:
    ada, _ = joins(team, office, "Ada Sample", by="ada")
    grace, mlo = joins(team, office, "Grace Sample", by="grace")
    runner = team.home("runner")
    runner("trust", "add", "--registrar", key_of(office))
    # What was sent is the enrolment, and no secret.
    (line,) = (grace.work / "request.jsonl").read_text().splitlines()
    sent = json.loads(base64.b64decode(json.loads(line)["payload"]))
    assert sent["predicate"]["mlo"] == mlo
    assert "PRIVATE" not in line
    assert not {"Grace Sample", "name", "email"} & set(sent["predicate"])
    (found,) = grace("status", "--json").json["identities"]
    assert (found["assurance"], len(found["handle"])) == ("enrolled", 22)

    # Work of hers, by a session and by a mandate; Ada knows her without a word of hers.
    gate = tmp_path / "gate"
    gate.mkdir()
    wait = (
        f"import os, time\nopen(r'{gate}/begun-' + str(seed), 'w').close()\n"
        f"while seed and not os.path.exists(r'{gate}/go'): time.sleep(0.02)"
    )
    grace.notebook("job.ipynb", "seed = 0", wait)
    grace("login", "--activity", "training", secret=True)
    assert run(grace, "job.ipynb", "before.ipynb").status == 0
    create = ["mandate", "create", "job.ipynb", "--for", "1d", "--activity", "training"]
    grace(*create, "--parameters", "seed", secret=True)
    file = give(grace.work / "job.mandate", runner)
    give(grace.work / "job.ipynb", runner)
    running = runner.start(
        *("run", "job.ipynb", "--mandate", file, "--grid", "seed=1..4", "--keep-going"),
        *("--out", "{seed}.ipynb", "--workers", "2", "--json"),
    )
    wait_until(lambda: len(list(gate.glob("begun-[1-9]"))) == 2, what="two runs")
    office("registrar", "revoke", mlo, "--reason", "left", secret=True)
    gone = datetime.now(UTC)
    (gate / "go").touch()
    results = ended(running, [1]).json
    assert Counter(each["status"] for each in results) == {"succeeded": 2, "refused": 2}
    for each in results:
        if each["status"] == "refused":
            assert "was revoked" in each["reason"]
            assert "left" in each["reason"]

    # Of what she signs from now on nothing counts; what was before stays. Clocks may differ.
    wait_until(lambda: datetime.now(UTC) > gone + CLOCK_TOLERANCE, what="the difference of clocks")
    assert run(grace, "job.ipynb", "after.ipynb").status == 0
    ends = {"before.ipynb": 0, "after.ipynb": 1}
    for name, status in ends.items():
        done = ada("verify", give(grace.work / name, ada), ok=[0, 1])
        assert (done.status, "was revoked" in done.out) == (status, bool(status)), done.out
    for path in runner.work.glob("[1-4].ipynb"):
        assert ada("verify", give(path, ada)).status == 0
    assert "revoked" in grace("mandate", "list").out
    done = grace(*create, "--out", "more.mandate", secret=True, ok=[1])
    assert "it signs nothing that counts" in done.err
    assert "(left)" in office("registrar", "list").out
    done = run(runner, "job.ipynb", "late.ipynb", "--mandate", file)
    assert done.status == 1
    assert "was revoked" in done.err
    assert not (runner.work / "late.ipynb").exists()
    assert ada("ledger", "verify", ok=[0, 1]).status == 0
    assert len(runs_of(ada)) == 4


def test_no_column_of_the_database_keeps_a_leaver_s_mandate_in_force(
    team: Team, office: Home
) -> None:
    grace, mlo = joins(team, office, "Grace Sample", by="grace")
    grace.notebook("job.ipynb", "1", parameters=False)
    grace("mandate", "create", "job.ipynb", "--for", "1d", "--activity", "training", secret=True)
    office("registrar", "revoke", mlo, "--reason", "left", secret=True)
    team.server.sql("mlo", "UPDATE contents SET predicate_type = 'https://example.org/x'")
    done = run(grace, "job.ipynb", "out.ipynb", "--mandate", "job.mandate")
    assert done.status == 1
    assert "was revoked" in done.err
