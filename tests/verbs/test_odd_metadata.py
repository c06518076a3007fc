"""Cells whose metadata are null or no object: `seal`, `restore` and the rest say so."""

from __future__ import annotations

import pytest

from tests.verbs.workshop import Workshop, altered


@pytest.fixture
def shop(cli, ada, secret, settings, tmp_path) -> Workshop:
    assert cli("login", MLO_PASSPHRASE_FILE=secret).status == 0
    return Workshop(settings, tmp_path / "work")


@pytest.mark.parametrize("odd", [None, [], 5, "x", {"mlo": None}, {"mlo": {"version": 1}}])
def test_of_cells_and_notebooks(cli, shop, odd) -> None:
    for whole in (False, True):
        path = shop.executed()
        cli("seal", path)

        def change(value, whole=whole) -> None:
            value["cells"][1]["metadata"] = odd
            if whole:
                value["metadata"] = odd

        altered(path, change)
        base = path.with_suffix(".base")
        base.write_bytes(path.read_bytes())
        for arguments in (
            ["restore", path],
            ["diff", path, path],
            ["seal", path],
            ["git", "textconv", path],
            ["git", "merge", base, path, base],
        ):
            done = cli(*arguments)
            assert done.status in (0, 1, 2), (arguments, done.err)
            assert "Traceback" not in done.err
