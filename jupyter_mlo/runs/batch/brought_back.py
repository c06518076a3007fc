"""What a worker gives back, judged before anything of it is taken over. Pure.

Taken are, of each cell that ran, outputs, execution count, papermill's and the kernel's timing;
of the notebook ``language_info`` and ``widgets``. Whatever else a notebook has is what was sent.
A worker is believed what outputs say; not what it was asked to run, when, or by whom.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from jupyter_mlo.errors import MloError, Refused
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.lifecycle.provenance import Environment
from jupyter_mlo.lifecycle.resources import FileDigest
from jupyter_mlo.notebook.code import code_digest
from jupyter_mlo.notebook.layout import MEMBER
from jupyter_mlo.notebook.reading import notebook_from_json
from jupyter_mlo.runs.batch.cells import MALFORMED, is_executed
from jupyter_mlo.runs.batch.elsewhere import Done, Event
from jupyter_mlo.runs.messages import UNREADABLE, is_count, output_flaw

#: By how much the clock of a worker may be off; its times are shifted then.
CLOCKS: Final = timedelta(minutes=5)
#: What a fault of a kernel may be called in the ledger.
KINDS: Final = frozenset(
    {"the kernel did not start", "the kernel died", "the worker was lost", MALFORMED}
)
_FAULTS: Final = frozenset({"limit", "kernel", "stopped"})
_STATUS: Final = frozenset({"pending", "running", "completed", "failed"})
_STAMPS: Final = frozenset(
    {"iopub.execute_input", "iopub.status.busy", "iopub.status.idle", "shell.execute_reply"}
)
_KERNEL_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
#: Characters of a sentence or name, and bytes that a kernel has signed.
_LONG: Final = 4000
_SAID: Final = 1 << 28


@dataclass(frozen=True)
class BroughtBack:
    """What is taken over."""

    #: For each cell the members that running it has changed; None for one that did not run.
    cells: tuple[Mapping[str, Any] | None, ...]
    #: Of the notebook's metadata.
    metadata: Mapping[str, Any]
    #: By the clock of this side.
    events: tuple[Event, ...]
    kernel_id: str
    environment: Environment | None
    data: tuple[FileDigest, ...]
    said: bytes
    remarks: tuple[str, ...]
    fault: tuple[str, str, str, str] | None


class _Unfit(Exception):
    """Why it is refused."""


def judge(sent: Mapping[str, Any], back: object, begun: datetime, now: datetime) -> BroughtBack:
    """What of ``back`` is taken over.

    Args:
        sent: the notebook as the worker was given it.
        back: what it has returned, whatever that is.
        begun, now: between these it must have happened.

    Raises:
        Refused: it is not what :func:`~jupyter_mlo.runs.batch.elsewhere.execute` returns for it.
    """
    try:
        return _judged(sent, back, begun, now)
    except _Unfit as unfit:
        why = str(unfit)
    except (*UNREADABLE, OverflowError) as error:
        why = f"it cannot be read ({type(error).__name__})"
    except MloError as error:
        why = error.message
    raise Refused(
        f"what came back from a worker is refused: {terminal_safe(why, limit=300)}",
        hint="nothing of it is kept; see who runs the workers of this cluster, and which version "
        "of jupyter-mlo they have",
    )


def _judged(sent: Mapping[str, Any], back: object, begun: datetime, now: datetime) -> BroughtBack:
    _need(type(back) is Done, "it is no result")
    assert isinstance(back, Done)
    # Plain data from here on, whatever classes it came as.
    notebook = json.loads(json.dumps(back.notebook))
    _same_code(sent, notebook)
    fault = _fault(back.fault)
    events = _on_our_clock(_events(back.events, len(sent["cells"])), begun, now)
    ran = _ran(events)
    begins = {position for what, position, *_ in events if what == "begins"}
    should = {at for at in ran if is_executed(sent["cells"][at])}
    _need(begins == should, "it does not say when each cell was executed")
    cells: list[Mapping[str, Any] | None] = [None] * len(sent["cells"])
    for at, (ours, theirs) in enumerate(zip(sent["cells"], notebook["cells"], strict=True)):
        if at in ran:
            cells[at] = _cell(theirs, at in begins, ours)
        else:
            _need_untouched(theirs)
    failed = [at for at in ran if (cells[at] or {})["metadata"]["papermill"]["exception"] is True]
    _need(all(at == len(ran) - 1 for at in failed), "cells ran after one that has failed")
    whole = fault is not None or bool(failed) or len(ran) == len(cells)
    _need(whole, "some of its cells did not run, and it does not say why")
    return BroughtBack(
        cells=tuple(cells),
        metadata=_metadata(sent["metadata"], notebook["metadata"]),
        events=events,
        kernel_id=_matching(back.kernel_id, _KERNEL_ID, "the kernel's ID"),
        environment=_environment(back.environment),
        data=_data(back.data),
        said=_bytes(back.said),
        remarks=tuple(_sentence(each) for each in _several(back.remarks, list))[:50],
        fault=fault,
    )


def _need(holds: bool, why: str) -> None:
    if not holds:
        raise _Unfit(why)


def _same_code(sent: Mapping[str, Any], back: Mapping[str, Any]) -> None:
    """It is the notebook that was sent, for the same kernel."""
    parts = ("cell_type", "source", "id")
    _need(
        [[cell.get(part) for part in parts] for cell in sent["cells"]]
        == [[cell.get(part) for part in parts] for cell in back["cells"]]
        and code_digest(notebook_from_json(sent)) == code_digest(notebook_from_json(back)),
        "it is another notebook than was sent",
    )


def _events(events: object, cells: int) -> list[Event]:
    """Cells one after the other: ``begins`` where it is executed, ``updated``, ``done``."""
    checked: list[Event] = []
    at, running = 0, False
    seen: set[int] = set()
    for event in _several(events, list):
        _need(type(event) is tuple and len(event) == 4, "an event is none")
        what, position, when, outputs = event
        _need(type(position) is int and 0 <= position < cells, "an event is of no cell")
        _need(type(when) is datetime and when.utcoffset() is not None, "an event has no time")
        _need(not checked or checked[-1][2] <= when, "its events are in no order")
        _need(
            type(outputs) is tuple and all(type(each) is int and each >= 0 for each in outputs),
            "an event is of no outputs",
        )
        if what == "begins":
            _need(position == at and not running, "its events are in no order")
            running = True
            seen.add(position)
        elif what == "updated":
            _need(running and position in seen, "its events are in no order")
        else:
            _need(what == "done" and position == at, "its events are in no order")
            at, running = at + 1, False
        checked.append((what, position, when, outputs))
    _need(not running, "a cell has begun and not ended")
    return checked


def _on_our_clock(events: Sequence[Event], begun: datetime, now: datetime) -> tuple[Event, ...]:
    """Times between ``begun`` and ``now``: shifted by what the worker's clock is off."""
    if not events:
        return ()
    first, last = events[0][2], events[-1][2]
    shift = max(begun - first, timedelta()) or min(now - last, timedelta())
    _need(abs(shift) <= CLOCKS, "its times are not those of this run; see the worker's clock")
    _need(last - first <= now - begun + CLOCKS, "its times are longer than this run")
    return tuple(
        (what, position, min(max(when + shift, begun), now), outputs)
        for what, position, when, outputs in events
    )


