"""A real JupyterLab with token and XSRF, a new home, and Debian's Chromium."""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tests.needs import chromium

ROOT = Path(__file__).parent.parent.parent


def built_front_end() -> Path:
    """The built front end of this tree, made anew where it is stale."""
    hook = runpy.run_path(str(ROOT / "hatch_build.py"))
    source, built = ROOT / "labextension", ROOT / "jupyter_mlo" / "labextension"
    if not hook["is_up_to_date"](source, built):
        hook["build"](source, built)
    return built


@pytest.fixture(scope="session")
def front_end() -> Path:
    return built_front_end()


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab."""

    port: int
    token: str
    folder: Path
    log: Path
    environ: dict[str, str]

    def url(self, path: str) -> str:
        """The page of a file of its folder, and nothing of what was open before."""
        return f"http://127.0.0.1:{self.port}/lab/tree/{path}?reset&token={self.token}"

    def jupyter_mlo(self, *argv: str, status: int = 0) -> str:
        """Run a command as the server's account; what it says."""
        done = subprocess.run(
            [sys.executable, "-m", "jupyter_mlo.cli.main", *argv],
            env=self.environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def lab(front_end: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(front_end, tmp_path_factory.mktemp("home")) as one:
        yield one


@contextlib.contextmanager
def running_lab(front_end: Path, home: Path) -> Iterator[Lab]:
    """A JupyterLab whose every file is below ``home``."""
    folder = home / "work"
    folder.mkdir()
    extensions = home / "share" / "labextensions"
    extensions.mkdir(parents=True)
    shutil.copytree(front_end, extensions / "jupyter-mlo")
    config = home / "etc" / "jupyter_server_config.d"
    config.mkdir(parents=True)
    shutil.copy(ROOT / "jupyter-config" / "jupyter_mlo.json", config)
    # One person edits here; with jupyter-collaboration see tests/server.
    alone = {f"@jupyter/{name}-extension": True for name in ("collaboration", "docprovider")}
    (home / "etc" / "labconfig").mkdir()
    (home / "etc" / "labconfig" / "page_config.json").write_text(
        json.dumps({"disabledExtensions": alone})
    )
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
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = home / "server.log"
    options = ["--no-browser", f"--port={port}", "--ServerApp.port_retries=0"]
    options.append("--YDocExtension.disable_rtc=True")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    with log.open("w") as written:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            cwd=folder,
            env=environ,
            stdout=written,
            stderr=written,
        )
    try:
        _wait(f"http://127.0.0.1:{port}/api", server, log)
        yield Lab(port, token, folder, log, environ)
    finally:
        server.terminate()
        server.wait(20)


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
    one = browser.new_page(viewport={"width": 1280, "height": 900})
    one.set_default_timeout(20_000)
    yield one
    one.close()


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


def write_notebook(path: Path, *sources: str) -> None:
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
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path.write_text(
        json.dumps(
            {
                "cells": cells,
                "metadata": {"kernelspec": kernel},
                "nbformat": 4,
                "nbformat_minor": 5,
            }
        )
    )
