"""The recipes of docs/schedulers.md that need nothing but Jupyter, as the page has them.

Airflow's stand in ``.ci/schedulers``, in an environment of their own.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.runs.conftest import notebook, write
from tests.test_docs import blocks, commands
from tests.throwaway import throwaway_environment

PAGE = Path(__file__).parents[2] / "docs" / "schedulers.md"
SECTIONS = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)


def section(beginning: str) -> str:
    (found,) = [part for part in SECTIONS if part.startswith(beginning)]
    return found


class Project:
    """Ada Sample's folder with her notebooks and mandate, and what her account's cron knows."""

    def __init__(self, place: Path) -> None:
        self.environ = throwaway_environment(place)
        self.folder = place / "project"
        (self.folder / "runs").mkdir(parents=True)
        self.passphrase = place / "passphrase"
        self.passphrase.touch(mode=0o600)
        self.passphrase.write_text("correct horse battery staple\n")
        write(self.folder / "train.ipynb", "seed = 1", "print(seed)", tags={0: ["parameters"]})
        self.ada("enroll", "--name", "Ada Sample", "--email", "")

    def run(self, command: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """By the shell that cron uses, in the project's folder."""
        return self.bare(command, self.environ | environ)

    def bare(self, command: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )

    def ada(self, *words: str) -> str:
        """A command of hers, with her passphrase."""
        done = self.run(
            f"jupyter-mlo {shlex.join(words)}", MLO_PASSPHRASE_FILE=str(self.passphrase)
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def mandate(self, lasts: str) -> None:
        """A new one, in the file that the page names."""
        (self.folder / "train.mandate").unlink(missing_ok=True)
        made = ["mandate", "create", "train.ipynb", "--for", lasts, "--activity", "training"]
        self.ada(*made, "--parameters", "seed=1..20")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("ada"))


def crontab(project: Project) -> tuple[dict[str, str], list[str]]:
    """Variables and commands of the page's crontab, its places being the project's."""
    (text,) = blocks(section("cron\n"), "crontab")
    text = text.replace("/home/ada/project", str(project.folder))
    text = text.replace("/home/ada/venv/bin", str(Path(sys.executable).parent))
    lines = text.splitlines()
    given = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))
    # What cron gives, whatever the account's own shell would have: man 5 crontab.
    places = {name: project.environ[name] for name in ("HOME", "MLO_HOME")}
    bare = {"LOGNAME": "ada", "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}
    entries = [re.match(r"(?:\S+ ){5}(.*)", line) for line in lines if "=" not in line[:15]]
    return places | bare | given, [found[1].replace("\\%", "%") for found in entries if found]


def test_the_crontab_runs_in_crons_bare_environment_and_gives_notice(project: Project) -> None:
    project.mandate("30d")
    environ, entries = crontab(project)
    papermill, batch, notice = entries
    for command in (papermill, batch):
        done = project.bare(command, environ)
        assert done.returncode == 0, done.stdout
    outputs = sorted((project.folder / "runs").iterdir())
    assert len(outputs) == 3
    done = project.run("jupyter-mlo verify runs/*.ipynb")
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("Ada Sample") == 3
    assert "renew it" not in project.bare(notice, environ).stdout
    project.mandate("2d")
    assert "renew it" in project.bare(notice, environ).stdout


def test_crons_run_is_refused_after_the_mandate_was_revoked(project: Project) -> None:
    project.mandate("30d")
    project.ada("mandate", "revoke", "train.mandate")
    environ, entries = crontab(project)
    done = project.bare(entries[0].replace("runs/", "refused-"), environ)
    assert done.returncode != 0
    assert "revoked" in done.stdout
    assert not list(project.folder.glob("refused-*"))


def analysis(project: Project) -> None:
    nb = notebook("%load_ext jupyter_mlo", "import os\n'MLO_MANDATE' in os.environ")
    nbformat.write(nb, project.folder / "analysis.ipynb")


def test_nbconvert_and_execute_record_for_whoever_is_logged_in(project: Project) -> None:
    analysis(project)
    text = section("`jupyter nbconvert")
    (block,) = blocks(text, "console")
    for command in commands(block):
        if command.startswith("jupyter mlo login"):
            project.ada(*shlex.split(command)[2:])
            continue
        done = project.run(command)
        assert done.returncode == 0, f"{command}\n{done.stdout}"
    for name in ("nbconverted.ipynb", "executed.ipynb"):
        blamed = project.run(f"jupyter-mlo blame {name}").stdout
        assert "Ada Sample" in blamed


def test_a_mandate_does_nothing_there_and_is_shown_to_the_cells(project: Project) -> None:
    project.run("jupyter-mlo logout")
    project.mandate("30d")
    analysis(project)
    mandate = str(project.folder / "train.mandate")
    done = project.run("jupyter execute analysis.ipynb --output=out.ipynb", MLO_MANDATE=mandate)
    assert done.returncode == 0, done.stdout
    nb = nbformat.read(project.folder / "out.ipynb", 4)
    assert nb.cells[1].outputs[0].data["text/plain"] == "True"
    verified = project.run("jupyter-mlo verify out.ipynb")
    assert verified.returncode == 1
    assert "unattributed" in verified.stdout
