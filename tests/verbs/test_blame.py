"""`blame`: who executed each cell, and who sealed its source first."""

from __future__ import annotations

import json

import pytest

from tests.verbs.workshop import Workshop, altered


@pytest.fixture
def shop(cli, ada, secret, settings, tmp_path) -> Workshop:
    command = ("login", "--activity", "training", "--model", "loan@3")
    assert cli(*command, MLO_PASSPHRASE_FILE=secret).status == 0
    return Workshop(settings, tmp_path / "work")


def test_a_line_for_each_cell_aligned_under_headings(cli, shop, ada) -> None:
    path = shop.executed()
    cli("seal", path)
    done = cli("blame", path)
    assert (done.status, done.err) == (0, "")
    heading, prose, printing, _ = done.out.splitlines()
    columns = ("cell", "executed by", "when", "activity", "model", "first sealed by", "verdict")
    starts = [heading.index(name) for name in columns]
    assert starts == sorted(starts)
    cells = [printing[start:].split("  ")[0].strip() for start in starts]
    assert cells[0] == "2"
    assert cells[1] == f"Ada Sample ({ada})"
    assert cells[2].endswith(" UTC")
    assert cells[3:5] == ["training", "loan@3"]
    assert cells[5].startswith("Ada Sample, 20")
    assert cells[6] == "verified"
    assert [prose[start:].split("  ")[0].strip() for start in starts][:5] == [
        "1", "-", "-", "-", "-",
    ]  # fmt: skip


def test_the_earliest_seal_with_that_source_counts(cli, shop, ada) -> None:
    path = shop.executed()
    cli("seal", path)
    first = json.loads(cli("blame", "--json", path).out)["cells"]
    altered(path, lambda value: value["cells"][0].update(source="# Loans, corrected"))
    cli("seal", path)
    second = json.loads(cli("blame", "--json", path).out)["cells"]
    assert second[1]["firstSealed"] == first[1]["firstSealed"]
    assert second[0]["firstSealed"]["time"] > first[0]["firstSealed"]["time"]
    assert second[1]["executed"]["mlo"] == ada
    assert second[1]["executed"]["activity"] == "training"
    assert second[0]["executed"] is None


def test_a_stamp_on_other_code_blames_nobody(cli, shop) -> None:
    path = shop.executed()
    cli("seal", path)
    altered(path, lambda value: value["cells"][1].update(source="print(2)"))
    cells = json.loads(cli("blame", "--json", path).out)["cells"]
    assert cells[1]["executed"] is None
    assert cells[1]["firstSealed"] is None
    assert cells[1]["verdict"] == "changed since"
    assert "changed since (source)" in cli("blame", path).out


def test_without_a_home_ids_stand_for_names(cli, shop, ada, tmp_path) -> None:
    path = shop.executed()
    cli("seal", path)
    done = cli("blame", path, MLO_HOME=str(tmp_path / "elsewhere"))
    assert done.status == 0
    assert ada in done.out
    assert "Ada" not in done.out
    assert not (tmp_path / "elsewhere").exists()


def test_what_was_only_recorded_names_nobody_yet(cli, shop) -> None:
    done = cli("blame", shop.executed())
    assert "unstamped" in done.out
    assert "not sealed yet" in done.out.splitlines()[2]
    assert "Ada" not in done.out.splitlines()[2].partition("unstamped")[0]


def test_a_missing_file_is_an_error(cli, home_env, tmp_path) -> None:
    done = cli("blame", tmp_path / "none.ipynb")
    assert done.status == 2
    assert done.told("none.ipynb", "hint")
