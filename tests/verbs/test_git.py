"""`git install` and what git then shows; nbstripout, jupytext and nbdime beside it, all real."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.notebook.people import code, notebook, text
from tests.verbs.conftest import PASSPHRASE
from tests.verbs.people_with_clones import Clone
from tests.verbs.workshop import altered, read

NB = "train.ipynb"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, home_of_ada: Path) -> Clone:
    folder = tmp_path_factory.mktemp("clone")
    secret = folder / "secret"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)
    ada = Clone(folder / "ada", str(secret), home_of_ada)
    ada.begin()
    ada.shop.write(NB, notebook(text("# Loans", "m"), code("print(1)", "a"), code("x = 2", "b")))
    ada.run_cells(NB, {"a": "1\n"})
    assert ada.mlo_run("seal", NB).status == 0
    ada.commit("first")
    ada.git("tag", "first")
    return ada


@pytest.fixture
def ada(clone: Clone) -> Clone:
    """A clone in which nothing is set up, with one sealed notebook."""
    clone.mlo_run("git", "uninstall")
    clone.git("reset", "-q", "--hard", "first")
    clone.git("clean", "-qfd")
    return clone


def tool(ada: Clone, name: str, *arguments: str, folder: Path | None = None) -> str:
    """A command of the environment that runs the tests."""
    command = [str(Path(sys.executable).with_name(name)), *arguments]
    done = subprocess.run(
        command, cwd=folder or ada.tree, env=ada.environ, text=True,
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    return done.stdout + done.stderr


def test_diff_and_blame_show_who_executed_cells_and_no_json(ada) -> None:
    assert ada.mlo_run("git", "status").status == 1
    done = ada.mlo_run("git", "install")
    assert (done.status, done.err) == (0, "")
    assert ada.mlo_run("git", "status").status == 0
    ada.run_cells(NB, {"a": "2\n"}, a="print(2)")
    assert ada.mlo_run("seal", NB).status == 0
    diff = ada.git("diff").stdout
    assert "-print(1)\n" in diff
    assert "+print(2)\n" in diff
    assert f"executed by Ada Sample ({ada.mlo})" in diff
    assert '"payload"' not in diff
    ada.git("commit", "-qam", "second")
    blamed = ada.git("blame", NB).stdout.splitlines()
    (line,) = (line for line in blamed if "print(2)" in line)
    (prose,) = (line for line in blamed if "# Loans" in line)
    assert line.split()[0] == ada.git("rev-parse", "HEAD").stdout[: len(line.split()[0])]
    assert line.split()[0] != prose.split()[0]


def test_uninstall_leaves_what_was_there(ada) -> None:
    attributes = ada.tree / ".git" / "info" / "attributes"
    attributes.parent.mkdir(exist_ok=True)
    attributes.write_text("*.csv -text\n")
    before = (ada.tree / ".git" / "config").read_text()
    for _ in range(2):
        assert ada.mlo_run("git", "install").status == 0
    assert attributes.read_text() == "*.csv -text\n*.ipynb diff=mlo merge=mlo\n"
    assert ada.mlo_run("git", "uninstall").status == 0
    assert attributes.read_text() == "*.csv -text\n"
    assert (ada.tree / ".git" / "config").read_text() == before
    assert not Path(ada.environ["JUPYTER_CONFIG_DIR"], "nbdime_config.json").exists()
    assert ada.git("status", "--porcelain").stdout == ""


def test_uninstall_leaves_line_ends_and_no_empty_file(ada) -> None:
    attributes = ada.tree / ".git" / "info" / "attributes"
    attributes.unlink(missing_ok=True)
    assert ada.mlo_run("git", "install").status == 0
    assert ada.mlo_run("git", "uninstall").status == 0
    assert not attributes.exists()
    attributes.write_bytes(b"*.csv -text\r\n*.txt text\r\n")
    assert ada.mlo_run("git", "install").status == 0
    assert ada.mlo_run("git", "status").status == 0
    assert ada.mlo_run("git", "uninstall").status == 0
    assert attributes.read_bytes() == b"*.csv -text\r\n*.txt text\r\n"
    attributes.unlink()


def test_a_bare_repository_is_set_up_too(ada, tmp_path) -> None:
    bare = tmp_path / "bare.git"
    ada.git("clone", "-q", "--bare", ".", str(bare))
    for action in ("install", "status", "uninstall"):
        done = tool(ada, "python", "-m", "jupyter_mlo.cli.main", "git", action, folder=bare)
        assert "error" not in done
    assert not (bare / "info" / "attributes").exists()


def test_a_damaged_policy_takes_nobody_the_diff(ada) -> None:
    assert ada.mlo_run("git", "install").status == 0
    altered(ada.tree / NB, lambda value: value["cells"][2].update(source="x = 3"))
    (ada.tree / "mlo.toml").write_text("[identity\n")
    try:
        diff = ada.git("diff").stdout
        assert "x = 3" in diff
        shown = ada.mlo_run("git", "textconv", NB)
        assert (shown.status, "mlo.toml cannot be read" in shown.out.splitlines()[0]) == (0, True)
    finally:
        (ada.tree / "mlo.toml").unlink()


def test_global_serves_every_clone(ada, tmp_path) -> None:
    assert ada.mlo_run("git", "install", "--global").status == 0
    assert ada.mlo_run("git", "status", "--global").status == 0
    assert ada.mlo_run("git", "status").status == 0
    altered(ada.tree / NB, lambda value: value["cells"][2].update(source="x = 3"))
    assert "+x = 3\n" in ada.git("diff").stdout
    assert ada.mlo_run("git", "uninstall", "--global").status == 0
    assert ada.mlo_run("git", "status", "--global").status == 1


def test_forged_stamps_name_nobody(ada) -> None:
    def forge(value) -> None:
        stamp = value["cells"][1]["metadata"]["mlo"]["stamp"]
        value["cells"][2]["metadata"]["mlo"] = {"version": 1, "stamp": stamp}
        value["cells"][2]["source"] = "\x1b[2Jrm"

    altered(ada.tree / NB, forge)
    shown = ada.mlo_run("git", "textconv", NB).out
    (line,) = (line for line in shown.splitlines() if line.startswith("[code b"))
    assert line == "[code b, not valid here]"
    assert "\\x1b[2Jrm" in shown


@pytest.mark.parametrize("content", [b"", b"{", b'{"nbformat": 9}', b"\xff\x00", b"<<<<<<< a\n{"])
def test_what_is_no_notebook_is_shown_as_it_is(ada, content) -> None:
    ada.mlo_run("git", "install")
    (ada.tree / NB).write_bytes(content)
    done = ada.mlo_run("git", "textconv", NB)
    assert done.status == 0
    assert "Traceback" not in done.err
    assert done.out.startswith("[the notebook")
    assert ada.git("diff", "--stat").returncode == 0


def test_outside_of_a_repository_it_says_so(ada, tmp_path) -> None:
    environ = {**ada.environ, "GIT_DIR": str(tmp_path / "none")}
    done = ada.mlo_run("git", "install", **environ)
    assert done.status == 2
    assert done.told("not a git repository", "hint")


@pytest.mark.parametrize("first", ["nbstripout", "mlo"])
def test_nbstripout_takes_outputs_and_leaves_stamps(ada, first) -> None:
    steps = [lambda: tool(ada, "nbstripout", "--install"), lambda: ada.mlo_run("git", "install")]
    for step in steps if first == "nbstripout" else steps[::-1]:
        step()
    altered(ada.tree / NB, lambda value: value["cells"][2].update(source="x = 4"))
    ada.commit("stripped")
    assert json.loads(ada.git("show", f"HEAD:{NB}").stdout)["cells"][1]["outputs"] == []
    (ada.tree / NB).unlink()
    ada.git("checkout", "-q", NB)
    verdicts = ada.verdicts(NB)
    tool(ada, "nbstripout", "--uninstall")
    assert "source holds, outputs removed" in verdicts.values()
    assert list(verdicts.values())[2] == "changed since source"


def test_nbstripout_that_is_told_to_strip_stamps_is_named(ada) -> None:
    ada.git("config", "filter.nbstripout.extrakeys", "cell.metadata.mlo")
    done = ada.mlo_run("git", "install")
    ada.git("config", "--unset", "filter.nbstripout.extrakeys")
    assert done.told("nbstripout is told to strip cell.metadata.mlo")


def test_jupytext_writes_no_stamps_into_text_files(ada) -> None:
    tool(ada, "jupytext", "--to", "py:percent", NB)
    assert "payload" in (ada.tree / "train.py").read_text(), "without the filter it does"
    assert not (ada.tree / "jupytext.toml").exists()
    assert ada.mlo_run("git", "install", "--jupytext").status == 0
    for form in ("py:percent", "md"):
        tool(ada, "jupytext", "--set-formats", f"ipynb,{form}", NB)
        tool(ada, "jupytext", "--sync", NB)
        name = "train.py" if form == "py:percent" else "train.md"
        assert "payload" not in (ada.tree / name).read_text()
        assert "stamp" not in (ada.tree / name).read_text()
        path = ada.tree / name
        path.write_text(path.read_text().replace("x = 2", "x = 5"))
        tool(ada, "jupytext", "--sync", NB)
        assert read(ada.tree / NB)["cells"][2]["source"] == "x = 5"
        verdicts = ada.verdicts(NB)
        assert list(verdicts.values())[:2] == ["verified", "verified"]
        altered(ada.tree / NB, lambda value: value["cells"][2].update(source="x = 2"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('formats = "ipynb,py"\n', 'cell_metadata_filter = "-mlo"\nformats = "ipynb,py"\n'),
        ('cell_metadata_filter = "all"\n', None),
        ('cell_metadata_filter = "tags"\n', 'cell_metadata_filter = "tags"\n'),
        ("not toml", None),
    ],
)
def test_a_jupytext_toml_that_is_there_gets_the_filter_or_a_person_is_told(
    ada, before, after
) -> None:
    file = ada.tree / "jupytext.toml"
    file.write_text(before)
    done = ada.mlo_run("git", "install")
    assert done.status == 0
    assert file.read_text() == (after or before)
    assert ('add "-mlo" to cell_metadata_filter' in done.err) is (after is None)


def test_nbdimes_views_leave_our_metadata_out_and_keep_other_settings(ada) -> None:
    config = Path(ada.environ["JUPYTER_CONFIG_DIR"], "nbdime_config.json")
    config.write_text(json.dumps({"Diff": {"Ignore": {"/metadata": ["toc"]}}, "Web": {"port": 1}}))
    before = read(ada.tree / NB)
    ada.run_cells(NB, {"a": "1\n"})
    ada.mlo_run("seal", NB)
    assert read(ada.tree / NB) != before
    tell = ("nbdiff", "--no-color", f"{NB}.old", NB)
    (ada.tree / f"{NB}.old").write_text(json.dumps(before))
    assert "payload" in tool(ada, *tell)
    ada.mlo_run("git", "install")
    assert "payload" not in tool(ada, *tell)
    ada.mlo_run("git", "uninstall")
    assert json.loads(config.read_text())["Diff"]["Ignore"] == {"/metadata": ["toc"]}
    config.write_text("[")
    done = ada.mlo_run("git", "install")
    config.unlink()
    assert done.status == 2
    assert done.told("nbdime_config.json")


def test_without_nbdime_git_shows_cells_and_merges_as_before(ada, monkeypatch) -> None:
    for name in ("nbdime", "nbdime.merging", "nbdime.merging.notebooks"):
        monkeypatch.setitem(sys.modules, name, None)
    done = ada.mlo_run("git", "install")
    assert done.status == 0
    assert done.told("nbdime is not installed", "pip install 'jupyter-mlo[git]'")
    assert ada.mlo_run("git", "status").status == 1
    attributes = ada.git("check-attr", "diff", "merge", "--", NB).stdout
    assert attributes == f"{NB}: diff: mlo\n{NB}: merge: unspecified\n"
    done = ada.mlo_run("git", "merge", NB, NB, NB)
    assert done.status == 2
    assert done.told("without nbdime", "pip install 'jupyter-mlo[git]'")
    monkeypatch.undo()
    assert ada.mlo_run("git", "install").status == 0
    assert ada.mlo_run("git", "status").status == 0


def test_a_cherry_pick_takes_the_stamp_along(ada) -> None:
    assert ada.mlo_run("git", "install").status == 0
    ada.git("checkout", "-q", "-B", "side")
    ada.run_cells(NB, {"b": "2\n"}, b="print(2)")
    assert ada.mlo_run("seal", NB).status == 0
    ada.commit("side")
    ada.git("checkout", "-q", "-B", "main", "first")
    altered(ada.tree / NB, lambda value: value["cells"][0].update(source="# Loans, 2"))
    ada.commit("prose")
    ada.git("cherry-pick", "side")
    assert ada.verdicts(NB) == {"m": "unsealed", "a": "verified", "b": "verified"}
    assert ada.mlo_run("seal", NB).status == 0
    assert ada.mlo_run("verify", NB).status == 0


def test_nothing_is_imported_from_the_clone_that_is_looked_at(ada) -> None:
    ada.mlo_run("git", "install")
    mark = ada.tree.parent / "ran"
    planted = f"open({str(mark)!r}, 'w').close()\n"
    for name in ("jupyter_mlo/__init__.py", "argparse.py", "tomllib.py", "nbdime/__init__.py"):
        (ada.tree / name).parent.mkdir(exist_ok=True)
        (ada.tree / name).write_text(planted)
    altered(ada.tree / NB, lambda value: value["cells"][1].update(source="print(3)"))
    shown = ada.git("diff", NB)
    assert "print(3)" in str(shown)
    ada.git("checkout", "-q", "-b", "theirs")
    ada.git("commit", "-qam", "theirs")
    ada.git("checkout", "-q", "first")
    altered(ada.tree / NB, lambda value: value["cells"][2].update(source="x = 5"))
    ada.git("commit", "-qam", "ours")
    ada.git("merge", "-q", "theirs")
    assert not mark.exists()
