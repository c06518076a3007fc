"""A real JupyterLab with token and XSRF, a new home, and Debian's Chromium."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import runpy
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from tests.needs import chromium
from tests.ports import free_port
from tests.server.conftest import PEOPLE, Running, User

ROOT = Path(__file__).parent.parent.parent
#: Milliseconds that a page may take on a machine that does much else: states are waited for, and
#: how fast they come is measured in benchmarks.
PATIENCE = 30_000
expect.set_options(timeout=PATIENCE)


def built_front_end() -> Path:
    """The built front end of this tree, made anew where it is stale."""
    hook = runpy.run_path(str(ROOT / "hatch_build.py"))
    source, built = ROOT / "labextension", ROOT / "jupyter_mlo" / "labextension"
    # Several processes may want it at once.
    with (source / "package.json").open() as one:
        fcntl.flock(one, fcntl.LOCK_EX)
        if not hook["is_up_to_date"](source, built):
            hook["build"](source, built)
    return built


@pytest.fixture(scope="session")
def front_end() -> Path:
    return built_front_end()


@dataclass
class Lab:
    """A running JupyterLab, which serves Notebook 7 as well."""

    port: int
    token: str
    folder: Path
    log: Path
    environ: dict[str, str]
    #: Of people, where the server tells them apart.
    tokens: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start it, or start it again."""
        options = ["--no-browser", f"--port={self.port}", "--ServerApp.port_retries=0"]
        # So that tests can wait until it hears the keyboard.
        options += [f"--{app}.expose_app_in_browser=True" for app in _APPS]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            options.append("--allow-root")
        with self.log.open("a") as written:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", *options],
                cwd=self.folder,
                env=self.environ,
                stdout=written,
                stderr=written,
            )
        _wait(f"http://127.0.0.1:{self.port}/api", self.process, self.log)

    def end(self) -> None:
        """End it as an operator would."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:  # as with a document that is open together
                self.process.kill()
                self.process.wait(5)

    def url(self, path: str, *, user: str = "", app: str = "lab/tree") -> str:
        """The page of a file of its folder, and nothing of what was open before.

        Args:
            user: who opens it, where the server tells people apart.
            app: ``lab/tree``, or ``notebooks`` for Notebook 7.
        """
        token = self.tokens[user] if user else self.token
        return f"http://127.0.0.1:{self.port}/{app}/{path}?reset&token={token}"

    def user(self, name: str = "") -> User:
        """Somebody who asks the server past the user interface."""
        url = f"http://127.0.0.1:{self.port}"
        token = self.tokens[name] if name else self.token
        assert self.process is not None
        running = Running(self.folder, url, self.environ, self.process, self.tokens, self.log)
        return User(running, token, name or "anybody")

    def jupyter_mlo(self, *argv: str, status: int | None = 0) -> str:
        """Run a command as the server's account; what it says. ``status`` None is any."""
        done = subprocess.run(
            [sys.executable, "-m", "jupyter_mlo.cli.main", *argv],
            env=self.environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert status in (None, done.returncode), done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def lab(front_end: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(front_end, tmp_path_factory.mktemp("home")) as one:
        yield one


_APPS = ("LabApp", "JupyterNotebookApp")
#: What JupyterLab loads from packages that are installed for other tests: these two edit together.
_TOGETHER = ("@jupyter/collaboration-extension", "@jupyter/docprovider-extension")
_NOT_HERE = (
    "@datalayer/jupyter-server-nbmodel",
    "jupyterlab-jupytext",
    "nbdime-jupyterlab",
)
_NOT_THERE = ("jupyter_server_nbmodel", "jupytext", "nbdime")


@contextlib.contextmanager
def running_lab(
    front_end: Path | None,
    home: Path,
    *people: str,
    together: bool = False,
    scheduler: bool = False,
    mlo_toml: str = "",
) -> Iterator[Lab]:
    """A JupyterLab whose every file is below ``home``.

    Args:
        front_end: None where the lab extension is not installed.
        people: each gets a token of their own; without, one token is everybody's.
        together: with jupyter-collaboration.
        scheduler: with jupyter-scheduler.
        mlo_toml: settings of ours.
    """
    folder = home / "work"
    folder.mkdir()
    extensions = home / "share" / "labextensions"
    extensions.mkdir(parents=True)
    if front_end is not None:
        shutil.copytree(front_end, extensions / "jupyter-mlo")
    config = home / "etc" / "jupyter_server_config.d"
    config.mkdir(parents=True)
    shutil.copy(ROOT / "jupyter-config" / "jupyter_mlo.json", config)
    shutil.copy(ROOT / "jupyter-config" / "jupyter_jupyter_scheduler_config.json", config.parent)
    beside = {
        "jupyter_server_ydoc": together,
        "jupyter_scheduler": scheduler,
        **dict.fromkeys(_NOT_THERE, False),
    }
    (config / "zz_beside.json").write_text(
        json.dumps({"ServerApp": {"jpserver_extensions": beside}})
    )
    (home / "etc" / "labconfig").mkdir()
    disabled = {**dict.fromkeys(_TOGETHER, not together), **dict.fromkeys(_NOT_HERE, True)}
    # It may be installed where the tests run.
    disabled["jupyter-mlo"] = front_end is None
    disabled["@jupyterlab/scheduler"] = not scheduler
    (home / "etc" / "labconfig" / "page_config.json").write_text(
        json.dumps({"disabledExtensions": disabled})
    )
    tokens = {name: secrets.token_hex(16) for name in people}
    if people:
        settings = home / "etc" / "jupyter_server_config.py"
        settings.write_text(f"c = get_config()\nNAMED = {tokens!r}\n{PEOPLE}")
    token = secrets.token_hex(16)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "MLO_"))}
    environ = {
        **inherited,
        "HOME": str(home),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_PATH": str(home / "share"),
        "JUPYTER_CONFIG_PATH": str(home / "etc"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTER_TOKEN": token,
        "PYTHONPATH": str(ROOT),
    }
    if mlo_toml:
        (home / "mlo").mkdir(mode=0o700)
        (home / "mlo" / "mlo.toml").write_text(mlo_toml)
        environ["MLO_HOME"] = str(home / "mlo")
    one = Lab(free_port(), token, folder, home / "server.log", environ, tokens)
    try:
        one.begin()
        yield one
    finally:
        one.end()


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < end:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as started:
        one = launched(started)
        yield one
        one.close()


def launched(playwright: Playwright) -> Browser:
    """Debian's Chromium, or its like."""
    return playwright.chromium.launch(
        executable_path=chromium(),
        args=[
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--disable-background-networking",
        ],
    )


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


@contextlib.contextmanager
def setting(lab: Lab, plugin: str, **values: object) -> Iterator[None]:
    """A user's settings of one plugin, for pages that are opened meanwhile."""
    name, _, member = plugin.rpartition(":")
    folder = Path(lab.environ["HOME"], ".jupyter", "lab", "user-settings", name)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{member}.jupyterlab-settings"
    file.write_text(json.dumps(values))
    try:
        yield
    finally:
        file.unlink()


def write_notebook(path: Path, *sources: str, kernel: str = "python3") -> None:
    """A notebook of code cells ``c0``, ``c1`` … that have not run."""
    cells: list[dict[str, object]] = [
        {
            "cell_type": "code",
            "id": f"c{at}",
            "metadata": {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for at, source in enumerate(sources)
    ]
    kernelspec = {"name": kernel, "display_name": kernel}
    path.write_text(
        json.dumps(
            {
                "cells": cells,
                "metadata": {"kernelspec": kernelspec},
                "nbformat": 4,
                "nbformat_minor": 5,
            }
        )
    )