def _ran(events: Sequence[Event]) -> range:
    return range(sum(what == "done" for what, *_ in events))


def _cell(theirs: Mapping[str, Any], executed: bool, ours: Mapping[str, Any]) -> dict[str, Any]:
    timing = {"papermill": _papermill(theirs["metadata"]["papermill"])}
    if not executed:
        _need(not theirs.get("outputs"), "a cell that was not executed has outputs")
        return {"metadata": {**ours["metadata"], **timing}}
    outputs = theirs["outputs"]
    _need(type(outputs) is list, "outputs are no list")
    for output in outputs:
        if isinstance(output, dict) and isinstance(output.get("metadata"), dict):
            output["metadata"].pop(MEMBER, None)
        why = output_flaw(output)
        _need(why is None, str(why))
    count = theirs["execution_count"]
    _need(is_count(count), "an execution count is no number")
    stamps = theirs["metadata"].get("execution")
    _need(type(stamps) is dict and stamps.keys() <= _STAMPS, "a cell's timing is none")
    timing["execution"] = {name: _moment(stamps[name]) for name in stamps}
    return {
        "outputs": outputs,
        "execution_count": count,
        "metadata": {**ours["metadata"], **timing},
    }


def _need_untouched(theirs: Mapping[str, Any]) -> None:
    _need(
        not theirs.get("outputs") and theirs.get("execution_count") is None,
        "a cell that did not run has outputs",
    )


