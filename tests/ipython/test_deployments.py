"""Containers: a HOME that is gone at the next start, and an MLO_HOME that is mounted."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.ipython.conftest import Home, Start


def forgetting_home(home: Home) -> dict[str, str]:
    """The environment of a container: everything but MLO_HOME below HOME, nothing named."""
    places = ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR")
    return {name: value for name, value in home.env.items() if name not in places}


def test_what_was_recorded_outlives_the_home(home: Home, start: Start, tmp_path: Path) -> None:
    home.env = forgetting_home(home)
    for turn in ("first", "second"):
        folder = tmp_path / turn
        folder.mkdir(mode=0o700)
        home.env["HOME"] = str(folder)
        runtime = folder / ".local/share/jupyter/runtime"
        home.settings = type(home.settings)(
            home.settings.home, runtime, home.settings.policy, home.settings.ledger_url
        )
        frontend = start(HOME=str(folder))
        # The session was the container's, and ended with it.
        assert "nobody is logged in" in frontend.run("%mlo_status").text
        signer = home.log_in(turn)
        cell = frontend.run("display(1)")
        assert home.record(cell).mlo == signer.mlo
        shutil.rmtree(folder)
        # Even with the kernel still running: cells go on.
        after = frontend.run("'goes on'")
        assert "'goes on'" in after.text  # and IPython's history complains
        assert not home.records(after)
    assert len(home.records()) == 2
