"""A home on a small disk that fills up: what was acknowledged is there when there is room again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.needs import not_here

#: In a home on a disk of 1.5 MB: append to everything until nothing goes, make room, look again.
SCENARIO = """
import hashlib, json, os, sys
from dataclasses import replace
from pathlib import Path
from jupyter_mlo.config import load_settings
from jupyter_mlo.errors import LedgerError
from jupyter_mlo.ledger.outbox import Outbox
from jupyter_mlo.ledger.publish import publish
from jupyter_mlo.ledger.records import RecordStore
from jupyter_mlo.ledger.store import open_ledger
from tests.ledger.conftest import make_envelope

disk = Path(sys.argv[1])
(disk / "ballast").write_bytes(bytes(600_000))
os.environ["MLO_HOME"] = str(disk / "mlo")
settings = load_settings()
records = RecordStore(settings.records)
logged, recorded, refused, said = [], [], 0, set()
for n in range(0, 4000, 4):
    try:
        envelope = make_envelope(n, padding=400)
        records.append(envelope, hashlib.sha256(b"%d" % n).digest(), None)
        recorded.append(n)
    except OSError as error:
        said.add(error.__class__.__name__)
    try:
        some = [make_envelope(n + m, padding=700) for m in range(3)]
        done = publish(settings, some)
        logged += [one.statement_id for one in some]
        said.add(done.why.partition(chr(10))[0].replace(str(disk), ""))
    except LedgerError as error:
        refused += 1
        said.add(str(error))
    if refused > 3:
        break
full = os.statvfs(disk).f_bavail
waited = Outbox(settings).waiting()
(disk / "ballast").unlink()
published = publish(settings, [make_envelope(9999)])
again = RecordStore(settings.records)
again.append(make_envelope(10_000), hashlib.sha256(b"last").digest(), None)
with open_ledger(settings) as ledger:
    held = {entry.statement_id for entry in ledger.entries()}
    print(json.dumps({
        "free": full,
        "said": sorted(said),
        "refused": refused,
        "waited": waited,
        "flushed": published.flushed,
        "waiting": published.waiting,
        "logged": len(logged),
        "lost": sorted(set(logged) - held),
        "doubled": ledger.size - len(held),
        "holds": ledger.verify().holds,
        "records": len(recorded),
        "lost records": [
            n for n in recorded
            if not len(again.matching([hashlib.sha256(b"%d" % n).digest()]))
        ],
        "new record": len(again.matching([hashlib.sha256(b"last").digest()])),
    }))
"""
#: Ways to a file system of our own, from least to most that has to be asked for.
WAYS = (["unshare", "-m"], ["unshare", "-rm"], ["sudo", "-n", "unshare", "-m"])


def on_small_disk(folder: Path) -> list[str]:
    """The command that runs its arguments with 1.5 MB of disk at ``folder``."""
    for way in WAYS:
        script = 'mount -t tmpfs -o size=1500k tmpfs "$0" && exec "$@"'
        command = [*way, "sh", "-c", script, str(folder)]
        try:
            if subprocess.run([*command, "true"], capture_output=True, timeout=20).returncode == 0:
                return command
        except OSError:
            continue
    not_here("nobody may mount here: neither root, nor namespaces, nor sudo")


def test_a_disk_that_fills_up_loses_and_doubles_nothing_that_was_acknowledged(
    home_env: dict[str, str], tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    paths = [str(Path(__file__).parents[2]), *sys.path]
    done = subprocess.run(
        [*on_small_disk(disk), sys.executable, "-c", SCENARIO, str(disk)],
        env=home_env | {"PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["refused"] == 4, "the disk was not filled"
    assert any("neither the ledger nor the outbox" in said for said in found["said"])
    assert any("the disk is full" in said for said in found["said"]), found
    assert found["logged"] > 30
    assert found["lost"] == []
    assert found["doubled"] == 0
    assert found["holds"]
    assert (found["flushed"], found["waiting"]) == (found["waited"], 0)
    assert found["records"] > 10
    assert found["lost records"] == []
    assert found["new record"] == 1
