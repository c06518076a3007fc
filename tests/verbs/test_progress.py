"""Progress: beside the result, only where it takes long, and a bar on terminals alone."""

from __future__ import annotations

import io
import json
import re
import shutil
import time
from datetime import UTC, datetime

import pytest

from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.progress import progress
from tests.verbs.workshop import Workshop


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        return True


def context(err: io.StringIO) -> Context:
    return Context(None, io.StringIO(), err, None, lambda: datetime.now(UTC))  # type: ignore[arg-type]


@pytest.mark.parametrize(("seconds", "lines"), [(0.01, 0), (1.0, 4)])
def test_elsewhere_there_is_a_line_every_few_seconds_and_none_where_it_is_quick(
    seconds: float, lines: int
) -> None:
    err, times = io.StringIO(), iter(range(10_000))
    clock = lambda: next(times) * seconds  # noqa: E731
    with progress("verifying", "notebooks", context(err), clock=clock) as moved:
        for done in range(20):
            moved(done, 20)
    said = err.getvalue().splitlines()
    assert len(said) == lines
    assert all(
        line.startswith("verifying: ") and line.endswith(" of 20 notebooks") for line in said
    )


def test_a_terminal_shows_nothing_where_it_is_quick_and_clears_up() -> None:
    err = Terminal()
    with progress("verifying", "notebooks", context(err)) as moved:
        moved(1, 20)
    assert err.getvalue().strip() == ""


def test_a_terminal_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_mlo.verbs.progress._DELAY", 0)
    err = Terminal()
    with progress("verifying", "notebooks", context(err)) as moved:
        for done in range(1, 4):
            time.sleep(0.15)
            moved(done, 20)
    assert re.search(r"verifying: .*3/20", err.getvalue()), err.getvalue()
    assert err.getvalue().endswith("\r")


def test_of_a_big_folder_json_stays_json(cli, ada, secret, settings, tmp_path) -> None:
    assert cli("login", MLO_PASSPHRASE_FILE=secret).status == 0
    shop = Workshop(settings, tmp_path / "big")
    path = shop.executed()
    for at in range(100):
        shutil.copyfile(path, path.with_name(f"copy-{at}.ipynb"))
    done = cli("verify", "--json", shop.folder)
    assert len(json.loads(done.out)["notebooks"]) == 101
