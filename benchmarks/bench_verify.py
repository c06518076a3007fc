"""Verifying a stamped, sealed notebook, against nbformat reading and validating the same file.

Both in this process, imports done. The notebooks are ordinary ones: prose, code with text, tables
and pictures, every cell executed, stamped and sealed. One has very many small cells: there
signatures are most of the work.
"""

from __future__ import annotations

import base64
import os
import re
import resource
import secrets
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import nbformat

from benchmarks.figure import Figure
from jupyter_mlo.delegation.chain import Pool
from jupyter_mlo.delegation.enrolment import enrol_oneself
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.notebook.layout import notebook_json, reference, stamp_json
from jupyter_mlo.notebook.present import present_cells, sealable
from jupyter_mlo.notebook.reading import notebook_from_json, read_notebook
from jupyter_mlo.notebook.reports import Demands
from jupyter_mlo.notebook.seals import make_seal
from jupyter_mlo.notebook.stamps import Executed, make_stamp
from jupyter_mlo.notebook.verification import verify_notebook
from jupyter_mlo.notebook.writing import notebook_chunks, write_atomically
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.subjects import key_subject
from jupyter_mlo.statements.times import to_text

MLO = "mlo:7K3D-9QXA-2MF7"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOTEBOOK = "urn:uuid:5d3c0f6e-7a52-4b53-9d0f-2f1f3c6a9b11"
MEGABYTE = 1_000_000
#: Megabytes, code cells, how often each is measured.
SIZES = ((1, 30, 15), (20, 60, 7), (200, 100, 3))


