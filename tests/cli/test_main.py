"""The command line: exit statuses, one place where errors become text, help that is quick."""

from __future__ import annotations

import subprocess
import sys

import pytest

from jupyter_mlo.cli.main import main
from jupyter_mlo.verbs.overview import VERBS

#: What ``--help`` must not pay for.
HEAVY = ("IPython", "alembic", "cryptography", "nbformat", "papermill", "pydantic", "sqlalchemy")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["help"]])
def test_help_lists_every_verb(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert all(name in shown and verb.summary in shown for name, verb in VERBS.items())


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_explains_itself_with_an_example(
    name: str, home_env: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"jupyter mlo {name}" in shown.split("\n", 1)[1], "no example beside the usage line"


def test_an_unknown_verb_is_an_error_with_the_likely_one(
    home_env: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verfy", "x.ipynb"]) == 2
    shown = capsys.readouterr().err
    assert "verfy" in shown
    assert "jupyter mlo verify" in shown
    assert "Traceback" not in shown


def test_an_unknown_option_is_an_error_and_names_the_usage(
    home_env: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--no-such-option"]) == 2
    shown = capsys.readouterr().err
    assert "--no-such-option" in shown
    assert "usage: jupyter mlo status" in shown


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from jupyter_mlo.cli.main import main; main(['--help']); "
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.stderr.strip() == "[]"


def test_jupyter_finds_the_command(home_env: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jupyter", "mlo", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        env=home_env,
    )
    from jupyter_mlo import __version__

    assert done.stdout.strip() == __version__


def test_a_reader_that_goes_away_is_no_error(home_env: dict[str, str]) -> None:
    done = subprocess.run(
        f"'{sys.executable}' -m jupyter_mlo.cli.main --help | true; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        timeout=60,
        env=home_env,
    )
    assert done.stdout.strip() in ("0", "141")
    assert "Traceback" not in done.stderr
