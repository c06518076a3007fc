"""`verify`: what is shown, and the exit status."""

from __future__ import annotations

import json
import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jupyter_mlo.ledger.store import open_ledger
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.verbs import judging
from tests.ledger.conftest import BackEnd
from tests.notebook.people import ALICE, Person, code, notebook, seal
from tests.verbs.workshop import Workshop, altered


@pytest.fixture
def shop(cli, ada, secret, settings, tmp_path) -> Workshop:
    assert cli("login", "--activity", "training", MLO_PASSPHRASE_FILE=secret).status == 0
    return Workshop(settings, tmp_path / "work")


@pytest.fixture
def sealed(cli, shop) -> Path:
    path = shop.executed()
    assert cli("seal", path).status == 0
    return path


def revoke(cli, settings, secret) -> None:
    """Have a revocation in the ledger: that of a mandate which signed nothing."""
    notebook = settings.home.parent / "other.ipynb"
    notebook.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    arguments = [notebook, "--for", "1d", "--activity", "training"]
    arguments += ["--out", settings.home.parent / "other.mandate"]
    made = cli("mandate", "create", *arguments, MLO_PASSPHRASE_FILE=secret)
    assert made.status == 0, made.err
    mandate = re.search("made the mandate ([0-9a-f]+)", made.out)[1]
    done = cli("mandate", "revoke", mandate, MLO_PASSPHRASE_FILE=secret)
    assert done.status == 0, done.err


def test_what_holds_is_one_line(cli, sealed, ada) -> None:
    done = cli("verify", sealed)
    assert (done.status, done.err) == (0, "")
    first, second = done.out.splitlines()
    assert first.startswith(f"{sealed}: holds; sealed ")
    assert first.endswith(f"by Ada Sample ({ada}) (signed); 3 cells: 3 verified")
    assert second.startswith("  as of checkpoint ")
    assert cli("verify", "--quiet", sealed).out == ""


def test_what_is_not_stamped_yet_is_exit_1_with_the_command(cli, shop, ada) -> None:
    path = shop.executed("my notebook.ipynb")
    done = cli("verify", path)
    assert done.status == 1
    sealing = f"jupyter mlo seal '{path}'"
    first = done.out.splitlines()[0]
    assert first == f"{path}: not sealed yet: 2 of 2 cells recorded; run: {sealing}"
    assert f"cell 2 (a): unstamped: recorded by Ada Sample ({ada}) at " in done.out
    assert done.out.count(sealing) == 1
    assert cli("verify", "--allow-unstamped", path).status == 0


def test_what_nobody_saw_is_unattributed(cli, shop) -> None:
    done = cli("verify", shop.executed(recorded=False))
    assert done.status == 1
    assert (
        "cell 2 (a): unattributed: executed, and no stamp or record here says by whom" in done.out
    )
    assert "not sealed yet: 0 of 2 cells recorded; log in" in done.out
    assert "jupyter mlo seal" not in done.out


def test_an_altered_output_is_named(cli, sealed) -> None:
    altered(sealed, lambda value: value["cells"][1]["outputs"][0].update(text="2\n"))
    done = cli("verify", sealed)
    assert done.status == 1
    assert "cell 2 (a): changed since (outputs): stamped " in done.out
    assert "output 1 of 1" in done.out
    assert cli("verify", "--allow-unstamped", sealed).status == 1


def test_what_was_never_executed_holds(cli, home_env, tmp_path, shop) -> None:
    path = shop.write("new.ipynb", notebook(code("x = 1", "a")))
    done = cli("verify", path)
    assert (done.status, done.out) == (
        0,
        f"{path}: nothing was executed: nothing to vouch for\n",
    )


def test_an_unknown_key_is_shown_with_the_command_that_trusts_it(
    cli, sealed, ada, tmp_path
) -> None:
    elsewhere = {"MLO_HOME": str(tmp_path / "elsewhere")}
    done = cli("verify", sealed, **elsewhere)
    assert done.status == 1
    (line,) = (line for line in done.out.splitlines() if "jupyter mlo trust add" in line)
    command = line.partition("jupyter mlo ")[2].split()
    assert command[:2] == ["trust", "add"]
    assert command[2] == ada
    assert "cell 1 (m): verified, but only claimed" in done.out
    assert cli("verify", "--require", "claimed", sealed, **elsewhere).status == 0
    assert not (tmp_path / "elsewhere").exists(), "looking creates nothing"
    assert cli(*command, **elsewhere).status == 0
    assert cli("verify", sealed, **elsewhere).status == 0
    assert cli("verify", "--require", "enrolled", sealed, **elsewhere).status == 1


