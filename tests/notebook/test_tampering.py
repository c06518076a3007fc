"""Promise 2: every alteration of a stamped, sealed notebook is found and named; harmless rewrites
raise no alarm. The counts are shown at the end of the run."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

import nbformat
import pytest

from jupyter_mlo.delegation.chain import Pool
from jupyter_mlo.notebook.reports import Demands, NotebookReport
from jupyter_mlo.notebook.verdicts import Verdict
from tests.notebook.people import (
    ALICE,
    BOB,
    NOON,
    Kernel,
    Person,
    code,
    fails,
    notebook,
    result,
    seal,
    shows,
    stream,
    text,
    trusting,
    updates,
    verify,
)
from tests.notebook.tampering import at_path, counting, moves, others, replaced
from tests.tally import Tally

PICTURE = {"a.png": {"image/png": "iVBORw0KGgo="}}


@cache
def alice() -> Person:
    return Person(ALICE, "alice")


@cache
def bob() -> Person:
    return Person(BOB, "bob")


#: The kernels in which the notebook ran, with their records: known once it has been sealed.
RECORDED: list[Callable[[], Kernel]] = []


@cache
def sealed() -> str:
    """The notebook that is altered, as JSON: two MLOs, three seals, every kind of output."""
    value = notebook(
        {**text("# Loans ![](attachment:a.png)", "m1"), "attachments": PICTURE},
        code("import pandas", "c1"),
        code("for i in range(3): print(i)", "c2"),
        code("handle = display(1, display_id=True)", "c3"),
        code("handle.update(2)", "c4"),
        code("1/0", "c5"),
        code("many()", "c6"),
        code("never()", "c7"),
        text("raw", "r1", "raw"),
        code("model.fit()", "c8"),
        code("x = 1", "c9"),
        code("x = 1", "c10"),
        text("The end", "m2"),
    )
    value["metadata"]["widgets"] = {
        "application/vnd.jupyter.widget-state+json": {"state": {"a": {"v": 1.5, "w": True}}}
    }
    cells = value["cells"]
    first = alice().session(model="loan@3")
    kernel = Kernel(first)
    shown: dict[str, list[dict[str, Any]]] = {}
    kernel.run(cells[1])
    kernel.run(cells[2], stream("0\n1\n"), stream("2\n"), stream("careful\n", "stderr"))
    kernel.run(cells[3], shows("1", "d"), stream("there\n"), shown=shown)
    kernel.run(cells[4], updates("2", "d"), shown=shown)
    kernel.run(cells[5], fails("ZeroDivisionError"))
    kernel.run(cells[6], *(shows(f"picture {number}") for number in range(35)))
    kernel.run(cells[10])
    kernel.run(cells[11])
    value = seal(value, first, kernel).value
    value["cells"][12]["source"] = "The very end"
    later = NOON + timedelta(minutes=20)
    second = bob().session(later, activity="validation")
    other = Kernel(second, later)
    other.run(value["cells"][9], result("0.91", 1), stream("done\n"))
    value = seal(value, second, other, also=first.chain).value
    value["cells"].insert(1, text("Inserted later", "m3"))
    value = seal(value, first, now=NOON + timedelta(hours=1), also=second.chain).value
    assert len(value["metadata"]["mlo"]["seals"]) == 3
    RECORDED[:] = [lambda: kernel, lambda: other]
    return json.dumps(value)


def original() -> dict[str, Any]:
    return dict(json.loads(sealed()))


def judged(value: dict[str, Any], **options: Any) -> NotebookReport:
    return verify(value, alice(), bob(), **options)


def named(report: NotebookReport) -> list[str]:
    """Everything that a reader would be told."""
    found = [*report.problems, *report.seal.changes]
    if report.seal.verdict is not Verdict.VERIFIED:
        found.append(f"seal {report.seal.verdict} {report.seal.reason}")
    found += [
        f"cell {cell.position} {cell.verdict} {cell.reason}"
        for cell in report.cells
        if cell.verdict is not Verdict.VERIFIED
    ]
    return found


def test_the_notebook_as_it_was_sealed_holds() -> None:
    report = judged(original())
    assert named(report) == []
    assert report.notes == ()
    assert report.holds(Demands())
    assert [cell.mlo for cell in report.cells].count(ALICE) == 8
    assert [cell.mlo for cell in report.cells].count(BOB) == 1


@pytest.mark.parametrize("at_hand", ["nothing", "the chains"])
def test_every_altered_scalar_is_found_and_named(at_hand: str, tally: Tally) -> None:
    value = original()
    chains = (*alice().session().chain, *bob().session().chain)
    options: dict[str, Any] = {}
    if at_hand == "the chains":
        # The verifier has whole copies himself: an altered one in the file is named all the same.
        from jupyter_mlo.statements.envelope import Envelope

        kept = [Envelope.from_json(link) for link in value["metadata"]["mlo"]["chains"]]
        options["pool"] = Pool.of([*chains, *kept])
    paths = list(counting(value))
    if at_hand == "the chains":
        paths = [path for path in paths if path[:2] == ("metadata", "mlo") or "stamp" in path]
    missed, tried = [], 0
    for path in paths:
        for new in others(at_path(value, path)):
            if _same_value(path, at_path(value, path), new):
                continue
            tried += 1
            report = judged(replaced(value, path, new), **options)
            found = named(report)
            if report.holds(Demands()) or not found:
                missed.append((path, new))
            elif path[0] == "cells" and not _names_cell(found, path):
                missed.append((path, new, found))
    tally.altered(f"scalars of a notebook, {at_hand} at hand", tried, len(missed))
    assert missed == []
    assert tried > 250


def test_records_at_hand_do_not_hide_an_alteration(tally: Tally) -> None:
    """On the machine where it ran, an altered cell is no less altered."""
    value = original()
    kernels = [kernel() for kernel in RECORDED]
    assert named(judged(value, kernels=kernels)) == []
    missed, tried = [], 0
    for path in counting(value):
        if path[0] != "cells" or path[2] == "metadata":
            continue
        for new in others(at_path(value, path)):
            report = judged(replaced(value, path, new), kernels=kernels)
            cell = report.cells[int(path[1])]
            if cell.verdict in (Verdict.VERIFIED, Verdict.UNSTAMPED):
                missed.append((path, new, cell))
            tried += 1
    tally.altered("scalars of its cells, the records at hand", tried, len(missed))
    assert missed == []
    assert tried > 200


def _same_value(path: tuple[str | int, ...], old: Any, new: Any) -> bool:
    """White space in base64 means nothing, and so does the padding of nothing."""
    return "image/png" in path and isinstance(new, str) and new.strip() == old.strip()


def _names_cell(found: list[str], path: tuple[str | int, ...]) -> bool:
    return any(line.startswith(f"cell {path[1]} ") for line in found)


def test_every_removal_doubling_and_exchange_is_found_and_named(tally: Tally) -> None:
    value = original()
    missed, tried = [], 0
    for what, altered in moves(value):
        tried += 1
        report = judged(altered)
        if report.holds(Demands()) or not named(report):
            missed.append(what)
    tally.altered("removals, doublings and exchanges in a notebook", tried, len(missed))
    assert missed == []
    assert tried > 300


def _through_nbformat(value: dict[str, Any]) -> dict[str, Any]:
    loaded = nbformat.reads(json.dumps(value), as_version=4)
    nbformat.validate(loaded)
    return dict(json.loads(nbformat.writes(loaded)))


def _reversed_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _reversed_keys(value[name]) for name in reversed(value)}
    return [_reversed_keys(member) for member in value] if isinstance(value, list) else value


def _split(value: dict[str, Any]) -> dict[str, Any]:
    for cell in value["cells"]:
        cell["source"] = cell["source"].splitlines(True)
        for output in cell.get("outputs", []):
            if "text" in output:
                output["text"] = list(output["text"])
            for mime, data in output.get("data", {}).items():
                output["data"][mime] = data.splitlines(True)
    return value


def _renumbered(value: dict[str, Any]) -> dict[str, Any]:
    for at, cell in enumerate(value["cells"]):
        cell["id"] = str(at)
    return value


def _before_ids(value: dict[str, Any]) -> dict[str, Any]:
    for cell in value["cells"]:
        del cell["id"]
    return {**value, "nbformat_minor": 4}


def _counts(value: dict[str, Any]) -> dict[str, Any]:
    for cell in value["cells"]:
        if cell["cell_type"] == "code" and cell["execution_count"] is not None:
            cell["execution_count"] += 40
            for output in cell["outputs"]:
                if "execution_count" in output:
                    output["execution_count"] = None
    return value


def _metadata(value: dict[str, Any]) -> dict[str, Any]:
    for cell in value["cells"]:
        cell["metadata"] |= {
            "tags": ["a"],
            "collapsed": True,
            "scrolled": "auto",
            "editable": False,
        }
    value["metadata"] |= {"language_info": {"name": "python"}, "toc": {"x": 1}, "title": "t"}
    value["metadata"]["kernelspec"]["display_name"] = "My Python"
    return value


def _streams_cut(value: dict[str, Any]) -> dict[str, Any]:
    for cell in value["cells"]:
        outputs = []
        for output in cell.get("outputs", []):
            if output["output_type"] != "stream":
                outputs.append(output)
                continue
            outputs += [{**output, "text": character} for character in output["text"]]
        if outputs:
            cell["outputs"] = outputs
    return value


def _base64_without_newlines(value: dict[str, Any]) -> dict[str, Any]:
    for cell in value["cells"]:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output["data"]["image/png"] = output["data"]["image/png"].rstrip()
    return value


HARMLESS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "read and written by nbformat": _through_nbformat,
    "twice": lambda value: _through_nbformat(_through_nbformat(value)),
    "members in another order": _reversed_keys,
    "lines split": _split,
    "ids renumbered": _renumbered,
    "ids removed, format 4.4": _before_ids,
    "prompt numbers changed": _counts,
    "tags, collapsing, titles": _metadata,
    "streams cut into pieces": _streams_cut,
    "base64 without line feeds": _base64_without_newlines,
    "whole numbers as floats": lambda value: json.loads(
        json.dumps(value).replace('"v": 1.5', '"v": 15e-1')
    ),
}


@pytest.mark.parametrize("rewrite", HARMLESS)
def test_a_harmless_rewrite_raises_no_alarm(rewrite: str, tally: Tally) -> None:
    value = HARMLESS[rewrite](copy.deepcopy(original()))
    report = judged(value)
    tally.rewritten(rewrite, len(named(report)))
    assert named(report) == []
    assert report.holds(Demands())


def test_what_nbstripout_leaves_is_fine_unless_outputs_are_required(tmp_path: Any) -> None:
    from nbstripout import strip_output

    node = nbformat.reads(sealed(), as_version=4)
    strip_output(node, keep_output=False, keep_count=False, keep_id=False)
    report = judged(dict(json.loads(nbformat.writes(node))))
    assert report.holds(Demands())
    assert not report.holds(Demands(outputs=True))
    assert {cell.verdict for cell in report.cells} == {Verdict.VERIFIED, Verdict.STRIPPED}
    assert report.seal.changes == ()


def test_what_jupytext_makes_of_it_and_back_holds_but_for_outputs() -> None:
    import jupytext

    node = nbformat.reads(sealed(), as_version=4)
    script = jupytext.writes(node, "py:percent")
    back = jupytext.reads(script, "py:percent")
    value = dict(json.loads(nbformat.writes(back)))
    value["metadata"]["mlo"] = original()["metadata"]["mlo"]
    report = judged(value)
    verdicts = {cell.position: cell.verdict for cell in report.cells if cell.mlo}
    assert set(verdicts.values()) <= {Verdict.VERIFIED, Verdict.STRIPPED}


def test_stamps_keep_their_worth_without_a_trusted_seal() -> None:
    """A verifier who knows only one of two MLOs still sees what that one executed."""
    report = verify(original(), bob())
    assert report.cells[10].verdict is Verdict.VERIFIED
    assert str(report.cells[10].assurance) == "signed"
    assert str(report.cells[2].assurance) == "claimed"
    assert not report.holds(Demands())
    assert report.unknown_keys() == [(ALICE, alice().key.key_id)]
    assert trusting(bob()).pins.keys() == {BOB}
