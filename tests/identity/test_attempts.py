"""Failed passphrases: counted on disk, slower each time, and never for ever."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jupyter_mlo.errors import KeyFileError, WrongPassphrase
from jupyter_mlo.identity.attempts import LONGEST, attempt, delay_after

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def fail(folder: Path, now: datetime) -> str:
    """One attempt with a wrong passphrase; the message."""
    with pytest.raises(WrongPassphrase) as caught, attempt(folder, "Ada", now):
        raise WrongPassphrase("no", hint="try again")
    return str(caught.value)


def succeed(folder: Path, now: datetime) -> None:
    with attempt(folder, "Ada", now):
        pass


def test_the_delay_grows_to_its_limit() -> None:
    seconds = [delay_after(n).total_seconds() for n in range(12)]
    assert seconds == [0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256]
    assert delay_after(12) == delay_after(10**9) == LONGEST == timedelta(minutes=5)


def test_the_message_says_which_attempt_and_how_long_the_next_waits(tmp_path: Path) -> None:
    assert "wrong passphrase for Ada (attempt 1)" in fail(tmp_path, NOW)
    assert "(attempt 2)" in fail(tmp_path, NOW)
    assert "(attempt 3; the next one has to wait 1 s)" in fail(tmp_path, NOW)
    early = fail(tmp_path, NOW + timedelta(seconds=0.4))
    assert "after 3 wrong passphrases for Ada the next attempt has to wait 1 s more" in early
    assert "nothing was tried" in early
    assert "(attempt 4; the next one has to wait 2 s)" in fail(tmp_path, NOW + timedelta(seconds=1))


def test_an_early_attempt_is_refused_even_with_the_right_passphrase(tmp_path: Path) -> None:
    for _ in range(3):
        fail(tmp_path, NOW)
    with pytest.raises(WrongPassphrase, match="wait"):
        succeed(tmp_path, NOW)
    succeed(tmp_path, NOW + timedelta(seconds=1))


def test_success_starts_anew(tmp_path: Path) -> None:
    fail(tmp_path, NOW)
    fail(tmp_path, NOW)
    succeed(tmp_path, NOW)
    assert "(attempt 1)" in fail(tmp_path, NOW)


def test_a_clock_set_back_delays_but_does_not_lock_out(tmp_path: Path) -> None:
    for _ in range(3):
        fail(tmp_path, NOW + timedelta(days=3650))
    assert "wait 1 s more" in fail(tmp_path, NOW)
    assert "(attempt 4;" in fail(tmp_path, NOW + timedelta(seconds=1))


def test_a_broken_key_file_or_an_interrupt_counts_as_no_failure(tmp_path: Path) -> None:
    for error in (KeyFileError("broken"), KeyboardInterrupt()):
        with pytest.raises(type(error)), attempt(tmp_path, "Ada", NOW):
            raise error
    assert "(attempt 1)" in fail(tmp_path, NOW)


def test_an_attempt_whose_process_is_killed_counts(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from datetime import datetime, UTC;"
        "from jupyter_mlo.identity.attempts import attempt\n"
        f"with attempt(Path(sys.argv[1]), 'Ada', datetime.fromisoformat({NOW.isoformat()!r})):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path], timeout=30).returncode == -9
    assert "(attempt 2)" in fail(tmp_path, NOW)


def test_parallel_attempts_share_one_count(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from datetime import datetime;"
        "from jupyter_mlo.errors import WrongPassphrase;"
        "from jupyter_mlo.identity.attempts import attempt\n"
        "tried = 0\n"
        "for _ in range(10):\n"
        "    try:\n"
        f"        with attempt(Path(sys.argv[1]), 'Ada', datetime.fromisoformat('{NOW}')):\n"
        "            tried += 1; raise WrongPassphrase('no')\n"
        "    except WrongPassphrase: pass\n"
        "print(tried)\n"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    tried = sum(int(child.communicate(timeout=60)[0]) for child in children)
    assert tried == 3


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"[]", b'{"failures":"x","last":0}', b'{"failures":9,"last":"2026-01-01"}'],
)
def test_a_damaged_count_does_not_stop_the_owner(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "attempts.json").write_bytes(content)
    succeed(tmp_path, NOW)


def test_a_negative_count_is_worth_nothing(tmp_path: Path) -> None:
    text = json.dumps({"failures": -99, "last": NOW.isoformat()})
    (tmp_path / "attempts.json").write_text(text)
    assert "(attempt 1)" in fail(tmp_path, NOW)


def test_a_folder_that_cannot_be_written_still_lets_the_owner_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def read_only(path: object, flags: int, *rest: int) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(30, "Read-only file system")
        return real(path, flags, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", read_only)
    succeed(tmp_path, NOW)
    with pytest.raises(WrongPassphrase, match=r"^no"), attempt(tmp_path, "Ada", NOW):
        raise WrongPassphrase("no")