def test_it_works_where_nothing_can_be_written(cli, sealed, tmp_path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    bare.chmod(0o500)
    places = ("HOME", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR")
    environ = {name: str(bare / "none") for name in places}
    environ |= {"MLO_HOME": "", "XDG_DATA_HOME": str(bare / "none")}
    done = cli("verify", "--require", "claimed", sealed, **environ)
    assert (done.status, done.err) == (0, "")
    assert list(bare.iterdir()) == []


def test_folders_patterns_and_links_mean_each_notebook_once(cli, sealed, shop) -> None:
    folder = shop.folder
    for name in ("a/one.ipynb", "a/b/two.ipynb", "a/.ipynb_checkpoints/one-checkpoint.ipynb"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(sealed, folder / name)
    (folder / "a" / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "a" / "link.ipynb").symlink_to(sealed)
    (folder / "a" / "notes.txt").write_text("no notebook")
    done = cli("verify", folder)
    assert done.status == 0
    assert done.out.splitlines()[-1] == "3 notebooks: 3 hold, 0 do not, 0 could not be read"
    assert "checkpoints" not in done.out
    pattern = cli("verify", f"{folder}/**/*.ipynb")
    assert pattern.out.splitlines()[-1] == done.out.splitlines()[-1]
    assert cli("verify", f"{folder}/a/*.ipynb", sealed).status == 0
    nothing = cli("verify", f"{folder}/*.nb")
    assert nothing.status == 2
    assert nothing.told("names no notebook")


def test_what_cannot_be_read_is_2_and_the_others_are_judged_all_the_same(cli, sealed, shop) -> None:
    bad = shop.folder / "bad.ipynb"
    bad.write_text('{"cells": [')
    failing = altered(
        Path(shutil.copy(sealed, shop.folder / "changed.ipynb")),
        lambda value: value["cells"][0].update(source="changed"),
    )
    done = cli("verify", bad, sealed, failing)
    assert done.status == 2
    assert f"{bad}: could not be read" in done.out
    assert f"{sealed}: holds" in done.out
    assert f"{failing}: DOES NOT HOLD" in done.out
    assert done.out.endswith("3 notebooks: 1 hold, 1 do not, 1 could not be read\n")
    assert "Traceback" not in done.out + done.err
    assert cli("verify", shop.folder / "none.ipynb").status == 2


def test_many_files_on_all_cores_give_the_same_in_the_same_order(cli, sealed, shop) -> None:
    for number in range(12):
        shutil.copy(sealed, shop.folder / f"copy-{number:02}.ipynb")
    altered(shop.folder / "copy-07.ipynb", lambda value: value["cells"].pop())
    done = cli("verify", shop.folder)
    assert done.status == 1
    lines = [line for line in done.out.splitlines() if not line.startswith(" ")]
    assert [Path(line.partition(":")[0]).name for line in lines[:-1]] == [
        *(f"copy-{number:02}.ipynb" for number in range(12)),
        "train.ipynb",
    ]
    assert "DOES NOT HOLD" in lines[7]
    assert lines[-1] == "13 notebooks: 12 hold, 1 do not, 0 could not be read"


def test_json_says_everything(cli, sealed, shop, ada) -> None:
    altered(sealed, lambda value: value["cells"][1]["outputs"][0].update(text="2\n"))
    done = cli("verify", "--json", sealed, shop.folder / "none.ipynb")
    assert done.status == 2
    found = json.loads(done.out)
    assert found["status"] == 2
    one, other = found["notebooks"]
    assert other["error"]
    assert one["path"] == str(sealed)
    assert one["holds"] is False
    assert [cell["holds"] for cell in one["cells"]] == [True, False, True]
    assert one["cells"][1]["verdict"] == "changed since"
    assert one["cells"][1]["changed"] == ["outputs"]
    assert one["cells"][2]["mlo"] == ada
    assert one["seal"]["assurance"] == "signed"
    assert one["checkpoint"]["size"] >= 3


def test_an_older_copy_is_found_by_the_ledger(cli, sealed, shop) -> None:
    older = Path(shutil.copy(sealed, shop.folder / "older.ipynb"))
    altered(sealed, lambda value: value["cells"][0].update(source="a correction"))
    assert cli("seal", sealed).status == 0
    done = cli("verify", older)
    assert done.status == 1
    assert "rolled back, or an older copy?" in done.out
    # Where it is the copy to go on with, sealing it again makes it the newest.
    assert "nothing has changed" not in cli("seal", older).out
    assert cli("verify", older).status == 0


def test_a_damaged_ledger_is_said_and_verdicts_go_on(cli, sealed, settings) -> None:
    (settings.ledger / "ledger.sqlite3").write_bytes(b"no database" * 1000)
    done = cli("verify", sealed)
    assert done.status == 1
    assert done.told("note: the ledger could not be asked")
    assert "DOES NOT HOLD" in done.out
    assert "not certain: the ledger could not be asked" in done.out
    assert "3 verified" in done.out
    (one,) = json.loads(cli("verify", "--json", sealed).out)["notebooks"]
    assert one["holds"] is False
    assert "the ledger could not be asked" in one["problems"][0]


def test_where_there_is_no_ledger_nothing_is_uncertain(cli, sealed, settings) -> None:
    settings.ledger.rename(settings.ledger.with_name("away"))
    done = cli("verify", sealed)
    assert (done.status, done.err) == (0, "")


def test_a_ledger_that_can_only_be_read_is_enough(cli, sealed, settings) -> None:
    for path in [*settings.ledger.iterdir(), settings.ledger]:
        path.chmod(0o500 if path.is_dir() else 0o400)
    before = {path: path.stat().st_mtime_ns for path in settings.ledger.iterdir()}
    done = cli("verify", sealed)
    settings.ledger.chmod(0o700)
    assert (done.status, done.err) == (0, "")
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("SET envelope = x'00' || substr(envelope, 2)", "cannot be read"),
        ("SET envelope = replace(envelope, 'keyid', 'keyix')", "damaged"),
        ("SET salt = zeroblob(32)", "not what its leaf says"),
        ("SET statement_id = zeroblob(32)", "that of another statement"),
    ],
)
def test_a_revocation_whose_row_is_damaged_does_not_lapse_unseen(
    cli, sealed, settings, secret, damage, said
) -> None:
    backend = BackEnd(settings)
    revoke(cli, settings, secret)
    assert cli("verify", sealed).status == 0  # it concerns a mandate that signed none of this
    where = f"WHERE predicate_type = '{types.REVOCATION}'"
    assert backend.attack(f"UPDATE contents {damage} {where}") == 1
    done = cli("verify", sealed)
    assert done.status == 1
    assert "not certain: the ledger's entry" in done.out
    assert said in done.out or said == "cannot be read"
    (one,) = json.loads(cli("verify", "--json", sealed).out)["notebooks"]
    assert one["holds"] is False
    assert "is damaged" in one["problems"][0]
    assert backend.attack(f"DELETE FROM contents {where}") == 1
    done = cli("verify", sealed)
    assert done.status == 1
    assert "the ledger lacks 1 of its entries" in done.out


def test_a_damaged_seal_in_the_ledger_is_named(cli, sealed, settings) -> None:
    where = f"WHERE predicate_type = '{types.SEAL}'"
    sql = f"UPDATE contents SET envelope = x'00' || substr(envelope, 2) {where}"
    assert BackEnd(settings).attack(sql) == 1
    done = cli("verify", sealed)
    assert done.status == 1
    assert "not certain: the ledger's entry" in done.out


def test_a_ledger_rolled_back_over_a_revocation_is_no_way_back(
    cli, sealed, settings, secret
) -> None:
    older = (settings.ledger / "ledger.sqlite3").read_bytes()
    revoke(cli, settings, secret)
    for log in settings.ledger.glob("ledger.sqlite3-*"):
        log.unlink()
    (settings.ledger / "ledger.sqlite3").write_bytes(older)
    done = cli("verify", sealed)
    assert done.status == 1
    assert "not certain: the ledger was rolled back or replaced" in done.out


def test_a_damaged_trust_file_is_no_reason_to_trust_nobody(cli, sealed, settings) -> None:
    settings.trust_file.write_text("{")
    done = cli("verify", sealed)
    assert done.status == 2
    assert done.told("trust.json", "hint")


def test_hostile_text_reaches_no_terminal(cli, sealed) -> None:
    def change(value) -> None:
        value["cells"][1]["id"] = "\x1b[2Jid\u202e"
        value["cells"][2]["outputs"][0]["metadata"]["mlo"] = "\x1b]0;title\x07\n\nholds"
        value["metadata"]["kernelspec"]["name"] = "\x1b[31mred\u2066"
        value["cells"].append({"cell_type": "code", "source": "x", "metadata": {}, "outputs": [],
                               "execution_count": 1, "id": "\r\n\x9b0m"})  # fmt: skip

    altered(sealed, change)
    done = cli("verify", sealed)
    assert done.status == 1
    for character in done.out + done.err:
        assert character == "\n" or (character.isprintable() and character not in "\u202e\u2066")
    assert cli("blame", sealed).out.isprintable() is False  # only for its line feeds
    assert all(c == "\n" or c.isprintable() for c in cli("blame", sealed).out)


def test_a_pipe_is_refused_and_not_waited_for(cli, tmp_path) -> None:
    pipe = tmp_path / "pipe.ipynb"
    os.mkfifo(pipe)
    done = cli("verify", pipe)
    assert done.status == 2
    assert "not a regular file" in done.out


def test_code_cells_that_nobody_is_known_to_have_executed_are_counted(cli, shop) -> None:
    path = shop.executed()
    altered(path, lambda value: value["cells"].append(code("x = 1", "never")))
    assert cli("seal", path).status == 0
    done = cli("verify", path)
    assert done.status == 0
    assert "4 cells: 4 verified, 1 of the code cells never executed" in done.out


def test_a_fault_of_ours_in_one_notebook_leaves_the_others_their_verdicts(
    sealed, shop, settings, monkeypatch
) -> None:
    odd = shop.write("odd.ipynb", notebook(code("x = 1", "a")))
    read = judging.read_any_format
    fault = lambda path: 1 / 0 if path == odd else read(path)  # noqa: E731
    monkeypatch.setattr(judging, "read_any_format", fault)
    with judging.Judge(settings, datetime.now(UTC)) as judge:
        found, other = judge(odd), judge(sealed)
    assert found.report is None
    assert "verifying failed in a way that it should not: ZeroDivisionError" in found.error
    assert other.report is not None


def test_outputs_that_were_removed_are_missed_where_that_is_asked(cli, sealed) -> None:
    altered(sealed, lambda value: [cell.update(outputs=[]) for cell in value["cells"][1:]])
    assert cli("verify", sealed).status == 0
    done = cli("verify", "--require-outputs", sealed)
    assert done.status == 1
    assert "cell 2 (a): source holds, outputs removed, and outputs are required" in done.out


def test_a_seal_of_nobody_who_is_known_here_does_not_outdate_a_notebook(
    cli, sealed, shop, settings
) -> None:
    stranger = Person(ALICE, "stranger")
    value = json.loads(sealed.read_text())
    now = datetime.now(UTC)
    forged = seal(value, stranger.session(now), now=now).value
    assert forged["metadata"]["mlo"]["notebook"] == value["metadata"]["mlo"]["notebook"]
    newest = Envelope.from_json(forged["metadata"]["mlo"]["seals"][0]["envelope"])
    with open_ledger(settings) as ledger:
        ledger.append([*map(Envelope.from_json, forged["metadata"]["mlo"]["chains"]), newest])
    done = cli("verify", sealed)
    assert done.status == 0, done.out
    assert "rolled back" not in done.out


def test_a_revocation_that_a_column_calls_something_else_counts(
    cli, ada, sealed, settings, secret
) -> None:
    done = cli("key", "revoke", ada, "--reason", "compromised", "--compromised-since", "1d",
               MLO_PASSPHRASE_FILE=secret)  # fmt: skip
    assert done.status == 0, done.err
    before = cli("verify", sealed)
    assert (before.status, "in other hands since" in before.out) == (1, True), before.out
    where = f"WHERE predicate_type = '{types.REVOCATION}'"
    assert BackEnd(settings).attack(f"UPDATE contents SET predicate_type = 'x' {where}") == 1
    done = cli("verify", sealed)
    assert (done.status, done.out) == (1, before.out)
