"""Records: one write a record, found by the digest of the source, whatever else lies there."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from jupyter_mlo.config import Settings
from jupyter_mlo.ledger.records import RecordStore
from jupyter_mlo.statements.envelope import Envelope
from tests.ledger.conftest import make_envelope

A, B, C = (bytes([n]) * 32 for n in range(3))
NOON = 1795348800.0  # 2026-11-22T12:00:00Z


@pytest.fixture
def store(settings: Settings) -> RecordStore:
    return RecordStore(settings.records, now=lambda: NOON)


def files(settings: Settings) -> list[Path]:
    return sorted(settings.records.rglob("*.jsonl"))


def test_records_are_found_by_the_digest_of_their_source(
    store: RecordStore, envelopes: list[Envelope]
) -> None:
    for n, digest in enumerate([A, B, A, C]):
        store.append(envelopes[n], digest, f"cell-{n}")
    assert list(store.matching([A])) == [envelopes[0], envelopes[2]]
    assert list(store.matching([B, C])) == [envelopes[1], envelopes[3]]
    assert list(store.matching([])) == []
    assert list(store.matching([b"\xff" * 32])) == []
    assert store.matching([A, B, C]).skipped == 0


def test_a_home_without_records_has_none(settings: Settings, store: RecordStore) -> None:
    assert list(store.matching([A])) == []
    assert not settings.records.exists()


def test_a_line_is_what_the_module_says(
    settings: Settings, store: RecordStore, envelopes: list[Envelope]
) -> None:
    store.append(envelopes[0], A, 'cell "é"\n')
    store.append(envelopes[1], B, None)
    (path,) = files(settings)
    assert path.parent.name == "2026-11-22"
    one, two = map(json.loads, path.read_bytes().splitlines())
    assert one == {
        "source": base64.urlsafe_b64encode(A).decode().rstrip("="),
        "cell": 'cell "é"\n',
        "envelope": envelopes[0].to_json(),
    }
    assert two["cell"] is None


def test_files_and_folders_are_private_whatever_the_umask(
    settings: Settings, store: RecordStore, envelopes: list[Envelope]
) -> None:
    before = os.umask(0)
    try:
        store.append(envelopes[0], A, None)
    finally:
        os.umask(before)
    (path,) = files(settings)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(settings.records.stat().st_mode) == 0o700


def test_a_new_day_has_a_new_folder_and_all_days_are_read(
    settings: Settings, envelopes: list[Envelope]
) -> None:
    now = NOON
    store = RecordStore(settings.records, now=lambda: now)
    store.append(envelopes[0], A, None)
    now += 86400
    store.append(envelopes[1], A, None)
    assert [path.parent.name for path in files(settings)] == ["2026-11-22", "2026-11-23"]
    assert list(RecordStore(settings.records).matching([A])) == envelopes[:2]


def test_each_process_writes_a_file_of_its_own(
    settings: Settings, store: RecordStore, envelopes: list[Envelope]
) -> None:
    store.append(envelopes[0], A, None)
    child = os.fork()
    if child == 0:
        store.append(envelopes[1], A, None)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    store.append(envelopes[2], A, None)
    assert len(files(settings)) == 2
    assert set(store.matching([A])) == set(envelopes[:3])


def test_threads_do_not_mix_their_lines(
    settings: Settings, store: RecordStore, envelopes: list[Envelope]
) -> None:
    def write(n: int) -> None:
        for _ in range(50):
            store.append(envelopes[n], bytes([n]) * 32, None)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in range(6):
        assert list(store.matching([bytes([n]) * 32])) == [envelopes[n]] * 50


def test_a_torn_last_line_costs_no_other(
    settings: Settings, store: RecordStore, envelopes: list[Envelope]
) -> None:
    store.append(envelopes[0], A, None)
    store.append(envelopes[1], A, None)
    (path,) = files(settings)
    whole = path.read_bytes()
    for cut in range(1, len(whole.splitlines()[1]) + 1):
        path.write_bytes(whole[:-cut])
        matches = store.matching([A])
        assert list(matches) == envelopes[:1]
        assert matches.skipped == 0


def test_what_others_put_there_is_skipped_and_counted(
    settings: Settings, store: RecordStore, envelopes: list[Envelope], tmp_path: Path
) -> None:
    store.append(envelopes[0], A, None)
    (path,) = files(settings)
    key = base64.urlsafe_b64encode(A)[:43]
    with path.open("ab") as file:
        file.write(b"garbage\n\n\xff\xfe\x00\n")
        file.write(b'{"source":"' + key + b'","envelope":{}}\n')
        file.write(b'{"source":"' + key + b'","envelope":\n')
        file.write(b'{"source":"' + key + b'"}\n')
        file.write(b'{"source":"' + key + b"[]\n")
        file.write(b'{"source":"' + key + b'","envelope":' + b"[" * 100_000 + b"\n")
        file.write(b'{"source":')
        file.write(b'{"source":"' + b"x" * 6_000_000 + b"\n")
    RecordStore(settings.records, now=lambda: NOON).append(envelopes[1], A, None)
    (path.parent / "link.jsonl").symlink_to(tmp_path)
    os.mkfifo(path.parent / "pipe.jsonl")
    (path.parent / "folder.jsonl").mkdir()
    matches = store.matching([A])
    assert set(matches) == set(envelopes[:2])
    assert matches.skipped == 10


def test_a_full_disk_costs_that_record_and_spoils_none_after_it(
    settings: Settings, envelopes: list[Envelope]
) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = RecordStore(settings.records, now=lambda: NOON)
    store.append(envelopes[0], A, None)
    size = files(settings)[0].stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for room in (size + 100, size + 100):
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            with pytest.raises(OSError, match=r"could be written|File too large"):
                store.append(envelopes[1], A, None)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    store.append(envelopes[2], A, None)
    assert list(store.matching([A])) == [envelopes[0], envelopes[2]]


def test_a_killed_kernel_keeps_every_record_that_was_appended(
    settings: Settings, home_env: dict[str, str], tmp_path: Path
) -> None:
    code = (
        "from jupyter_mlo.config import load_settings\n"
        "from jupyter_mlo.ledger.records import RecordStore\n"
        "from tests.ledger.conftest import make_envelope\n"
        "store = RecordStore(load_settings().records)\n"
        "for n in range(100_000):\n"
        "    envelope = make_envelope(n)\n"
        "    store.append(envelope, bytes(32), None)\n"
        "    print(envelope.statement_id, flush=True)\n"
    )
    said = tmp_path / "said"
    with said.open("wb") as out:
        kernel = subprocess.Popen(
            [sys.executable, "-c", code],
            env=home_env
            | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])},
            stdout=out,
        )
    while said.read_bytes().count(b"\n") < 20:
        assert kernel.poll() is None
        time.sleep(0.01)
    kernel.kill()
    kernel.wait(timeout=30)
    acknowledged = said.read_text().split("\n")[:-1]
    found = [
        envelope.statement_id for envelope in RecordStore(settings.records).matching([bytes(32)])
    ]
    assert found[: len(acknowledged)] == acknowledged
    assert len(found) == len(set(found))


def test_a_digest_of_another_length_is_refused(
    store: RecordStore, envelopes: list[Envelope]
) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        store.append(envelopes[0], b"short", None)
    with pytest.raises(ValueError, match="32 bytes"):
        store.matching([b"short"])


def test_syncing_and_closing_work_before_and_after_appending(
    settings: Settings, store: RecordStore, envelopes: list[Envelope]
) -> None:
    store.sync()
    store.close()
    store.append(envelopes[0], A, None)
    store.sync()
    store.close()
    store.append(envelopes[1], A, None)
    assert list(store.matching([A])) == envelopes[:2] or len(files(settings)) == 2
    assert set(store.matching([A])) == set(envelopes[:2])


def test_records_cost_neither_sql_nor_pydantic() -> None:
    code = (
        "import sys, jupyter_mlo.ledger.records\n"
        "heavy = {'sqlite3', 'sqlalchemy', 'alembic', 'pydantic', 'nbformat', 'IPython'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "[]\n"


def test_a_record_is_made_of_one_write(store: RecordStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.append(make_envelope(0), A, None)
    writes = []
    write = os.write

    def counted(descriptor: int, data: bytes) -> int:
        writes.append(data)
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", counted)
    store.append(make_envelope(1, padding=200_000), A, None)
    assert len(writes) == 1
    assert writes[0].endswith(b"\n")
    assert fcntl.fcntl(store._descriptor, fcntl.F_GETFL) & os.O_APPEND


def test_where_the_folder_is_removed_later_records_are_kept_all_the_same(
    settings: Settings, store: RecordStore, envelopes: list[Envelope]
) -> None:
    store.append(envelopes[0], A, None)
    shutil.rmtree(settings.records)
    store.append(envelopes[1], A, None)
    assert list(store.matching([A])) == [envelopes[1]]


# The index


def test_who_asks_again_sees_what_was_appended_removed_and_cut_since(
    settings: Settings, store: RecordStore, envelopes: list[Envelope]
) -> None:
    reader = RecordStore(settings.records)
    store.append(envelopes[0], A, None)
    assert list(reader.matching([A])) == envelopes[:1]
    store.append(envelopes[1], A, None)
    store.append(envelopes[2], B, None)
    assert list(reader.matching([A])) == envelopes[:2]
    assert list(reader.matching([B, A, B])) == envelopes[:3]
    (path,) = files(settings)
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    path.write_bytes(whole[:first])
    assert list(reader.matching([A, B])) == envelopes[:1]
    path.write_bytes(whole[: first + 20])  # half a line, and then its rest
    assert (list(reader.matching([A])), reader.matching([A]).skipped) == (envelopes[:1], 0)
    path.write_bytes(whole)
    assert list(reader.matching([A])) == envelopes[:2]
    path.write_bytes(whole[first:])
    assert list(reader.matching([B])) == envelopes[2:3]
    path.unlink()
    assert list(reader.matching([A, B])) == []


def test_the_second_question_reads_only_what_it_is_about(
    settings: Settings, store: RecordStore, envelopes: list[Envelope]
) -> None:
    for at in range(5000):
        store.append(envelopes[0], at.to_bytes(32, "big"), None)
    reader, wanted = RecordStore(settings.records), [(4711).to_bytes(32, "big")]
    took = []
    for _ in range(6):
        began = time.perf_counter()
        assert len(reader.matching(wanted)) == 1
        took.append(time.perf_counter() - began)
    assert min(took[1:]) < took[0] / 5
