"""Nothing that was acknowledged is lost or doubled, whatever is killed, and whenever."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import LedgerError, NotFound
from jupyter_mlo.ledger.database import LedgerUnreachable
from jupyter_mlo.ledger.outbox import Outbox
from jupyter_mlo.ledger.publish import publish
from jupyter_mlo.ledger.store import open_ledger
from jupyter_mlo.statements.envelope import Envelope
from tests.ledger.conftest import make_envelope

#: Appends statements and says each statement ID, with its index, after it was appended.
WRITER = """
import sys
from jupyter_mlo.config import load_settings
from jupyter_mlo.ledger.store import open_ledger
from tests.ledger.conftest import make_envelope
first, batch = int(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
with open_ledger(load_settings(), patience=60) as ledger:
    for n in range(first, first + 100_000, batch):
        for receipt in ledger.append([make_envelope(n + m) for m in range(batch)]):
            sys.stdout.write(f"{receipt.statement_id} {receipt.index}\\n")
        sys.stdout.flush()
"""

#: Puts statements into the outbox and flushes it, in turn, saying what was acknowledged.
PUBLISHER = """
import sys
from jupyter_mlo.config import load_settings
from jupyter_mlo.ledger.content import content_of
from jupyter_mlo.ledger.outbox import Outbox
from jupyter_mlo.ledger.publish import publish
from tests.ledger.conftest import make_envelope
first = int(sys.argv[1])
settings = load_settings()
outbox = Outbox(settings)
print("ready", flush=True)
sys.stdin.readline()
for n in range(first, first + 100_000, 3):
    envelopes = [make_envelope(n + m) for m in range(3)]
    outbox.put(map(content_of, envelopes))
    print(*(envelope.statement_id for envelope in envelopes), flush=True)
    if n % 2:
        publish(settings, [])
"""


class Writer:
    """A process that says what was acknowledged in a file, which outlives it."""

    def __init__(self, code: str, env: dict[str, str], folder: Path, *arguments: object) -> None:
        self._said = folder / f"said-{len(list(folder.glob('said-*')))}"
        here = str(Path(__file__).parents[2])
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code, *map(str, arguments)],
                env=env | {"PYTHONPATH": os.pathsep.join([here, *sys.path])},
                stdin=subprocess.PIPE,
                stdout=said,
                text=True,
            )
        self.wait_for(1)

    def lines(self) -> list[str]:
        """The whole lines that it has said."""
        return self._said.read_text().split("\n")[:-1]

    def wait_for(self, count: int) -> None:
        """Wait until it has said so many lines."""
        end = time.monotonic() + 60
        while len(self.lines()) < count:
            assert self.process.poll() is None, "it gave up instead of waiting for its turn"
            assert time.monotonic() < end, "it says nothing"
            time.sleep(0.01)

    def begin(self) -> None:
        """Let it go."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def killed(self) -> list[str]:
        """Kill it with SIGKILL; what it had acknowledged by then."""
        assert self.process.poll() is None, "it gave up instead of waiting for its turn"
        self.process.kill()
        self.process.communicate(timeout=30)
        return self.lines()[1:]


def test_eight_processes_appending_at_once_and_killed_lose_and_double_nothing(
    settings: Settings, home_env: dict[str, str], tmp_path: Path
) -> None:
    # The ledger is made by all of them at once; then one after another is killed.
    writers = [Writer(WRITER, home_env, tmp_path, n * 1_000_000, 1 + n % 3) for n in range(8)]
    for writer in writers:
        writer.begin()
    for writer in writers:
        writer.wait_for(10)
    acknowledged: dict[str, int] = {}
    chance = random.Random(7)
    for writer in chance.sample(writers, 8):
        time.sleep(chance.uniform(0.02, 0.3))
        for line in writer.killed():
            statement_id, index = line.split()
            acknowledged[statement_id] = int(index)
    assert len(acknowledged) > 50
    with open_ledger(settings) as ledger:
        report = ledger.verify()
        assert report.holds, [str(fault) for fault in report.faults]
        held: dict[str, list[int]] = {}
        for entry in ledger.entries():
            held.setdefault(entry.statement_id, []).append(entry.index)
        assert {statement: held.get(statement) for statement in acknowledged} == {
            statement: [index] for statement, index in acknowledged.items()
        }
        # What was being written when it was killed is there whole or not at all.
        assert len(held) == report.size
        before = report.size
        assert ledger.append([make_envelope(99_000_000)])[0].index == before


@pytest.mark.parametrize("seed", range(2))
def test_an_outbox_whose_processes_are_killed_loses_and_doubles_nothing(
    settings: Settings, home_env: dict[str, str], tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    with open_ledger(settings):
        pass
    acknowledged: set[str] = set()
    for round_ in range(3):
        publishers = [
            Writer(PUBLISHER, home_env, tmp_path, (round_ * 2 + n) * 1_000_001) for n in range(2)
        ]
        for publisher in publishers:
            publisher.begin()
        for publisher in publishers:
            publisher.wait_for(3)
        time.sleep(chance.uniform(0.01, 0.3))
        for publisher in publishers:
            for line in publisher.killed():
                acknowledged.update(line.split())
    assert acknowledged
    waiting = Outbox(settings).waiting()
    published = publish(settings, [])
    assert (published.flushed, published.waiting) == (waiting, 0)
    with open_ledger(settings) as ledger:
        assert ledger.verify().holds
        held = [entry.statement_id for entry in ledger.entries()]
    assert len(held) == len(set(held))
    assert acknowledged <= set(held)


def in_child(action: str, env: dict[str, str], *arguments: object) -> str:
    """What a process that publishes prints."""
    code = (
        "import resource, signal, sys\n"
        "from jupyter_mlo.config import load_settings\n"
        "from jupyter_mlo.errors import LedgerError\n"
        "from jupyter_mlo.ledger.publish import publish\n"
        "from jupyter_mlo.ledger.store import open_ledger\n"
        "from tests.ledger.conftest import make_envelope\n"
        "settings = load_settings()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code + action, *map(str, arguments)],
        env=env | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_ledger_that_cannot_grow_has_statements_wait_and_takes_them_later(
    settings: Settings, home_env: dict[str, str]
) -> None:
    with open_ledger(settings) as ledger:
        ledger.append([make_envelope(n, padding=5000) for n in range(200)])
    # No file may grow beyond 1 MiB: the ledger has reached it, the outbox's files are small.
    action = (
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))\n"
        "for n in range(1000, 1400, 40):\n"
        "    done = publish(settings, [make_envelope(n + m, padding=3000) for m in range(40)])\n"
        "    print(done.count, done.waiting, done.why.replace(chr(10), ' '))\n"
    )
    lines = in_child(action, home_env).splitlines()
    assert lines[-1].startswith("0 ")
    assert "the disk" in lines[-1]
    waiting = int(lines[-1].split()[1])
    assert waiting >= 40
    taken = sum(int(line.split()[0]) for line in lines)
    assert taken + waiting == 400
    published = publish(settings, [make_envelope(5000)])
    assert (published.count, published.flushed, published.waiting) == (1, waiting, 0)
    with open_ledger(settings) as ledger:
        assert ledger.verify().holds
        assert ledger.size == 200 + 400 + 1


def test_where_neither_ledger_nor_outbox_can_be_written_the_caller_is_told(
    settings: Settings, home_env: dict[str, str]
) -> None:
    with open_ledger(settings):
        pass
    action = (
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try:\n"
        "    publish(settings, [make_envelope(1)])\n"
        "except LedgerError as error:\n"
        "    print(error.message)\n"
    )
    said = in_child(action, home_env)
    assert "neither the ledger nor the outbox" in said
    assert list(settings.outbox.glob("[!.]*")) == []
    with open_ledger(settings) as ledger:
        assert ledger.size == 0


def test_a_commit_that_finds_no_room_leaves_the_ledger_as_it_was(
    settings: Settings, home_env: dict[str, str]
) -> None:
    with open_ledger(settings) as ledger:
        ledger.append([make_envelope(n) for n in range(100)])
    action = (
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "with open_ledger(settings) as ledger:\n"
        "    for limit in range(0, 2**18, 3001):\n"
        "        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))\n"
        "        before = ledger.size\n"
        "        try:\n"
        "            ledger.append([make_envelope(limit + 1000 + m) for m in range(40)])\n"
        "        except LedgerError as error:\n"
        "            assert ledger.size == before\n"
        "            assert 'the disk' in error.message, error\n"
        "        else:\n"
        "            assert ledger.size == before + 40\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)\n"
        "    assert ledger.append([make_envelope(77)])\n"
        "    print(ledger.size > 101, ledger.verify().holds)\n"
    )
    assert in_child(action, home_env) == "True True\n"


def test_a_writer_stopped_inside_its_transaction_makes_others_wait_not_fail(
    settings: Settings, home_env: dict[str, str], tmp_path: Path, envelopes: list[Envelope]
) -> None:
    action = (
        "with open_ledger(settings) as ledger, ledger.transaction():\n"
        "    ledger.append([make_envelope(1)])\n"
        "    print('holding', flush=True)\n"
        "    sys.stdin.readline()\n"
    )
    with open_ledger(settings):
        pass
    code = WRITER.partition("first, batch")[0] + "print('ready', flush=True)\n"
    code += "settings = load_settings()\n" + action
    holder = Writer(code, home_env, tmp_path)
    holder.wait_for(2)
    published = publish(settings, envelopes[:2], patience=0.1)
    assert (published.count, published.waiting) == (0, 2)
    assert "locked by another process" in published.why
    holder.killed()
    published = publish(settings, envelopes[2:3])
    assert (published.count, published.waiting, published.flushed) == (1, 0, 2)
    with open_ledger(settings) as ledger:
        assert [entry.envelope for entry in ledger.entries()] == envelopes[:3]
        assert ledger.verify().holds


def test_a_ledger_made_by_many_at_once_is_one_ledger(
    settings: Settings, home_env: dict[str, str], tmp_path: Path
) -> None:
    writers = [Writer(WRITER, home_env, tmp_path, n * 1_000_000, 1) for n in range(4)]
    for writer in writers:
        writer.begin()
    for writer in writers:
        writer.wait_for(2)
        writer.killed()
    with open_ledger(settings) as ledger:
        assert ledger.verify().holds
    assert list(settings.ledger.glob("*.old")) == []


def test_a_ledger_killed_while_it_was_made_is_made_again(
    settings: Settings, home_env: dict[str, str]
) -> None:
    action = (
        "import os\n"
        "from jupyter_mlo.ledger import creation\n"
        "made = creation.Checkpoint.sign\n"
        "def die(*arguments): os.kill(os.getpid(), 9)\n"
        "creation.Checkpoint.sign = die\n"
        "open_ledger(settings)\n"
    )
    with pytest.raises(AssertionError):
        in_child(action, home_env)
    # Its key has no name of its own yet: one that has it was once the key of a ledger.
    assert not (settings.ledger / "checkpoint.key").exists()
    assert (settings.ledger / "checkpoint.key.new").exists()
    with pytest.raises(NotFound):
        open_ledger(settings, create=False)
    with open_ledger(settings) as ledger:
        assert ledger.append([make_envelope(1)])[0].index == 0
        assert ledger.verify().holds


def test_a_ledger_killed_before_its_key_had_its_name_is_gone_on_with(
    settings: Settings, home_env: dict[str, str]
) -> None:
    action = (
        "import os\n"
        "from jupyter_mlo.ledger import store\n"
        "store.take_key = lambda *arguments: os.kill(os.getpid(), 9)\n"
        "open_ledger(settings)\n"
    )
    with pytest.raises(AssertionError):
        in_child(action, home_env)
    assert not (settings.ledger / "checkpoint.key").exists()
    with open_ledger(settings) as ledger:
        assert ledger.append([make_envelope(1)])[0].index == 0
    assert (settings.ledger / "checkpoint.key").exists()


def test_a_damaged_ledger_has_statements_wait_with_the_reason(
    settings: Settings, envelopes: list[Envelope]
) -> None:
    settings.ledger.mkdir(mode=0o700)
    (settings.ledger / "ledger.sqlite3").write_bytes(b"this is no database" * 1000)
    published = publish(settings, envelopes[:1])
    assert (published.count, published.waiting) == (0, 1)
    assert "is damaged" in published.why
    with pytest.raises((LedgerError, LedgerUnreachable)):
        open_ledger(settings)
