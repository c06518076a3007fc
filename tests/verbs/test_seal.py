"""`seal`: what is written, what is said, and what reaches the ledger."""

from __future__ import annotations

import json
import os
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
import pytest
from nbformat.sign import NotebookNotary

from jupyter_mlo.delegation.sessions import load_session
from jupyter_mlo.ledger.store import open_ledger
from jupyter_mlo.statements.predicates.types import short_name
from jupyter_mlo.statements.statement import read_statement
from tests.notebook.people import ALICE, Kernel, Person, code, notebook, stream, text
from tests.verbs.workshop import Workshop, altered, read


@pytest.fixture
def shop(cli, ada, secret, settings, tmp_path) -> Workshop:
    assert cli("login", "--activity", "training", MLO_PASSPHRASE_FILE=secret).status == 0
    return Workshop(settings, tmp_path / "work")


def logged(settings) -> list[str]:
    with open_ledger(settings, create=False) as ledger:
        return [
            short_name(read_statement(entry.envelope).predicate_type) for entry in ledger.entries()
        ]


def test_it_stamps_seals_and_publishes(cli, shop, ada, settings) -> None:
    path = shop.executed()
    before = read(path)
    done = cli("seal", path)
    assert (done.status, done.err) == (0, "")
    assert (
        done.out == f"{path}: sealed (held) by Ada Sample ({ada}); 2 cells stamped, 0 stamps kept\n"
    )
    assert logged(settings)[-2:] == ["delegation", "seal"]
    after = read(path)
    for cell in after["cells"]:
        cell["metadata"].pop("mlo", None)
    after["metadata"].pop("mlo")
    assert after == before
    nbformat.validate(nbformat.read(path, as_version=4))


def test_again_it_makes_no_new_seal(cli, shop, settings) -> None:
    path = shop.executed()
    cli("seal", path)
    text = path.read_bytes()
    count = len(logged(settings))
    done = cli("seal", path)
    assert done.out == f"{path}: nothing has changed since your last seal; 2 stamps hold\n"
    assert path.read_bytes() == text
    assert len(logged(settings)) == count


def kernels(path: Path) -> list[str]:
    """The kernel that each stamp names."""
    stamps = [cell["metadata"]["mlo"]["stamp"] for cell in read(path)["cells"][1:]]
    return [json.loads(b64decode(one["payload"]))["predicate"]["kernel"]["id"] for one in stamps]


def test_copies_of_a_notebook_are_stamped_with_their_own_executions(cli, shop) -> None:
    one, other = shop.executed("one.ipynb"), shop.executed("other.ipynb")
    for path in (one, other):
        assert "2 cells stamped" in cli("seal", path).out
    assert cli("verify", one, other).status == 0
    assert len(set(kernels(one))) == len(set(kernels(other))) == 1
    assert kernels(one) != kernels(other)


def test_copies_that_nothing_tells_apart_stay_unstamped(cli, shop, settings) -> None:
    paths = []
    for name in ("one.ipynb", "other.ipynb"):
        value = notebook(code("print(1)"), minor=4)  # no ids, as where nothing sends them
        now = datetime.now(UTC)
        kernel = Kernel(load_session(settings, now), now)
        kernel.step = timedelta(milliseconds=10)
        kernel.run(value["cells"][0], stream("1\n"))
        shop.keep(kernel, value)
        paths.append(shop.write(name, value))
    for path in paths:
        done = cli("seal", path)
        assert "0 cells stamped" in done.out
        assert "executions in several kernels match it equally well" in done.out
    # As the reason says: run again, in the kernel that is there.
    kernel.records.clear()
    kernel.run(value["cells"][0], stream("1\n"))
    shop.keep(kernel, value)
    assert "1 cell stamped" in cli("seal", shop.write("other.ipynb", value)).out


def test_a_seal_that_did_not_reach_the_ledger_reaches_it_the_next_time(cli, shop, settings) -> None:
    path = shop.executed()
    database = settings.ledger / "ledger.sqlite3"
    held = database.read_bytes()
    database.write_bytes(b"no database" * 1000)
    done = cli("seal", path)
    assert done.status == 0
    assert done.told("wait in", "for the ledger")
    database.write_bytes(held)
    for leftover in settings.ledger.glob("ledger.sqlite3-*"):
        leftover.unlink()
    assert cli("seal", path).status == 0
    assert logged(settings)[-1] == "seal"


def test_what_is_not_vouched_for_is_named(cli, shop, settings) -> None:
    path = shop.executed(recorded=False)
    done = cli("seal", path)
    assert done.status == 0
    assert "0 cells stamped" in done.out
    assert "not vouched for: cell 2: unattributed: executed, and no stamp or record" in done.out
    value = notebook(code("x", "a"))
    stranger = Kernel(Person(ALICE, "alice").session())
    stranger.run(value["cells"][0], stream("1"))
    shop.keep(stranger, value)
    done = cli("seal", shop.write("other.ipynb", value))
    assert "not vouched for: cell 1: unattributed" in done.out


def test_nobody_logged_in_can_seal_nothing(cli, shop) -> None:
    path = shop.executed()
    text = path.read_bytes()
    cli("logout")
    done = cli("seal", path)
    assert done.status == 2
    assert done.told("nobody is logged in here", "jupyter mlo login")
    assert path.read_bytes() == text


