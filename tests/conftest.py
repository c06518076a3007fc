"""Fixtures that every test may use: a throw-away home, and settings that point there."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlo.config import Settings, load_settings
from tests.postgresql import Server, running
from tests.tally import TALLY, Tally


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    """Where the tamper harness counts; the table is shown when the run ends."""
    return request.config.stash.setdefault(TALLY, Tally())


#: Folders whose files take minutes: first, so that no process is left alone with one at the end.
_LONG = ("story", "labextension", "server", "scheduler", "verbs")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; the order within a folder stays."""
    here = Path(__file__).parent

    def rank(item: pytest.Item) -> int:
        folder = item.path.relative_to(here).parts[0]
        return _LONG.index(folder) if folder in _LONG else len(_LONG)

    items.sort(key=rank)


def pytest_configure() -> None:
    """What a shell started in the background ignores Ctrl-C, and so would all that it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are processors, as tests with kernels and browsers wait a lot."""
    return (os.cpu_count() or 1) + 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of a parallel run hands over what its tests counted."""
    if TALLY in session.config.stash and hasattr(session.config, "workeroutput"):
        session.config.workeroutput["tally"] = asdict(session.config.stash[TALLY])
    _refuse_skips(session)


def _refuse_skips(session: pytest.Session) -> None:
    """Where nothing may be skipped, a file that was as a whole counts too."""
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter is not None else []
    if skipped and os.environ.get("TESTS_SKIP_NOTHING"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        for one in skipped:
            reporter.write_line(f"skipped, and TESTS_SKIP_NOTHING is set: {one.nodeid}", red=True)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add what one worker of a parallel run counted."""
    if counted := getattr(node, "workeroutput", {}).get("tally"):
        node.config.stash.setdefault(TALLY, Tally()).add(Tally(**counted))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show what was tried and found, where the harness ran."""
    if TALLY in config.stash:
        terminalreporter.section("tamper harness")
        for line in config.stash[TALLY].lines():
            terminalreporter.write_line(line)


@pytest.fixture
def home_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A new HOME with nothing in it, in this process's environment and as a dict for children."""
    places = {
        "HOME": tmp_path / "home",
        "MLO_HOME": tmp_path / "mlo",
        "JUPYTER_DATA_DIR": tmp_path / "jupyter-data",
        "JUPYTER_RUNTIME_DIR": tmp_path / "jupyter-runtime",
        "JUPYTER_CONFIG_DIR": tmp_path / "jupyter-config",
        "IPYTHONDIR": tmp_path / "ipython",
    }
    for name, place in places.items():
        place.mkdir(mode=0o700)
        monkeypatch.setenv(name, str(place))
    for name in ("MLO_MANDATE", "MLO_RUN", "MLO_PASSPHRASE_FILE", "MLO_DEFAULT_ENGINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(places["HOME"])
    return dict(os.environ)


@pytest.fixture
def settings(home_env: dict[str, str]) -> Settings:
    """Settings of the throw-away home."""
    return load_settings(home_env)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server for all tests that leave it running."""
    with running() as server:
        yield server
