"""The demo plays to its end, finds what it alters, and never touches somebody's files."""

from __future__ import annotations

import json
import resource
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from jupyter_mlo.errors import InvalidInput, MissingExtra
from jupyter_mlo.verbs import demo_folder
from jupyter_mlo.verbs.demo import NEXT
from tests.throwaway import throwaway_environment


@dataclass(frozen=True)
class Played:
    """A demo that has been played."""

    folder: Path
    environ: dict[str, str]
    said: str
    #: Processor time.
    seconds: float
    #: Files that were there afterwards, but not in its folder.
    outside: list[Path]

    def mlo(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a verb in the demo's home."""
        return subprocess.run(
            ["jupyter", "mlo", *arguments],
            cwd=self.folder,
            env=self.environ | {"MLO_HOME": str(self.folder / "home")},
            capture_output=True,
            text=True,
            timeout=60,
        )


def _children_time() -> float:
    """Processor seconds of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    place = tmp_path_factory.mktemp("demo")
    environ = throwaway_environment(place)
    began = _children_time()
    done = subprocess.run(
        ["jupyter", "mlo", "demo", "--dir", "demo"],
        cwd=place,
        env=environ,
        capture_output=True,
        text=True,
        timeout=240,
    )
    seconds = _children_time() - began
    assert done.returncode == 0, done.stdout + done.stderr
    outside = [
        path
        for path in place.rglob("*")
        if path.is_file() and not path.is_relative_to(place / "demo")
    ]
    return Played(place / "demo", environ, done.stdout, seconds, outside)


def test_both_runs_verify_as_enrolled_by_the_registrar(played: Played) -> None:
    done = played.mlo("verify", "--json", "--require", "enrolled", "runs")
    assert done.returncode == 0, done.stdout
    cells = [c for n in json.loads(done.stdout)["notebooks"] for c in n["cells"]]
    executed = [cell for cell in cells if cell["mlo"]]
    assert {cell["activity"] for cell in executed} == {"training", "validation"}
    assert len({cell["mlo"] for cell in executed}) == 2


def test_what_was_altered_in_the_copy_is_named_and_nothing_else(played: Played) -> None:
    done = played.mlo("verify", "--json", "altered/validate.ipynb")
    assert done.returncode == 1
    (notebook,) = json.loads(done.stdout)["notebooks"]
    verdicts = {c["id"]: c["verdict"] for c in notebook["cells"] if not c["holds"]}
    assert verdicts == {"score": "changed since", "ratio": "not valid here"}


def test_the_ledger_holds_provenance_and_the_test_result(played: Played) -> None:
    assert played.mlo("ledger", "verify").returncode == 0
    listed = played.mlo("log", "--json").stdout
    assert "https://slsa.dev/provenance/v1" in listed
    assert "https://in-toto.io/attestation/test-result/v0.1" in listed


def test_every_command_is_shown_before_it_is_run(played: Played) -> None:
    shown = [line.removeprefix("$ ") for line in played.said.splitlines() if line[:2] == "$ "]
    verbs = {command.split("jupyter mlo ")[-1].split()[0] for command in shown}
    assert {"registrar", "enroll", "trust", "mandate", "verify", "blame", "ledger", "log"} <= verbs
    assert sum("papermill" in command for command in shown) == 2


def test_passphrases_stand_in_files_of_their_own_and_nowhere_else(played: Played) -> None:
    files = list((played.folder / "passphrases").iterdir())
    assert len(files) == 3
    secrets = {file.read_text().strip().encode() for file in files}
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    for path in played.folder.rglob("*"):
        if path.is_file() and path not in files:
            content = path.read_bytes()
            assert not [secret for secret in secrets if secret in content], path
    assert not [secret for secret in secrets if secret.decode() in played.said]


def test_the_next_commands_are_told_and_do_what_they_should(played: Played) -> None:
    statuses = []
    for command in NEXT:
        assert f"  {command}\n" in played.said
        script = "\n".join([*demo_folder.entrance(played.folder), command])
        done = subprocess.run(
            ["bash", "-c", script], env=played.environ, capture_output=True, text=True, timeout=90
        )
        statuses.append((done.returncode, done.stdout + done.stderr))
    assert [status for status, _ in statuses] == [1, 1, 0]
    assert "not valid here" in statuses[0][1]
    assert "does not permit this run" in statuses[1][1]
    assert not (played.folder / "no.ipynb").exists()
    assert "logged in as Sample Trainer" in statuses[2][1]


def test_nothing_is_written_outside_its_folder(played: Played) -> None:
    assert not played.outside


def test_it_computes_for_less_than_a_minute(played: Played) -> None:
    # Processor time, as the machine may be busy; the clock's time is in benchmarks/.
    assert played.seconds < 60


def test_a_folder_with_somebodys_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.ipynb").write_text("{}")
    with pytest.raises(InvalidInput, match="is not empty, and no demo made it"):
        demo_folder.make_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.ipynb"]


def test_the_next_demo_replaces_the_parts_of_the_last_and_keeps_the_rest(tmp_path: Path) -> None:
    demo_folder.make_folder(tmp_path / "demo")
    (tmp_path / "demo" / "home" / "left.txt").write_text("over")
    (tmp_path / "demo" / "notes.txt").write_text("mine")
    demo_folder.make_folder(tmp_path / "demo")
    for line in demo_folder.entrance(tmp_path / "demo"):
        assert f"  {line}\n" in (tmp_path / "demo" / "README.txt").read_text()
    assert not (tmp_path / "demo" / "home" / "left.txt").exists()
    assert (tmp_path / "demo" / "notes.txt").read_text() == "mine"


def test_missing_packages_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_folder, "_NEEDED", ("json", "a_package_that_is_not_there"))
    with pytest.raises(MissingExtra, match=r"a_package_that_is_not_there") as caught:
        demo_folder.require_demo_packages()
    assert "jupyter-mlo[demo]" in caught.value.hint
