"""A growing delay after failed passphrases, kept on disk beside the key.

It slows down whoever guesses through this program, in one process or in many. It does
nothing against someone who has copied the key file: that is what the work factor of
:mod:`jupyter_mlo.identity.pbes2` and a good passphrase are for.
"""

from __future__ import annotations

import contextlib
import errno
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jupyter_mlo.config import open_plain
from jupyter_mlo.errors import WrongPassphrase
from jupyter_mlo.identity.private_files import locked, write_private

#: Failures after which the next attempt still comes at once: slips of the keyboard.
FREE_FAILURES = 2
#: The longest delay.
LONGEST = timedelta(minutes=5)

_UNWRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT)


def delay_after(failures: int) -> timedelta:
    """How long to wait after so many failures in a row: 0, 0, 1, 2, 4, 8, … seconds."""
    if failures <= FREE_FAILURES:
        return timedelta(0)
    # Beyond 2^10 s the limit holds anyway; a huge count must not become a huge number.
    return min(timedelta(seconds=2 ** min(failures - FREE_FAILURES - 1, 10)), LONGEST)


@contextlib.contextmanager
def attempt(folder: Path, label: str, now: datetime) -> Iterator[None]:
    """Let one passphrase be tried inside the ``with`` block; one at a time per key.

    The failure is written down before the attempt and taken back after a success, so that
    killing the process or running many at once gains nothing. In a folder that cannot be
    written attempts are not counted: a read-only key must stay usable.

    Args:
        folder: where the key is.
        label: whose key it is, safe to show.
        now: aware, UTC.

    Raises:
        WrongPassphrase: it is too early for another attempt (nothing was tried), or the
            block raised it; the message then says which attempt that was, and how long
            the next one has to wait.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(folder / ".attempts.lock"))
            counted = True
        except OSError as error:
            if error.errno not in _UNWRITABLE:
                raise
            counted = False
        failures, last = _read(folder) if counted else (0, now)
        if last > now:
            # The clock was set back: wait from now on, and not until the old time comes.
            last = now
            counted = counted and _write(folder, failures, last)
        wait = last + delay_after(failures) - now
        if wait > timedelta(0):
            raise WrongPassphrase(
                f"after {failures} wrong passphrases for {label} the next attempt "
                f"has to wait {_seconds(wait)} more",
                hint="nothing was tried just now; wait, then try again",
            )
        counted = counted and _write(folder, failures + 1, now)
        try:
            yield
        except WrongPassphrase as error:
            if not counted:
                raise
            following = delay_after(failures + 1)
            then = f"; the next one has to wait {_seconds(following)}" if following else ""
            raise WrongPassphrase(
                f"wrong passphrase for {label} (attempt {failures + 1}{then})", hint=error.hint
            ) from None
        except BaseException:
            # A broken file, an interrupt: no passphrase was found wrong.
            if counted:
                _write(folder, failures, last)
            raise
        if counted:
            with contextlib.suppress(OSError):
                (folder / "attempts.json").unlink()


def _read(folder: Path) -> tuple[int, datetime]:
    """Failures in a row, and when the last one was; a damaged file counts as none."""
    longago = datetime.min.replace(tzinfo=UTC)
    try:
        with open_plain(folder / "attempts.json") as file:
            value = json.loads(file.read(1000))
        failures, last = int(value["failures"]), datetime.fromisoformat(value["last"])
    except (OSError, ValueError, LookupError, TypeError):
        return 0, longago
    return max(failures, 0), last if last.tzinfo else longago


def _write(folder: Path, failures: int, last: datetime) -> bool:
    text = json.dumps({"failures": failures, "last": last.isoformat()})
    try:
        write_private(folder / "attempts.json", text.encode())
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        return False
    return True


def _seconds(wait: timedelta) -> str:
    seconds = max(1, -(-wait // timedelta(seconds=1)))
    return f"{seconds} s" if seconds < 120 else f"{-(-seconds // 60)} min"
