"""The outbox: what is put there stays there, in order, until the ledger has it."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from jupyter_mlo.config import Settings
from jupyter_mlo.ledger.content import Content, content_of
from jupyter_mlo.ledger.outbox import Flushed, Outbox
from jupyter_mlo.statements.envelope import Envelope
from tests.ledger.conftest import make_envelope


class Taken(list):
    """A ledger that takes everything, batch by batch."""

    def __call__(self, batch: Sequence[Content]) -> None:
        self.append(list(batch))

    @property
    def all(self) -> list[Content]:
        """What it took, in order."""
        return [content for batch in self for content in batch]


@pytest.fixture
def outbox(settings: Settings) -> Outbox:
    return Outbox(settings)


def contents(envelopes: list[Envelope]) -> list[Content]:
    return [content_of(envelope) for envelope in envelopes]


def files_in(folder: Path) -> list[Path]:
    """All of them, but for the one that says when the newest came."""
    return [path for path in folder.iterdir() if path.name != ".newest"]


def test_each_statement_is_one_private_file_named_after_it(
    settings: Settings, outbox: Outbox, envelopes: list[Envelope]
) -> None:
    before = os.umask(0)
    try:
        outbox.put(contents(envelopes[:3]))
    finally:
        os.umask(before)
    files = {path.name: path for path in files_in(settings.outbox)}
    assert set(files) == {f"{envelope.statement_id}.json" for envelope in envelopes[:3]}
    for envelope in envelopes[:3]:
        path = files[f"{envelope.statement_id}.json"]
        assert path.read_bytes() == envelope.to_bytes()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.outbox.stat().st_mode) == 0o700


def test_what_waits_goes_in_the_order_in_which_it_came(
    outbox: Outbox, envelopes: list[Envelope]
) -> None:
    order = [*envelopes[20:], *envelopes[:10], *envelopes[10:20]]
    for n in range(0, 30, 6):
        outbox.put(contents(order[n : n + 6]))
    assert outbox.waiting() == 30
    taken = Taken()
    assert outbox.flush(taken).count == 30
    assert taken.all == contents(order)
    assert outbox.waiting() == 0


def test_the_order_holds_when_the_clock_is_set_back(
    outbox: Outbox, envelopes: list[Envelope], monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox.put(map(content_of, envelopes[:2]))
    yesterday = time.time_ns() - 86_400 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: yesterday)
    outbox.put(map(content_of, envelopes[2:4]))
    handed: list[Content] = []
    outbox.flush(handed.extend)
    assert [one.statement_id.hex() for one in handed] == [
        envelope.statement_id for envelope in envelopes[:4]
    ]


def test_the_order_holds_where_its_mark_was_lost_and_the_clock_set_back(
    settings: Settings, outbox: Outbox, envelopes: list[Envelope], monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox.put(contents(envelopes[:3]))
    (settings.outbox / ".newest").unlink()
    yesterday = time.time_ns() - 86_400 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: yesterday)
    for one in envelopes[3:6]:
        outbox.put(contents([one]))
    taken = Taken()
    outbox.flush(taken)
    assert taken.all == contents(envelopes[:6])


def test_a_statement_put_twice_waits_once(outbox: Outbox, envelopes: list[Envelope]) -> None:
    outbox.put(contents(envelopes[:2]))
    outbox.put(contents(envelopes[1:3]))
    assert outbox.waiting() == 3
    taken = Taken()
    outbox.flush(taken)
    assert taken.all == contents(envelopes[:3])


def test_a_statement_stays_until_the_ledger_has_it(
    outbox: Outbox, envelopes: list[Envelope]
) -> None:
    outbox.put(contents(envelopes[:3]))

    def unreachable(batch: Sequence[Content]) -> None:
        raise RuntimeError("the ledger went away")

    with pytest.raises(RuntimeError):
        outbox.flush(unreachable)
    assert outbox.waiting() == 3
    taken = Taken()
    outbox.flush(taken)
    assert taken.all == contents(envelopes[:3])


def test_many_statements_go_in_batches_and_a_failure_keeps_the_rest(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mlo.ledger.outbox._BATCH", 500)
    many = contents([make_envelope(n) for n in range(1100)])
    outbox.put(many)
    taken = Taken()

    def fails_in_the_third(batch: Sequence[Content]) -> None:
        if len(taken) == 2:
            raise RuntimeError
        taken(batch)

    with pytest.raises(RuntimeError):
        outbox.flush(fails_in_the_third)
    assert outbox.waiting() == 100
    assert outbox.flush(taken).count == 100
    assert taken.all == many


def test_an_empty_outbox_flushes_nothing(outbox: Outbox) -> None:
    taken = Taken()
    assert outbox.flush(taken).count == 0
    assert taken == []
    assert outbox.waiting() == 0


def test_damaged_files_stay_are_named_and_keep_nobody_waiting(
    settings: Settings, outbox: Outbox, envelopes: list[Envelope], tmp_path: Path
) -> None:
    outbox.put(contents(envelopes[:4]))
    names = [settings.outbox / f"{envelope.statement_id}.json" for envelope in envelopes]
    names[0].write_bytes(b"\xff garbage")
    names[1].write_bytes(envelopes[9].to_bytes())
    names[2].unlink()
    names[2].symlink_to(tmp_path)
    os.mkfifo(names[5])
    names[6].mkdir()
    (settings.outbox / ".half-written").write_bytes(b"{")
    (settings.outbox / "README").write_bytes(b"not ours")
    taken = Taken()
    flushed = outbox.flush(taken)
    assert taken.all == contents(envelopes[3:4])
    assert flushed.count == 1
    for name in (names[0], names[1], names[2], names[5], names[6]):
        assert any(str(name) in why for why in flushed.damaged)
    assert len(flushed.damaged) == outbox.waiting() == 5


def test_a_file_of_its_name_with_something_else_is_not_taken_for_a_statement_that_is_kept(
    settings: Settings, outbox: Outbox, envelopes: list[Envelope], tmp_path: Path
) -> None:
    settings.outbox.mkdir(parents=True, mode=0o700)
    names = [settings.outbox / f"{envelope.statement_id}.json" for envelope in envelopes]
    names[0].write_bytes(b"\xff garbage")
    names[1].write_bytes(envelopes[9].to_bytes())
    (tmp_path / "elsewhere").write_bytes(envelopes[2].to_bytes())
    names[2].symlink_to(tmp_path / "elsewhere")
    os.mkfifo(names[3])
    outbox.put(contents(envelopes[:4]))
    taken = Taken()
    assert outbox.flush(taken) == Flushed(4)
    assert taken.all == contents(envelopes[:4])
    names[4].mkdir()
    with pytest.raises(OSError, match="directory"):
        outbox.put(contents(envelopes[4:5]))


def test_two_who_flush_at_once_do_not_disturb_each_other(
    settings: Settings, outbox: Outbox, envelopes: list[Envelope]
) -> None:
    outbox.put(contents(envelopes[:5]))
    other, taken = Taken(), Taken()

    def meanwhile(batch: Sequence[Content]) -> None:
        Outbox(settings).flush(other)
        taken(batch)

    outbox.flush(meanwhile)
    assert taken.all == other.all == contents(envelopes[:5])
    assert outbox.waiting() == 0


def test_what_is_begun_is_there_when_it_is_finished_and_not_before(
    settings: Settings, outbox: Outbox, envelopes: list[Envelope]
) -> None:
    finish = outbox.begin(contents(envelopes[:2]))
    assert outbox.waiting() == 0
    assert outbox.flush(Taken()).count == 0
    thread = threading.Thread(target=finish)
    thread.start()
    thread.join()
    assert outbox.waiting() == 2
    assert len(files_in(settings.outbox)) == 2
    taken = Taken()
    outbox.flush(taken)
    assert taken.all == contents(envelopes[:2])


def test_all_and_their_names_are_on_disk_before_anybody_is_told(
    settings: Settings, outbox: Outbox, envelopes: list[Envelope], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def renamed(old: Path, new: Path) -> None:
        done.append("name")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    finish = outbox.begin(contents(envelopes[:2]))
    assert done == []
    finish()
    assert done == ["name", "name", "file", "file", "folder"]
    done.clear()
    outbox.put(contents(envelopes[1:3]))  # one of them may be another's, and not there yet
    assert done == ["name", "file", "file", "folder"]


def test_a_name_without_content_was_never_kept(
    settings: Settings, outbox: Outbox, envelopes: list[Envelope]
) -> None:
    outbox.put(contents(envelopes[:2]))
    (settings.outbox / f"{envelopes[0].statement_id}.json").write_bytes(b"")
    taken = Taken()
    assert outbox.flush(taken) == Flushed(1)
    assert taken.all == contents(envelopes[1:2])
    assert outbox.waiting() == 0


def test_what_cannot_be_brought_to_the_disk_leaves_nothing_behind(
    settings: Settings, outbox: Outbox, envelopes: list[Envelope], monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = outbox.begin(contents(envelopes[:2]))

    def broken(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", broken)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    with pytest.raises(OSError, match="No space"):
        finish()
    assert files_in(settings.outbox) == []
    if before:
        assert len(os.listdir("/proc/self/fd")) == before - 2
