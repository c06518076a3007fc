"""What a record holds: every output of the cell, whichever way it came, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import time

import pytest

from jupyter_mlo.ipython.recorder import MASK
from jupyter_mlo.notebook.digests import short, source_digest
from tests.ipython.conftest import Recording, held, recorded
from tests.ipython.frontend import FrontEnd


def test_it_says_who_what_and_when(recording: Recording) -> None:
    cell = recording.run("answer = 42\nanswer", id="a-cell")
    record = recording.home.record(cell)
    assert record.mlo == recording.signer.mlo
    assert record.key_id == recording.signer.key.key_id
    assert record.delegation == recording.signer.delegation
    assert record.cell == "a-cell"
    assert record.request == cell.request
    assert record.execution.count == cell.count
    assert record.source == short(source_digest("answer = 42\nanswer"))
    assert (record.status, record.part, record.activity) == ("ok", 0, "exploration")
    assert record.kernel.name == "python3"
    assert record.started <= record.finished
    assert len(record.execution.id) == 16


def test_its_subject_is_the_source_and_its_signature_holds(recording: Recording) -> None:
    cell = recording.run("'a subject'")
    record = recording.home.record(cell)
    (envelope,) = [e for e in recording.home.envelopes() if record.nonce in e.payload.decode()]
    envelope.check_signature(recording.signer.key.public)
    digest = source_digest("'a subject'").hex()
    assert f'"mloSourceV1":"{digest}"' in envelope.payload.decode()


def test_displays_and_results_carry_the_light_reference(recording: Recording) -> None:
    cell = recording.run("display(1)\nprint(2)\n3")
    record = recording.home.record(cell)
    reference = f"{record.mlo}#{record.execution.id}"
    marked = [o["metadata"].get("mlo") for o in cell.outputs if "metadata" in o]
    assert marked == [reference, reference]


def test_metadata_that_the_user_gave_stays_his_and_is_not_written_into(
    recording: Recording,
) -> None:
    cell = recording.run(
        "from IPython.display import display\n"
        "theirs = {'text/plain': {'isolated': True}}\n"
        "display({'text/plain': 'x'}, raw=True, metadata=theirs)\n"
        "print(theirs)"
    )
    assert cell.outputs[0]["metadata"]["text/plain"] == {"isolated": True}
    assert "mlo" in cell.outputs[0]["metadata"]
    assert cell.outputs[1]["text"] == "{'text/plain': {'isolated': True}}\n"
    assert recorded(recording.home.record(cell)) == held(cell)


@pytest.mark.parametrize(
    "source",
    [
        "print('out')",
        "import sys\nprint('a'); print('b', file=sys.stderr); print('c')",
        "display('d')\nprint(1)\ndisplay('e')\n'result'",
        "for i in range(5): print(i, end='\\r')\nprint('done')",
        "from IPython.display import HTML\nHTML('<b>x</b>')",
        "from IPython.display import clear_output\nprint(1)\nclear_output()\nprint(2)",
        "from IPython.display import clear_output\nprint(1)\nclear_output(wait=True)\nprint(2)",
        "from IPython.display import clear_output\nprint(1)\nclear_output(wait=True)",
        "h = display('first', display_id=True)\nprint('x')\nh.update('second')",
        "get_ipython().run_cell('print(1); 2')\n3",
        "import asyncio\nawait asyncio.sleep(0.01)\nprint('awaited')\n5",
        "%%capture\nprint('nowhere')",
        "%%capture c\nprint('somewhere')\nc",
        "!echo from the shell",
        "import os\nos.system('echo from the file descriptor')\nimport time; time.sleep(0.3)",
        "import subprocess\nsubprocess.run(['echo', 'piped'], check=True); None",
        "display({'application/json': {'n': float('1e3'), 't': (1, 2)}}, raw=True)",
        "display({'text/plain': 'two', 'text/html': '<i>two</i>'}, raw=True)",
        "None",
        "%reset -f",
        "1;",
        "#",
    ],
)
def test_all_kinds_of_output(recording: Recording, source: str) -> None:
    recording.check(source)


def test_a_png_and_nan_and_odd_text(recording: Recording) -> None:
    png = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()
    recording.check(f"display({{'image/png': '{png}'}}, raw=True)")
    recording.check("display({'application/json': {'nan': float('nan')}}, raw=True)")
    recording.check("print('\\x1b[31mred\\x1b[0m \\u2028 \\U0001f600')")


def test_an_error_is_recorded_with_its_traceback(recording: Recording) -> None:
    record = recording.check("print('before')\n1 / 0")
    assert record.status == "error"
    assert len(record.outputs) == 2


def test_a_syntax_error(recording: Recording) -> None:
    assert recording.check("def f(:").status == "error"


def test_json_that_is_changed_after_it_was_shown(recording: Recording) -> None:
    """What the front end was sent counts, not what became of the object."""
    recording.check(
        "data = {'values': [1, 2]}\n"
        "display({'application/json': data}, raw=True)\n"
        "data['values'].append(3)"
    )


def test_updates_of_displays_in_other_cells(recording: Recording) -> None:
    first = recording.run("handle = display('old', display_id='the-id')")
    second = recording.run("handle.update('new')")
    early, late = recording.home.record(first), recording.home.record(second)
    assert recorded(late) == []
    (update,) = late.updates
    assert update.display == early.outputs[0].display
    assert update.display == short(hashlib.sha256(b"the-id").digest())
    assert held(first) == [update.output] != recorded(early)
    assert first.outputs[0]["metadata"]["mlo"] == f"{late.mlo}#{late.execution.id}"


def test_clears_are_counted(recording: Recording) -> None:
    record = recording.check(
        "from IPython.display import clear_output\nfor i in range(3):\n    clear_output(); print(i)"
    )
    assert record.clears == 3


def test_threads_that_print_and_display_while_the_cell_runs(recording: Recording) -> None:
    recording.check(
        "import threading\n"
        "def work(n):\n"
        "    print('thread', n)\n"
        "    display(n)\n"
        "threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]; None"
    )


def test_output_of_a_thread_that_goes_on_makes_a_further_part(recording: Recording) -> None:
    cell = recording.run(
        "import threading, time\n"
        "print('in time')\n"
        "def late():\n    time.sleep(0.3); print('late'); display('very late')\n"
        "threading.Thread(target=late).start()"
    )
    first = recording.home.record(cell)
    before = held(cell)
    recording.frontend.listen(0.7)
    parts = recording.home.records(cell, at_least=2)
    assert [part.part for part in parts] == list(range(len(parts)))
    assert {part.execution.id for part in parts} == {first.execution.id}
    assert recorded(parts[0]) == before
    assert recorded(parts[-1]) == held(cell) != before
    assert parts[-1].finished > parts[0].finished


def test_late_output_while_another_cell_runs_goes_to_its_own(recording: Recording) -> None:
    first = recording.run(
        "import contextvars, threading, time\n"
        "def late():\n    time.sleep(0.2); print('late')\n"
        "threading.Thread(target=contextvars.copy_context().run, args=(late,)).start()"
    )
    second = recording.run("import time\nprint('second'); time.sleep(0.5); print('end')")
    parts = recording.home.records(first, at_least=2)
    assert recorded(parts[-1]) == held(first) != []
    assert recorded(recording.home.record(second)) == held(second)


def test_typed_input_as_jupyterlab_keeps_it_and_as_others_do_not(recording: Recording) -> None:
    source = "print('before')\nname = input('Name?')\nprint('after', name)"
    cell = recording.run(source, answers=["Ada"])
    assert [o["name"] for o in cell.outputs] == ["stdout", "stdin", "stdout"]
    plain, shown = recording.home.records(cell, at_least=2)
    assert recorded(shown) == held(cell)
    assert len(plain.outputs) == 1
    assert (plain.part, shown.part) == (0, 1)
    recording.frontend.shows_input = False
    try:
        other = recording.run(source, answers=["Ada"])
    finally:
        recording.frontend.shows_input = True
    assert recorded(recording.home.records(other, at_least=2)[0]) == held(other)


def test_of_a_typed_password_only_the_mask_is_recorded(recording: Recording) -> None:
    source = "import getpass\nlen(getpass.getpass('Secret:'))"
    cells = [recording.run(source, answers=[answer]) for answer in ("one", "six")]
    assert cells[0].outputs[0]["text"] == f"Secret: {MASK}\n"
    shown = [recorded(recording.home.records(cell, at_least=2)[1]) for cell in cells]
    assert shown[0] == shown[1] == held(cells[0])


def test_several_questions_in_one_cell(recording: Recording) -> None:
    cell = recording.run(
        "a = input('a'); b = input('b'); print(a, b); c = input(); a + b + c",
        answers=["1", "2", "3"],
    )
    assert recorded(recording.home.records(cell, at_least=2)[1]) == held(cell)


def test_the_page_that_help_opens(recording: Recording) -> None:
    cell = recording.run("print('x')\nlen?")
    assert cell.outputs[-1]["output_type"] == "display_data"
    assert recorded(recording.home.records(cell, at_least=2)[1]) == held(cell)


def test_outputs_that_a_widget_takes_are_not_the_cells(recording: Recording) -> None:
    cell = recording.run(
        "import ipywidgets\nout = ipywidgets.Output()\nprint('cell')\n"
        "with out:\n    print('widget'); display('widget')\nprint('cell again')"
    )
    # The widget itself keeps them; a front end leaves out what stands between.
    texts = [o for o in cell.outputs if "widget" not in str(o.get("data", o.get("text")))]
    record = recording.home.record(cell)
    merged = [{"output_type": "stream", "name": "stdout", "text": "cell\ncell again\n"}]
    assert len(texts) >= 1
    cell.outputs = merged
    assert recorded(record) == held(cell)


def test_forked_children_print_into_the_record_and_neither_record_nor_hang(
    recording: Recording,
) -> None:
    recording.check(
        "import multiprocessing as mp, os, sys\n"
        "def child(n):\n"
        "    print('child', n); sys.stdout.flush()\n"
        "    display(n)\n"
        "context = mp.get_context('fork')\n"
        "for n in range(3):\n"
        "    p = context.Process(target=child, args=(n,)); p.start(); p.join(20)\n"
        "    assert p.exitcode == 0, p.exitcode\n"
        "import time; time.sleep(0.2)"
    )
    before = len(recording.home.envelopes())
    recording.check("import os\npid = os.fork()\nif not pid: os._exit(0)\nos.waitpid(pid, 0)[1]")
    time.sleep(0.1)
    assert len(recording.home.envelopes()) == before + 1


def test_a_child_that_exits_like_an_interpreter_does_not_wait_for_us(recording: Recording) -> None:
    recording.check(
        "import os, atexit\n"
        "def end(run=atexit._run_exitfuncs, leave=os._exit):\n"
        "    try: run()\n"
        "    finally: leave(3)\n"
        "writer = get_ipython()._jupyter_mlo_extension.recorder._writer\n"
        "with writer._wake._cond:  # a lock that some thread may hold just then\n"
        "    pid = os.fork()\n"
        "    if not pid: end()\n"
        "os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])"
    )


def test_interrupted_cells(recording: Recording) -> None:
    frontend = recording.frontend
    cell = frontend.send("import time\nprint('sleeping')\ntime.sleep(60)")
    deadline = time.monotonic() + 20
    while "sleeping" not in cell.text:
        assert time.monotonic() < deadline
        frontend.listen(0.1)
    frontend.manager.interrupt_kernel()
    frontend.wait(cell)
    record = recording.home.record(cell)
    assert recorded(record) == held(cell)
    assert record.status == "error"


def test_a_hundred_megabytes(recording: Recording) -> None:
    began = time.monotonic()
    cell = recording.run(
        "line = 'x' * 999 + '\\n'\nfor _ in range(100): print(line * 1000, end='')",
        timeout=120,
    )
    record = recording.home.record(cell)
    assert recorded(record) == held(cell)
    assert time.monotonic() - began < 60


def test_many_outputs(recording: Recording) -> None:
    recording.check("for i in range(2000): display(i)")


def test_two_notebooks_on_one_kernel(recording: Recording) -> None:
    other = FrontEnd(recording.frontend.manager)
    try:
        one = recording.frontend.send("import time\nprint('one'); time.sleep(0.2)", id="cell-one")
        two = other.send(
            "print('two')", id="vscode-notebook-cell:/home/a%20b/nb.ipynb#W0sZmlsZQ%3D%3D"
        )
        recording.frontend.wait(one)
        other.wait(two)
    finally:
        other.close()
    first, second = recording.home.record(one), recording.home.record(two)
    assert (first.cell, recorded(first)) == ("cell-one", held(one))
    assert (second.cell, recorded(second)) == (two.id, held(two))


def test_hostile_ids_of_cells_and_requests_are_bounded(recording: Recording) -> None:
    cell = recording.run("1", id="c" * 5000)
    assert recording.home.record(cell).cell == "c" * 256
    cell = recording.frontend.send("2", metadata={"cellId": {"not": ["a", "string"]}})
    recording.frontend.wait(cell)
    assert recording.home.record(cell).cell is None


def test_subshells(recording: Recording) -> None:
    frontend = recording.frontend
    subshell = frontend.request("create_subshell_request", {}, channel="control")["subshell_id"]
    main = frontend.send("import time\nprint('main'); time.sleep(0.5); print('main end')")
    side = frontend.send("print('side')\ndisplay('side')", subshell=subshell)
    frontend.wait(side)
    frontend.wait(main)
    for cell in (main, side):
        assert recorded(recording.home.record(cell)) == held(cell)
    frontend.request("delete_subshell_request", {"subshell_id": subshell}, channel="control")


def test_silent_requests_and_empty_cells_are_not_recorded(recording: Recording) -> None:
    before = len(recording.home.envelopes())
    recording.run("quietly = 1", silent=True, store_history=False)
    recording.run("")
    recording.run("  \n")
    recording.run("", user_expressions={"x": "1+1"}, store_history=False)
    assert len(recording.home.envelopes()) == before
    recording.check("'not kept in the history'", store_history=False)


def test_completions_and_other_requests_disturb_nothing(recording: Recording) -> None:
    frontend = recording.frontend
    recording.run("%config Completer.use_jedi = False")  # it takes seconds to get going
    frontend.request("complete_request", {"code": "prin", "cursor_pos": 4})
    frontend.request("kernel_info_request", {})
    frontend.request("inspect_request", {"code": "len", "cursor_pos": 3, "detail_level": 0})
    recording.check("print('still there')")
