"""Whose cell it is: the session at its start, wherever that was opened or ended."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from jupyter_mlo.delegation.sessions import end_session, set_activity
from tests.ipython.conftest import Home, Start, held, recorded


def test_logins_activities_and_logouts_in_a_terminal_reach_a_running_kernel(
    home: Home, start: Start
) -> None:
    frontend = start()
    nobody = frontend.run("display('nobody')")
    assert "mlo" not in nobody.outputs[0]["metadata"]
    ada = home.log_in("Ada")
    first = frontend.run("display('ada')")
    set_activity(home.settings, "training", "loan@3", now=datetime.now(UTC))
    second = frontend.run("display('ada, training')")
    bob = home.log_in("Bob")
    third = frontend.run("display('bob')")
    assert end_session(home.settings)
    last = frontend.run("display('nobody again')")
    records = [home.record(cell) for cell in (first, second, third)]
    assert [record.mlo for record in records] == [ada.mlo, ada.mlo, bob.mlo]
    assert [record.activity for record in records] == ["exploration", "training", "exploration"]
    assert [record.model for record in records] == [None, "loan@3", None]
    assert "mlo" not in last.outputs[0]["metadata"]
    assert not home.records(nobody)
    assert not home.records(last)


def test_a_logout_during_a_cell_leaves_the_cell_to_who_began_it(home: Home, start: Start) -> None:
    ada = home.log_in()
    frontend = start()
    cell = frontend.send("import time\nprint('begun')\ntime.sleep(1)\ndisplay('end')")
    while "begun" not in cell.text:
        frontend.listen(0.1)
    home.log_in("Bob")
    frontend.wait(cell)
    assert home.record(cell).mlo == ada.mlo
    assert cell.outputs[1]["metadata"]["mlo"].startswith(ada.mlo)


def test_a_cell_that_outlives_its_session_is_recorded(home: Home, start: Start) -> None:
    minute = timedelta(minutes=1)
    frontend = start()
    ends = datetime.now(UTC) + timedelta(seconds=2)
    home.log_in(now=ends - minute, duration=minute)
    cell = frontend.run("import time\ntime.sleep(3)\n'long'")
    assert datetime.now(UTC) > ends
    record = home.record(cell)
    assert recorded(record) == held(cell)
    after = frontend.run("'after'")
    assert "the session of" in after.text
    assert "ended at" in after.text
    assert not home.records(after)


def test_what_is_wrong_with_the_session_is_said_once_and_costs_no_cell(
    home: Home, start: Start
) -> None:
    frontend = start()
    long_ago = datetime.now(UTC) - timedelta(hours=9)
    home.log_in(now=long_ago)
    first, second = frontend.run("1"), frontend.run("2")
    assert "%mlo_login" in first.text
    assert "ended at" in first.text
    assert [output["output_type"] for output in second.outputs] == ["execute_result"]
    home.settings.session_file.write_text("{ not a session")
    damaged, then = frontend.run("3"), frontend.run("4")
    assert "is damaged" in damaged.text
    assert damaged.reply["status"] == "ok"
    assert [output["output_type"] for output in then.outputs] == ["execute_result"]
    home.log_in()
    home.settings.session_file.chmod(0o644)
    wide = frontend.run("5")
    assert "read or written by others" in wide.text
    home.settings.session_file.chmod(0o600)
    good = frontend.run("6")
    assert home.record(good)


def test_the_session_is_read_again_only_when_its_file_has_changed(home: Home, start: Start) -> None:
    home.log_in()
    frontend = start()
    frontend.run(
        "watch = get_ipython()._jupyter_mlo_extension.watch\n"
        "read, load = [], watch._load\n"
        "watch._load = lambda now: (read.append(1), load(now))"
    )
    for _ in range(3):
        frontend.run("1")
    assert frontend.run("len(read)").text == "0"
    home.log_in("Bob")
    assert frontend.run("len(read)").text == "1"


def test_a_second_kernel_of_the_account_is_attributed_too(home: Home, start: Start) -> None:
    home.log_in()
    one, two = start(), start()
    first, second = one.run("1"), two.run("2")
    assert home.record(first).mlo == home.record(second).mlo
    assert home.record(first).kernel.id != home.record(second).kernel.id
    deadline = time.monotonic() + 5
    while len(list(home.settings.records.rglob("*.jsonl"))) < 2:
        assert time.monotonic() < deadline