def measure() -> Iterator[Figure]:
    """The ratios for 1, 20 and 200 MB, and for 1,000 small cells."""
    with tempfile.TemporaryDirectory() as folder:
        for megabytes, cells, rounds in SIZES:
            picture = max(1000, megabytes * MEGABYTE // cells * 3 // 4 - 6000)
            path, trust = write_sealed(Path(folder, f"{megabytes}.ipynb"), cells, picture)
            ours, peer = _both(path, trust, rounds)
            yield Figure(
                f"verify a notebook of {megabytes} MB, against nbformat read and validate",
                1e3 * ours,
                "ms",
                peer=1e3 * peer,
                at_most=1.0,
            )
            if megabytes == SIZES[-1][0]:
                yield Figure(
                    f"peak memory of verifying {megabytes} MB, against the size of the file",
                    _peak_memory(path) - _peak_memory(),
                    "MB",
                    peer=path.stat().st_size / MEGABYTE,
                    against="the file",
                    at_most=2.5,
                )
            path.unlink()
        path, trust = write_sealed(Path(folder, "small.ipynb"), 1000, 60)
        ours, peer = _both(path, trust, 3)
        yield Figure(
            "verify a notebook of 1,000 small cells, against nbformat read and validate",
            1e3 * ours,
            "ms",
            peer=1e3 * peer,
        )


def _both(path: Path, trust: Trust, rounds: int) -> tuple[float, float]:
    """Median seconds of ours and of nbformat's, taken in turn so that noise meets both."""
    ours, peer = [], []
    for _ in range(rounds):
        peer.append(_seconds(lambda: _read_and_validate(path)))
        ours.append(_seconds(lambda: _verify(path, trust)))
    return median(ours), median(peer)


def _peak_memory(*paths: Path) -> float:
    """Megabytes that a process of its own needed at most, which verified these files."""
    command = [sys.executable, "-m", "benchmarks.bench_verify", *map(str, paths)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    return float(done.stdout)


def _print_peak_memory(paths: Sequence[str]) -> None:
    """The other side: nobody is trusted here, which changes the verdict and not the work."""
    for path in paths:
        verify_notebook(read_notebook(path), pool=Pool(), trust=Trust(), now=NOON, workers=2)
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says there counts the memory before exec as well
        (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())
        print(int(kilobytes) * 1024 / MEGABYTE)
    else:
        unit = 1 if sys.platform == "darwin" else 1024
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MEGABYTE)


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _read_and_validate(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nbformat.validate(nbformat.read(path, as_version=4))  # type: ignore[no-untyped-call]


def _verify(path: Path, trust: Trust) -> None:
    report = verify_notebook(
        read_notebook(path), pool=Pool(), trust=trust, now=NOON + timedelta(hours=1), workers=2
    )
    assert report.holds(Demands())


def write_sealed(
    path: Path, cells: int, picture: int, session: tuple[Signer, Trust] | None = None
) -> tuple[Path, Trust]:
    """A notebook with so many code cells, executed, stamped and sealed by somebody known."""
    signer, trust = session or new_session()
    value = _notebook(cells, picture)
    stamps = {}
    for cell in notebook_from_json(value).cells:
        if cell.kind != "code":
            continue
        executed = Executed(
            secrets.token_urlsafe(12), cell.position, "9b9f2f0e", "python3", NOON, NOON, "training"
        )
        for output in value["cells"][cell.position]["outputs"]:
            if output["output_type"] == "display_data":
                output["metadata"]["mlo"] = reference(MLO, executed.execution)
        stamps[cell.position] = make_stamp(signer, cell, executed, notebook=NOTEBOOK, now=NOON)
    for position, stamp in stamps.items():
        value["cells"][position]["metadata"]["mlo"] = stamp_json(stamp)
    notebook = notebook_from_json(value)
    listed = [cell.listed for cell in present_cells(notebook)]
    seal = make_seal(
        signer,
        sealable(notebook, listed),
        notebook=NOTEBOOK,
        parent=None,
        previous=None,
        meaning="held",
        now=NOON,
    )
    value["metadata"]["mlo"] = notebook_json(
        notebook=NOTEBOOK, parent=None, chains=signer.chain, newest=(seal, listed), older=()
    )
    write_atomically(path, notebook_chunks(value))
    return path, trust


def _notebook(cells: int, picture: int) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    for at in range(cells):
        found.append(
            {
                "cell_type": "markdown",
                "id": f"m{at:07}",
                "metadata": {},
                "source": f"## Step {at}\n\nWhat is done here, and why.\n" * 3,
            }
        )
        found.append(
            {
                "cell_type": "code",
                "id": f"c{at:07}",
                "metadata": {},
                "execution_count": at,
                "source": "frame = load()\nmodel.fit(frame)\nplot(model)\n" * 5,
                "outputs": [
                    {"output_type": "stream", "name": "stdout", "text": f"epoch {at}\n" * 20},
                    {
                        "output_type": "display_data",
                        "metadata": {},
                        "data": {
                            "image/png": base64.b64encode(os.urandom(picture)).decode() + "\n",
                            "text/plain": "<Figure size 640x480 with 1 Axes>",
                        },
                    },
                ],
            }
        )
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        "cells": found,
    }


def new_session() -> tuple[Signer, Trust]:
    own, key = SigningKey.generate(), SigningKey.generate()
    enrolment = enrol_oneself(MLO, "person", own, now=NOON)
    scope = {
        "activities": "*",
        "models": "*",
        "code": "*",
        "parameters": "*",
        "predicates": sorted(types.RECORDING),
        "notBefore": to_text(NOON - timedelta(hours=1)),
        "notAfter": to_text(NOON + timedelta(hours=1)),
    }
    delegation = Signer.own(MLO, own).sign(
        types.DELEGATION,
        [key_subject(key.key_id)],
        {"kind": "session", "publicKey": key.public.to_text(), "scope": scope},
        NOON,
    )
    signer = Signer(
        mlo=MLO,
        key=key,
        delegation=delegation.statement_id,
        chain=(enrolment, delegation),
        kind="session",
        scope_json=scope,
        activity="training",
        model=None,
        expires=NOON + timedelta(hours=1),
    )
    return signer, Trust(pins={MLO: frozenset({own.key_id})})


if __name__ == "__main__":
    _print_peak_memory(sys.argv[1:])
