"""`autoload on` serves the kernels of its environment: quietly, with one reminder."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager

from tests.ipython.conftest import Home
from tests.ipython.frontend import FrontEnd, stop_kernel

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An environment of its own, with what the one that runs the tests has installed."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "all.pth").write_text(f"{ROOT}\n{sysconfig.get_path('purelib')}\n")
    return str(folder / "bin" / "python")


def autoload(python: str, home: Home, *state: str) -> str:
    command = [python, "-m", "jupyter_mlo.cli.main", "autoload", *state]
    done = subprocess.run(
        command, env=home.env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def on(python: str, home: Home) -> Iterator[None]:
    assert autoload(python, home, "on").startswith("on: kernels of")
    yield
    assert autoload(python, home, "off").startswith("off: ")


@contextmanager
def kernel(python: str, home: Home) -> Iterator[FrontEnd]:
    """A kernel of that environment."""
    manager = KernelManager(kernel_name="python3")
    spec = manager.kernel_spec
    assert spec is not None
    spec.argv = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager.start_kernel(env=home.env, cwd=home.env["HOME"])
    frontend = FrontEnd(manager)
    try:
        yield frontend
    finally:
        frontend.close()
        stop_kernel(manager)


@pytest.fixture
def start(on: None, python: str, home: Home) -> Iterator[FrontEnd]:
    with kernel(python, home) as frontend:
        yield frontend


def test_it_says_how_it_stands(python: str, home: Home) -> None:
    assert autoload(python, home).startswith("off: ")
    assert autoload(python, home, "on").startswith("on: ")
    assert autoload(python, home, "on").startswith("on: ")
    assert autoload(python, home).startswith("on: ")
    file = Path(python).parents[1] / "etc/ipython/startup/50-jupyter-mlo.py"
    assert file.stat().st_mode & 0o777 == 0o644
    assert autoload(python, home, "off").startswith("off: ")
    assert not file.exists()
    assert autoload(python, home, "off").startswith("off: ")
    # Somebody else's file is left alone.
    file.write_text("# mine\n")
    done = subprocess.run(
        [python, "-m", "jupyter_mlo.cli.main", "autoload", "on"],
        env=home.env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "is none of ours" in done.stderr
    assert file.read_text() == "# mine\n"
    file.unlink()
    assert not (Path(sys.prefix) / "etc/ipython/startup/50-jupyter-mlo.py").exists()


def test_a_kernel_records_by_itself(home: Home, start: FrontEnd) -> None:
    signer = home.log_in()
    first = start.run("display(1)")
    assert first.outputs[0]["metadata"]["mlo"].startswith(signer.mlo)
    assert len(first.outputs) == 1
    assert home.record(first).mlo == signer.mlo
    assert start.run("[n for n in dir() if 'autoload' in n]").text == "[]"


def test_nobody_is_reminded_more_than_once(home: Home, start: FrontEnd) -> None:
    quiet = start.run("%mlo_status")
    assert "so cells are not attributed" not in quiet.text
    first, second = start.run("1"), start.run("2")
    assert first.text.count("nobody is logged in, so cells are not attributed") == 1
    assert first.reply["status"] == "ok"
    assert second.text == "2"
    home.log_in()
    assert start.run("3").text == "3"


def test_where_somebody_must_answer_the_cell_is_refused(on: None, home: Home, python: str) -> None:
    (home.settings.home / "mlo.toml").write_text("[identity]\nrequired = true\n")
    with kernel(python, home) as frontend:
        for _ in range(2):
            cell = frontend.run("made = 1")
            assert cell.reply["ename"] == "RefusedCell"
            assert "%mlo_login" in cell.text
        home.log_in()
        assert frontend.run("'made' in globals()").text == "False"


def test_a_broken_configuration_costs_no_kernel(on: None, home: Home, python: str) -> None:
    (home.settings.home / "mlo.toml").write_text("[identity]\nrequired = maybe\n")
    with kernel(python, home) as frontend:
        first, second = frontend.run("1"), frontend.run("2")
        assert "jupyter-mlo: it could not be loaded" in first.text
        assert "Traceback" not in first.text
        assert (first.reply["status"], second.text) == ("ok", "2")
    (home.settings.home / "mlo.toml").unlink()