def _papermill(entry: Any) -> dict[str, Any]:
    _need(type(entry) is dict, "a cell's timing is none")
    _need(entry["exception"] in (None, True, False), "a cell's timing is none")
    _need(entry["status"] in _STATUS, "a cell's status is none")
    duration = entry["duration"]
    is_number = type(duration) in (int, float) and math.isfinite(duration) and duration >= 0
    _need(duration is None or is_number, "a cell's timing is none")
    return {
        "exception": entry["exception"],
        "start_time": _moment(entry["start_time"]),
        "end_time": _moment(entry["end_time"]),
        "duration": duration,
        "status": entry["status"],
    }


def _moment(text: object) -> str | None:
    if text is None:
        return None
    _need(isinstance(text, str) and len(text) <= 40, "a time is none")
    datetime.fromisoformat(str(text))
    return str(text)


def _metadata(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    taken: dict[str, Any] = {}
    for name in ("language_info", "widgets"):
        if name in theirs:
            _need(type(theirs[name]) is dict, f"{name} is no object")
            taken[name] = theirs[name]
    before = ours.get("language_info")
    if "language_info" in taken and isinstance(before, Mapping) and before.get("name"):
        _need(taken["language_info"].get("name") == before["name"], "its language is another")
    return taken


def _environment(theirs: object) -> Environment | None:
    if theirs is None:
        return None
    _need(type(theirs) is Environment, "the environment is none")
    assert isinstance(theirs, Environment)
    packages = theirs.packages
    if packages is not None:
        for pair in _several(packages, tuple):
            _need(type(pair) is tuple and len(pair) == 2, "a package is none")
        packages = tuple((_name(name), _sentence(version)) for name, version in packages)
    return Environment(
        kernel=_name(theirs.kernel),
        language=_texts(theirs.language),
        packages=packages,
        unknown=None if theirs.unknown is None else _sentence(theirs.unknown),
        kernelspec=_texts(theirs.kernelspec),
    )


def _texts(value: object) -> dict[str, str] | None:
    if value is None:
        return None
    _need(isinstance(value, Mapping) and len(value) <= 20, "the environment is none")
    assert isinstance(value, Mapping)
    return {_name(name): _name(text) for name, text in value.items()}


def _data(theirs: object) -> tuple[FileDigest, ...]:
    return tuple(
        FileDigest(_name(each.name), _matching(each.sha256, _SHA256, "a digest"))
        for each in _several(theirs, tuple)
    )


def _fault(theirs: object) -> tuple[str, str, str, str] | None:
    if theirs is None:
        return None
    _need(type(theirs) is tuple and len(theirs) == 4, "a fault is none")
    assert isinstance(theirs, tuple)
    what, message, hint, kind = theirs
    _need(isinstance(what, str) and what in _FAULTS, "a fault is none")
    _need(isinstance(kind, str) and (not kind or kind in KINDS), "a fault is none")
    return (what, _sentence(message), _sentence(hint), kind)


def _bytes(value: object) -> bytes:
    _need(type(value) is bytes and len(value) <= _SAID, "what its kernel signed is none")
    assert isinstance(value, bytes)
    return value


def _several(value: object, kind: type[Any]) -> Any:
    _need(type(value) is kind, f"a {kind.__name__} is none")
    return value


def _name(value: object) -> str:
    _need(type(value) is str and 0 < len(value) <= _LONG, "a name is none")
    return str(value)


def _sentence(value: object) -> str:
    _need(type(value) is str, "a remark is no text")
    return str(value)[:_LONG]


def _matching(value: object, pattern: re.Pattern[str], what: str) -> str:
    _need(type(value) is str and pattern.fullmatch(value) is not None, f"{what} is none")
    return str(value)
