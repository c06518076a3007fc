"""Secret variables never reach a kernel, and the next notebook of a process finds them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from jupyter_mlo.runs.withheld import Withheld, is_secret, kernel_environment


@pytest.mark.parametrize(
    "name", ["MLO_MANDATE", "MLO_PASSPHRASE_FILE", "MLO_PASSPHRASE", "MLO_RUN", "mlo_mandate"]
)
def test_secrets_are_known_by_name(name):
    assert is_secret(name)


@pytest.mark.parametrize("name", ["MLO_HOME", "MLO_ACTIVITY", "MLO_MODEL", "MANDATE", "MLO_RUNNER"])
def test_what_is_no_secret_stays(name):
    assert not is_secret(name)


def test_a_kernel_gets_no_secret_and_its_own_run_only():
    environ = {"MLO_MANDATE": "s", "MLO_RUN": "/of/the/run/around", "PATH": "/bin"}
    assert kernel_environment(environ) == {"PATH": "/bin"}
    assert kernel_environment(environ, "/own") == {"PATH": "/bin", "MLO_RUN": "/own"}


def test_secrets_are_away_while_it_lasts_and_back_afterwards(monkeypatch):
    monkeypatch.setenv("MLO_MANDATE", "secret")
    monkeypatch.setenv("MLO_HOME", "/home")
    with Withheld() as secrets:
        assert secrets == {"MLO_MANDATE": "secret"}
        assert "MLO_MANDATE" not in os.environ
        assert os.environ["MLO_HOME"] == "/home"
    assert os.environ["MLO_MANDATE"] == "secret"


def test_they_come_back_after_an_error(monkeypatch):
    monkeypatch.setenv("MLO_MANDATE", "secret")
    with pytest.raises(KeyboardInterrupt), Withheld():
        raise KeyboardInterrupt
    assert os.environ["MLO_MANDATE"] == "secret"


def test_runs_that_overlap_each_find_the_secret_and_none_puts_it_back_too_early(monkeypatch):
    monkeypatch.setenv("MLO_MANDATE", "secret")
    first, second = Withheld(), Withheld()
    assert first.__enter__() == {"MLO_MANDATE": "secret"}
    assert second.__enter__() == {"MLO_MANDATE": "secret"}
    first.__exit__(None, None, None)
    assert "MLO_MANDATE" not in os.environ, "the second run's kernel may be starting now"
    second.__exit__(None, None, None)
    assert os.environ["MLO_MANDATE"] == "secret"


def test_what_the_caller_sets_meanwhile_is_newer(monkeypatch):
    monkeypatch.setenv("MLO_MANDATE", "old")
    with Withheld():
        os.environ["MLO_MANDATE"] = "new"
        with Withheld() as secrets:
            assert secrets == {"MLO_MANDATE": "new"}
    assert os.environ["MLO_MANDATE"] == "new"


def test_threads_that_come_and_go_never_see_a_secret_in_the_environment():
    environ = {"MLO_MANDATE": "secret"}
    seen: list[object] = []
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        for _ in range(200):
            with Withheld(environ) as secrets:
                seen.append((secrets.get("MLO_MANDATE"), "MLO_MANDATE" in environ))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(seen) == {("secret", False)}
    assert environ == {"MLO_MANDATE": "secret"}


linux = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="only Linux shows it there"
)


@linux
def test_what_linux_shows_of_the_start_holds_no_secret_any_more():
    """A child reads it, as a kernel could: before, meanwhile, and after."""
    code = (
        "import os, subprocess, sys\n"
        "from jupyter_mlo.runs.withheld import Withheld\n"
        "def shown():\n"
        '    code = \'import os; print(open(f"/proc/{os.getppid()}/environ", "rb").read())\'\n'
        "    done = subprocess.run([sys.executable, '-c', code], capture_output=True, check=True)\n"
        "    return done.stdout\n"
        "assert b'hunter2' in shown()\n"
        "with Withheld() as secrets:\n"
        "    assert secrets['MLO_MANDATE'] == 'hunter2'\n"
        "    found = shown()\n"
        "    assert b'hunter2' not in found\n"
        "    assert b'MLO_AFTER=stays' in found and b'MLO_BEFORE=stays' in found\n"
        "assert os.environ['MLO_MANDATE'] == 'hunter2'\n"
        "assert b'hunter2' not in shown()\n"
        "print(subprocess.check_output(['sh', '-c', 'echo $MLO_MANDATE'], text=True))\n"
    )
    environ = {"MLO_BEFORE": "stays", "MLO_MANDATE": "hunter2", "MLO_AFTER": "stays"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.getcwd(), **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "hunter2", "what is started after the run has it as before"


@linux
def test_where_memory_cannot_be_written_the_run_goes_on(monkeypatch):
    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setenv("MLO_MANDATE", "secret")
    monkeypatch.setattr("jupyter_mlo.runs.environment_block.os.open", refused)
    with Withheld() as secrets:
        assert secrets == {"MLO_MANDATE": "secret"}
