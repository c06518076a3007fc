"""Documentation that cannot drift: every command in it parses, and README's are run.

Blocks marked ``console`` hold commands after ``$ `` and what they print; ``…`` stands for
anything. The blocks of README's first ten minutes are run in order in a throw-away home, and must
print what README shows.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_mlo.verbs.overview import VERBS
from jupyter_mlo.verbs.parser import verb_module, verb_parser
from tests.throwaway import throwaway_environment

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def identified(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(text: str, language: str) -> list[str]:
    return [body for kind, body in BLOCK.findall(text) if kind == language]


def commands(block: str) -> Iterator[str]:
    """Lines after ``$ ``, continued lines joined, comments left out."""
    for line in block.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            yield re.sub(r"\s+#.*", "", line[2:])


def examples(verb: str) -> list[str]:
    """The commands under ``Examples:`` in a verb's help."""
    text = verb_module(verb).__doc__ or ""
    _, _, listed = text.partition("Examples:")
    return [re.split(r"\s{2,}", line.strip())[0] for line in listed.splitlines() if line.strip()]


def check(command: str) -> None:
    """Raise where ``command`` names a verb, option or target that does not exist."""
    for part in command.split(" && "):
        check_one(shlex.split(part))


def check_one(words: list[str]) -> None:
    command = shlex.join(words)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words.pop(0)
    for end in ("|", ">", "3<"):
        if end in words:
            words = words[: words.index(end)]
    if words[:2] == ["jupyter", "mlo"]:
        if words[2:] not in (["--help"], ["--version"]):
            assert words[2] in VERBS, command
            if "--help" not in words:
                verb_parser(words[2]).parse_args(words[3:])
    elif words[0] == "make":
        makefile = (ROOT / "Makefile").read_text()
        for target in words[1:]:
            assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), command
    elif "papermill" in words[0]:
        assert words[words.index("--engine") + 1] == "mlo"


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_every_verb_has_examples_that_parse(verb: str) -> None:
    found = examples(verb)
    assert any(f"jupyter mlo {verb}" in example for example in found)
    for example in found:
        check(example)


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_every_action_says_what_it_does_with_an_example(verb: str) -> None:
    for action in verb_parser(verb)._actions:
        if not isinstance(action, argparse._SubParsersAction):
            continue
        for name, child in action.choices.items():
            if name != "enroll":  # an alias
                help_text = child.format_help()
                assert f"jupyter mlo {verb} {name}" in help_text.partition("Examples:")[2], name
                assert len(help_text.partition("Examples:")[0].split()) > 5, name


@pytest.mark.parametrize("page", PAGES, ids=identified)
def test_every_command_in_the_documentation_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for block in blocks(text, "console"):
        for command in commands(block):
            check(command)
    for quoted in re.findall(r"`(jupyter mlo [a-z][^`…]*)`", text):
        assert quoted.split()[2] in VERBS, quoted
        options = {
            option
            for action in _actions(verb_parser(quoted.split()[2]))
            for option in action.option_strings
        }
        named = {word.partition("=")[0] for word in quoted.split() if word.startswith("--")}
        assert named <= options, quoted
    for magic in re.findall(r"%(mlo\w*)", text):
        assert magic in ("mlo", "mlo_login", "mlo_logout", "mlo_status"), magic
    for verb in re.findall(r"%mlo ([a-z]+)", text):
        assert VERBS[verb].magic, verb


def _actions(parser):  # type: ignore[no-untyped-def]
    import argparse

    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from _actions(child)


@pytest.mark.parametrize("page", PAGES, ids=identified)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {
                re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings
            }, target


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for page in ROOT.glob("docs/*.md"):
        assert page.name == "README.md" or f"]({page.name})" in index, page.name


def test_the_page_of_commands_is_what_the_parsers_say() -> None:
    spec = importlib.util.spec_from_file_location("make", ROOT / "docs" / "make_commands.py")
    assert spec is not None
    assert spec.loader is not None
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    assert make.PAGE.read_text(encoding="utf-8") == make.page(), "write it anew: make docs"


def test_every_attack_in_the_threat_model_names_a_test_that_there_is() -> None:
    text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    attacks = 0
    for table in re.findall(
        r"^\| (?:who|attack) \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE
    ):
        for row in table.splitlines():
            *said, tests = [part.strip() for part in row.strip("|").split(" | ")]
            assert all(said), row
            assert re.search(r"`\S+::test_\w+`", tests), row
            attacks += 1
    assert attacks > 60
    for file, name in re.findall(r"`([\w/]+\.py)::(\w+)`", text):
        path = ROOT / "tests" / file
        assert path.is_file(), file
        assert f"def {name}(" in path.read_text(encoding="utf-8"), f"{file}::{name}"


def test_every_verdict_is_explained() -> None:
    from jupyter_mlo.notebook.verdicts import Verdict

    for page in ("docs/verdicts.md", "README.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        for verdict in Verdict:
            assert f"| `{verdict}` |" in text, (page, verdict)


def first_ten_minutes() -> list[tuple[str, str]]:
    """Kind and body of each block of that section of README, in order."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.split(r"^## ", text, flags=re.MULTILINE)
    (found,) = [part for part in section if part.startswith("The first ten minutes")]
    return BLOCK.findall(found)


def test_the_first_ten_minutes_of_readme_happen_as_it_says(tmp_path: Path) -> None:
    import nbformat

    steps = first_ten_minutes()
    environ = throwaway_environment(tmp_path)
    passphrase = tmp_path / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("correct horse battery staple\n")
    environ["MLO_PASSPHRASE_FILE"] = str(passphrase)
    clone = tmp_path / "jupyter-mlo"
    clone.mkdir()
    shutil.copytree(ROOT / "notebooks", clone / "notebooks")
    (clone / ".venv").symlink_to(sys.prefix)
    cells = [nbformat.v4.new_code_cell(body.rstrip()) for kind, body in steps if kind == "python"]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), clone / "analysis.ipynb")
    executed = False
    for kind, body in steps:
        if kind == "python" and not executed:
            run("jupyter execute --inplace analysis.ipynb", clone, environ)
            executed = True
        if kind == "console":
            assert_session(body, clone, environ)


def run(command: str, folder: Path, environ: dict[str, str]) -> str:
    done = subprocess.run(
        command,
        shell=True,
        executable="/bin/bash",
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"$ {command}\n{done.stdout}"
    return done.stdout


def assert_session(block: str, folder: Path, environ: dict[str, str]) -> None:
    """Run the commands of a block; what is shown under each must be printed, in that order."""
    for part in re.split(r"^\$ ", block.replace("\\\n", " "), flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        printed = run(command, folder, environ)
        pattern = ".*".join(
            r"[^\n]*".join(re.escape(piece.rstrip()) for piece in line.split("…"))
            for line in shown.splitlines()
            if line.strip()
        )
        assert re.search(pattern, printed, re.DOTALL), f"$ {command}\n{printed}\n---\n{shown}"
