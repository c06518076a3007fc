"""What a server with our extension says of itself, and of what it cannot do."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_server.extension.manager import ExtensionManager
from jupyter_server.serverapp import ServerApp

from jupyter_mlo.server.extension import MloServerExtension
from tests.server.conftest import REPOSITORY, Start
from tests.throwaway import throwaway_environment

#: As those for object stores are: it keeps files its own way, and runs no hooks.
FORGETFUL = """
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

class Forgetful(AsyncLargeFileManager):
    async def save(self, model, path=""):
        with open(self._get_os_path(path), "w") as file:
            json.dump(model["content"], file)
        return await self.get(path, content=False)

import json
c.ServerApp.contents_manager_class = Forgetful
"""
HANDED_ON = """
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

class HandedOn(AsyncLargeFileManager):
    async def save(self, model, path=""):
        return await super().save(model, path)

c.ServerApp.contents_manager_class = HandedOn
"""


@pytest.mark.parametrize(("config", "stamps"), [(FORGETFUL, False), (HANDED_ON, True)])
def test_a_contents_manager_that_calls_no_hooks_is_named(
    start: Start, config: str, stamps: bool
) -> None:
    server = start("ada", config=config)
    ada = server.user("ada")
    me = ada.get("/jupyter-mlo/me")
    said = [problem for problem in me["problems"] if "calls no hooks" in problem]
    assert me["stampsOnSave"] is stamps
    assert (not said) is stamps
    status = json.loads(server.jupyter_mlo("status", "--json"))
    warned = [one for one in status["warnings"] if "calls no hooks" in one]
    assert (not warned) is stamps
    server.stop()
    status = json.loads(server.jupyter_mlo("status", "--json"))
    assert not [one for one in status["warnings"] if "Jupyter server" in one]


def test_a_server_that_is_too_old_is_named_and_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(ExtensionManager, "start_all_extensions")  # as in 2.15
    server = ServerApp()
    server.extension_manager = ExtensionManager(serverapp=server)
    extension = MloServerExtension(serverapp=server, log=logging.getLogger("server"))
    extension.initialize_settings()
    extension.initialize_handlers()
    assert extension.settings == {}
    assert extension.handlers == []
    assert "needs Jupyter Server 2.16" in caplog.text


def test_the_extension_is_listed_as_enabled_and_valid(tmp_path: Path) -> None:
    environ = throwaway_environment(tmp_path)
    shipped = tmp_path / "jupyter-config" / "jupyter_server_config.d"
    shipped.mkdir(parents=True)
    shutil.copy(REPOSITORY / "jupyter-config" / "jupyter_mlo.json", shipped)
    environ["PYTHONPATH"] = str(REPOSITORY)
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_server.extension.serverextension", "list"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    listed = [line for line in said.splitlines() if "jupyter_mlo" in line]
    assert any("enabled" in line for line in listed), said
    assert any("OK" in line for line in listed), said