def test_records_of_an_earlier_session_become_stamps(cli, shop, secret, ada) -> None:
    path = shop.executed()
    cli("logout")
    assert cli("login", MLO_PASSPHRASE_FILE=secret).status == 0
    done = cli("seal", path)
    assert "2 cells stamped" in done.out
    assert cli("verify", path).status == 0


def test_of_several_one_bad_file_stops_no_other(cli, shop) -> None:
    good = shop.executed()
    bad = shop.folder / "bad.ipynb"
    bad.write_text("{}")
    done = cli("seal", bad, good)
    assert done.status == 2
    assert f"{good}: sealed" in done.out
    assert done.told(f"error: {bad}")


def test_with_a_meaning_a_person_sees_what_changed_and_is_asked(cli, shop) -> None:
    path = shop.executed()
    cli("seal", path)
    altered(path, lambda value: value["cells"][0].update(source="# Loans, corrected"))
    text = path.read_bytes()
    done = cli("seal", "--meaning", "approved", path)
    assert done.status == 2
    assert done.told("to be sealed as approved: what changed since the seal of ", "cell 1 (m)")
    assert path.read_bytes() == text, "nobody could be asked"
    with cli.terminal("seal", "--meaning", "approved", str(path)) as child:
        child.expect("cell 1 .m.: changed since .source.")
        child.expect(r"seal train.ipynb as approved\? \[y/N\]")
        child.sendline("n")
        child.expect("was not sealed")
        child.wait()
        assert child.exitstatus == 1
    assert path.read_bytes() == text
    assert cli("seal", "--meaning", "approved", "--yes", path).status == 0
    done = cli("verify", path)
    assert done.status == 0
    assert "(approved) by" in done.out


def test_the_notary_goes_on_trusting_what_it_trusted(cli, shop, home_env) -> None:
    path, other = shop.executed("a.ipynb"), shop.executed("b.ipynb")
    notary = NotebookNotary()
    notary.sign(nbformat.read(path, as_version=4))
    assert cli("seal", path, other).status == 0
    assert notary.check_signature(nbformat.read(path, as_version=4))
    assert not notary.check_signature(nbformat.read(other, as_version=4))


def test_the_file_keeps_its_mode_and_a_read_only_folder_leaves_it_as_it_was(cli, shop) -> None:
    path = shop.executed()
    path.chmod(0o640)
    assert cli("seal", path).status == 0
    assert path.stat().st_mode & 0o777 == 0o640
    if os.geteuid() == 0:
        return  # root may write anywhere
    altered(path, lambda value: value["cells"][0].update(source="x"))
    path.parent.chmod(0o500)
    text = path.read_bytes()
    assert cli("seal", path).status == 2
    assert path.read_bytes() == text
    path.parent.chmod(0o700)


def test_a_file_that_changed_meanwhile_is_not_overwritten(shop) -> None:
    from jupyter_mlo.errors import NotebookError
    from jupyter_mlo.verbs.notebook_files import NotebookFile

    file = NotebookFile.read(shop.executed())
    altered(file.path, lambda value: value["cells"].pop())
    text = file.path.read_bytes()
    with pytest.raises(NotebookError, match="changed by something else"):
        file.write(file.value)
    assert file.path.read_bytes() == text


def test_odd_cells_are_an_error_and_no_traceback(cli, shop) -> None:
    path = shop.executed()
    altered(path, lambda value: value["cells"].append(5))
    done = cli("seal", path)
    assert done.status == 2
    assert done.told("has a cell that no notebook can have", "hint")


def test_line_splitting_and_order_are_nbformats(cli, shop) -> None:
    path: Path = shop.executed()
    cli("seal", path)
    assert path.read_text() == nbformat.writes(nbformat.read(path, as_version=4)) + "\n"
    assert json.loads(path.read_text())["cells"][1]["source"] == ["print(1)"]


def without_our_metadata(value: dict) -> None:
    value["metadata"].pop("mlo")
    for cell in value["cells"]:
        cell["metadata"].pop("mlo", None)


def notebook_id(path: Path) -> str:
    return str(read(path)["metadata"]["mlo"]["notebook"])


def test_a_notebook_that_lost_its_metadata_gets_its_id_and_stamps_back(cli, shop) -> None:
    path = shop.executed()
    cli("seal", path)
    before = notebook_id(path)
    altered(path, without_our_metadata)
    done = cli("seal", path)
    assert "2 cells stamped" in done.out
    assert notebook_id(path) == before
    assert cli("verify", path).status == 0


@pytest.mark.parametrize("sealed_before", [True, False])
def test_of_one_execution_no_stamps_are_made_in_two_notebooks(cli, shop, sealed_before) -> None:
    path = shop.executed()
    cli("seal", path)
    other = shop.write("other.ipynb", notebook(text("# Other", "m")))
    if sealed_before:
        cli("seal", other)
    pasted = {**read(path)["cells"][1], "id": "pasted", "metadata": {}}
    altered(other, lambda value: value["cells"].append(pasted))
    done = cli("seal", other)
    assert "0 cells stamped, 0 stamps kept" in done.out
    assert "not vouched for: cell 2" in done.out
    assert f"was stamped in another notebook ({notebook_id(path)})" in done.out
    assert notebook_id(other) != notebook_id(path)
    assert cli("verify", path).status == 0
    assert cli("verify", other).status == 1
