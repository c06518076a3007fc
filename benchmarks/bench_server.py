"""A Jupyter server with our extension, against the same server without it.

Each pair runs in turns, so that both meet the same load: 10,000 stream messages of one cell from
the request to its idle, and saves of notebooks of 1, 20 and 200 MB from the request to its answer.
Beside seconds, which others' load and disk lengthen, the server's processor time of the same saves.
"""

from __future__ import annotations

import copy
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.figure import Figure
from tests.server.conftest import Running, User, notebook, started

#: Messages that do not become one, because ipykernel sends what was printed at once.
_CELL = (
    "import sys\nfor n in range(10_000):\n    sys.stdout.write(f'{n}\\n')\n    sys.stdout.flush()\n"
)
_FLOOD = "c.ZMQChannelsWebsocketConnection.limit_rate = False"
_MEGABYTE = 1_000_000
#: Megabytes, code cells, rounds.
_SIZES = ((1, 30, 40), (20, 60, 7), (200, 100, 3))


def measure() -> Iterator[Figure]:
    """The ratios of messages and of saves."""
    with tempfile.TemporaryDirectory() as folder:
        with_us = started(_made(folder, "with"), "ada", config=_FLOOD)
        without = started(_made(folder, "without"), "ada", config=_FLOOD, extension=False)
        try:
            yield from _measure(with_us, without)
        finally:
            with_us.stop()
            without.stop()


def _made(folder: str, name: str) -> Path:
    path = Path(folder, name)
    path.mkdir()
    return path


def _measure(with_us: Running, without: Running) -> Iterator[Figure]:
    ours, theirs = with_us.user("ada"), without.user("ada")
    ours.enrol("Ada Sample")
    wires = [(user, user.connect(user.kernel())) for user in (ours, theirs)]
    times: list[list[float]] = [[], []]
    for _ in range(7):
        for at, (_, wire) in enumerate(wires):
            start = time.perf_counter()
            wire.run(_CELL, "flood")
            times[at].append(time.perf_counter() - start)
    yield Figure(
        "10,000 stream messages through the server, against without us",
        1e3 * median(times[0]),
        "ms",
        peer=1e3 * median(times[1]),
        at_most=1.05,
    )
    for megabytes, cells, rounds in _SIZES:
        document = _document(ours, megabytes, cells)
        saves = _saves((ours, with_us), (theirs, without), document, rounds)
        for what, at in (("", 0), (", processor time", 1)):
            with_, without_ = (median(one[at] for one in each) for each in saves)
            yield Figure(
                f"saving {megabytes} MB{what}, against without us",
                1e3 * with_,
                "ms",
                peer=1e3 * without_,
                at_most=1.2,
            )


def _document(user: User, megabytes: int, cells: int) -> dict[str, Any]:
    """A notebook whose cells were run here, and which shows pictures of that size."""
    wire = user.connect(user.kernel())
    size = max(1000, megabytes * _MEGABYTE // cells * 3 // 4)
    wire.run("import os, base64\nfrom IPython.display import Image", "import")
    code = f"Image(data=b'\\x89PNG' + os.urandom({size}), format='png')"
    return notebook(*(wire.run(f"{code}  # {n}", f"cell-{n}") for n in range(cells)))


def _saves(
    with_us: tuple[User, Running],
    without: tuple[User, Running],
    document: dict[str, Any],
    rounds: int,
) -> list[list[tuple[float, float]]]:
    """Seconds, and seconds of processor, of each save; every time something else has changed.

    The two servers take turns, and begin by turns.
    """
    times: list[list[tuple[float, float]]] = [[], []]
    for round_ in range(rounds + 1):
        changed = copy.deepcopy(document)
        prose = {"cell_type": "markdown", "id": "prose", "source": f"{round_}", "metadata": {}}
        changed["cells"].append(prose)
        model = {"type": "notebook", "format": "json", "content": changed}
        body = json.dumps(model)
        for at in (0, 1) if round_ % 2 else (1, 0):
            user, server = (with_us, without)[at]
            worked, start = _processor(server), time.perf_counter()
            answer = user.ask("PUT", "/api/contents/saved.ipynb", data=body)
            seconds = time.perf_counter() - start
            times[at].append((seconds, _processor(server) - worked))
            assert answer.ok, answer.text
    return [one[1:] for one in times]


def _processor(server: Running) -> float:
    """Seconds of processor that a server has had, with all its threads; 0 where that is not told.

    The clock of another process, as ``clock_getcpuclockid(3)`` makes it on Linux.
    """
    try:
        return time.clock_gettime((~server.process.pid << 3) | 2)
    except (AttributeError, OSError):
        return 0.0
