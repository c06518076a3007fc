"""The first signal ends the run; the next ones wait until it is sealed."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from jupyter_mlo.runs import signals
from jupyter_mlo.runs.signals import EndedBySignal


@pytest.fixture(autouse=True)
def _python_handles_ctrl_c():
    """As in a command; a test runner may have a handler of its own."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_raises_as_always_but_once(capfd):
    with EndedBySignal():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
    assert "one moment" in capfd.readouterr().err
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_after_hold_it_is_noted_only():
    with EndedBySignal() as ended:
        assert ended.noted is None
        ended.hold()
        signal.raise_signal(signal.SIGINT)
        assert isinstance(ended.noted, KeyboardInterrupt)


def test_who_waits_in_vain_can_interrupt_after_all(monkeypatch):
    monkeypatch.setattr(signals, "PATIENCE", -1.0)
    with EndedBySignal() as ended:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        ended.hold()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_other_peoples_handlers_are_left_alone():
    received: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
    try:
        with EndedBySignal():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert received == [signal.SIGTERM]


def test_outside_the_main_thread_nothing_is_touched():
    found: list[object] = []

    def work() -> None:
        with EndedBySignal():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.SIG_DFL]


@pytest.mark.parametrize("hold", ["ended.hold()", "pass"])
def test_what_asks_the_process_to_end_is_heeded_after_the_sealing(hold):
    code = (
        "import signal\n"
        "from jupyter_mlo.runs.signals import EndedBySignal, Terminated\n"
        "with EndedBySignal() as ended:\n"
        f"    {hold}\n"
        "    try:\n"
        "        signal.raise_signal(signal.SIGTERM)\n"
        "    except Terminated as error:\n"
        "        ended.noted = error\n"
        "    print('sealed', ended.noted)\n"
        "print('not reached')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGTERM
    assert done.stdout == "sealed 143\n"
