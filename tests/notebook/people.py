"""MLOs, sessions, records and notebooks made in memory, for the tests of this folder."""

from __future__ import annotations

import copy
import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from jupyter_mlo.delegation.chain import Pool
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.notebook.digests import short, source_digest
from jupyter_mlo.notebook.layout import reference
from jupyter_mlo.notebook.observed import ObservedOutputs
from jupyter_mlo.notebook.reading import notebook_from_json
from jupyter_mlo.notebook.reports import NotebookReport
from jupyter_mlo.notebook.sealing import SealedNotebook, seal_notebook
from jupyter_mlo.notebook.verification import verify_notebook
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.subjects import key_subject
from jupyter_mlo.statements.times import to_text

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
#: Native IDs with right check characters.
ALICE = "mlo:7K3D-9QXA-2MF7"
BOB = "mlo:0000-0000-0016"


def key_of(seed: str) -> SigningKey:
    """A key that is the same in every run of the tests."""
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest(), "big")
    return SigningKey(ec.derive_private_key(number % 2**255 + 1, ec.SECP256R1()))


@dataclass
class Person:
    """An MLO with its own key."""

    mlo: str
    seed: str
    key: SigningKey = field(init=False)
    enrolment: Envelope = field(init=False)

    def __post_init__(self) -> None:
        self.key = key_of(self.seed)
        self.enrolment = self.own().sign(
            types.ENROLMENT,
            [key_subject(self.key.key_id)],
            {"kind": "person", "publicKey": self.key.public.to_text()},
            NOON - timedelta(days=30),
        )

    def own(self) -> Signer:
        """The own key, unlocked."""
        return Signer.own(self.mlo, self.key)

    def session(
        self,
        now: datetime = NOON,
        *,
        activity: str = "training",
        model: str | None = None,
        seed: str | None = None,
        **scope: Any,
    ) -> Signer:
        """A session from an hour before ``now`` to seven hours after it."""
        key = key_of(seed) if seed else SigningKey.generate()
        whole = {
            "activities": "*",
            "models": "*",
            "predicates": sorted(types.RECORDING),
            "code": "*",
            "parameters": "*",
            "uses": "*",
            "delegate": ["run"],
            "notBefore": to_text(now - timedelta(hours=1)),
            "notAfter": to_text(now + timedelta(hours=7)),
            **scope,
        }
        delegation = self.own().sign(
            types.DELEGATION,
            [key_subject(key.key_id)],
            {"kind": "session", "publicKey": key.public.to_text(), "scope": whole},
            now - timedelta(hours=1),
        )
        return Signer(
            mlo=self.mlo,
            key=key,
            delegation=delegation.statement_id,
            chain=(self.enrolment, delegation),
            kind="session",
            scope_json=whole,
            activity=activity,
            model=model,
            expires=now + timedelta(hours=7),
            checkpoint={
                "origin": "jupyter-mlo.local/0123456789abcdef",
                "size": 1234,
                "root": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            },
        )


def trusting(*people: Person) -> Trust:
    """A verifier's trust that pins these MLOs' keys."""
    return Trust(pins={one.mlo: frozenset({one.key.key_id}) for one in people})


class Kernel:
    """A kernel with our recorder: runs cells of a notebook held as JSON, and keeps the records."""

    def __init__(
        self, signer: Signer | None, now: datetime = NOON, *, name: str = "python3"
    ) -> None:
        self.signer = signer
        self.now = now
        self.name = name
        self.id = secrets.token_hex(8)
        self.count = 0
        #: How long a cell takes.
        self.step = timedelta(seconds=10)
        self.records: list[Envelope] = []

    def run(
        self,
        cell: dict[str, Any],
        *messages: tuple[str, Mapping[str, Any]],
        sends_id: bool | str = True,
        marks: bool = True,
        shown: dict[str, list[dict[str, Any]]] | None = None,
    ) -> str:
        """Execute ``cell``: its outputs become what ``messages`` make of them, as in a front end.

        ``shown`` maps display IDs to the outputs (of any cell) that stand under them.
        Returns the execution's ID.
        """
        self.count += 1
        self.now += self.step
        execution = secrets.token_urlsafe(12)
        cell["execution_count"] = self.count
        cell["outputs"] = []
        observed = ObservedOutputs()
        shown = {} if shown is None else shown
        mark = reference(self.signer.mlo, execution) if self.signer and marks else None
        for kind, content in messages:
            if mark and kind in ("display_data", "execute_result", "update_display_data"):
                content = {**content, "metadata": {**content.get("metadata", {}), "mlo": mark}}
            observed.feed(kind, content)
            display(cell["outputs"], kind, content, shown)
        if self.signer is not None:
            sent = cell.get("id") if sends_id is True else sends_id or None
            self.records.append(self._record(cell, execution, observed, sent))
        return execution

    def _record(
        self, cell: Mapping[str, Any], execution: str, observed: ObservedOutputs, sent: Any
    ) -> Envelope:
        assert self.signer is not None
        source = source_digest(cell["source"])
        predicate = {
            "request": secrets.token_hex(8),
            "part": 0,
            "cell": sent,
            "kernel": {"id": self.id, "name": self.name},
            "source": short(source),
            "execution": {"id": execution, "count": self.count},
            "status": "ok",
            "started": to_text(self.now),
            "finished": to_text(self.now + self.step / 10),
            "activity": self.signer.activity,
            "model": self.signer.model,
            "outputs": observed.emissions(),
            "updates": observed.updates(),
            "clears": observed.clears,
        }
        subject = [{"name": "source", "digest": {"mloSourceV1": source.hex()}}]
        return self.signer.sign(types.RECORD, subject, predicate, self.now)

    def source(self, wanted: set[bytes]) -> Iterable[Envelope]:
        """All its records, as a store hands them out."""
        return list(self.records)


def display(
    outputs: list[dict[str, Any]],
    kind: str,
    content: Mapping[str, Any],
    shown: dict[str, list[dict[str, Any]]],
) -> None:
    """What a front end does with one message."""
    content = copy.deepcopy(dict(content))
    display_id = content.pop("transient", {}).get("display_id")
    if kind == "clear_output":
        outputs.clear()
        return
    if kind == "update_display_data":
        for output in shown.get(display_id, ()):
            output.update(data=content["data"], metadata=content.get("metadata", {}))
        return
    output = {"output_type": kind, **content}
    if kind in ("display_data", "execute_result"):
        output.setdefault("metadata", {})
        if display_id:
            shown.setdefault(display_id, []).append(output)
    last = outputs[-1] if outputs else None
    if (
        kind == "stream"
        and last
        and last["output_type"] == kind
        and last["name"] == content["name"]
    ):
        last["text"] += content["text"]
        return
    outputs.append(output)


def stream(text: str, name: str = "stdout") -> tuple[str, dict[str, Any]]:
    return "stream", {"name": name, "text": text}


def shows(text: str, display_id: str | None = None) -> tuple[str, dict[str, Any]]:
    content: dict[str, Any] = {"data": {"text/plain": text, "image/png": "aGk=\n"}, "metadata": {}}
    if display_id:
        content["transient"] = {"display_id": display_id}
    return "display_data", content


def updates(text: str, display_id: str) -> tuple[str, dict[str, Any]]:
    return "update_display_data", {
        "data": {"text/plain": text},
        "metadata": {},
        "transient": {"display_id": display_id},
    }


def result(text: str, count: int) -> tuple[str, dict[str, Any]]:
    return "execute_result", {
        "data": {"text/plain": text},
        "metadata": {},
        "execution_count": count,
    }


def fails(name: str) -> tuple[str, dict[str, Any]]:
    return "error", {"ename": name, "evalue": "it failed", "traceback": ["Traceback", name]}


def code(source: str, cell_id: str | None = None) -> dict[str, Any]:
    cell: dict[str, Any] = {
        "cell_type": "code",
        "source": source,
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
    return cell if cell_id is None else {**cell, "id": cell_id}


def text(source: str, cell_id: str | None = None, kind: str = "markdown") -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "source": source, "metadata": {}}
    return cell if cell_id is None else {**cell, "id": cell_id}


def notebook(*cells: dict[str, Any], minor: int = 5) -> dict[str, Any]:
    return {
        "nbformat": 4,
        "nbformat_minor": minor,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        "cells": list(cells),
    }


def seal(
    value: Mapping[str, Any],
    signer: Signer,
    *kernels: Kernel,
    now: datetime | None = None,
    trust: Trust | None = None,
    also: Sequence[Envelope] = (),
    **options: Any,
) -> SealedNotebook:
    """Seal with the records of ``kernels`` at hand; the signer's and their keys are at hand too."""
    at_hand = [*also, *signer.chain]
    for kernel in kernels:
        at_hand += kernel.signer.chain if kernel.signer else ()
    return seal_notebook(
        value,
        signer=signer,
        now=now or max([NOON, *(kernel.now for kernel in kernels)]) + timedelta(minutes=1),
        pool=Pool.of(at_hand),
        trust=trust or Trust(),
        records=records_of(*kernels),
        **options,
    )


def records_of(*kernels: Kernel) -> Any:
    return lambda wanted: [record for kernel in kernels for record in kernel.records]


def verify(
    value: Mapping[str, Any],
    *people: Person,
    kernels: Sequence[Kernel] = (),
    now: datetime = NOON + timedelta(hours=2),
    **options: Any,
) -> NotebookReport:
    """The verdict of a verifier who pins these people, and has but these kernels' records."""
    at_hand = [link for kernel in kernels if kernel.signer for link in kernel.signer.chain]
    return verify_notebook(
        notebook_from_json(value),
        pool=options.pop("pool", None) or Pool.of(at_hand),
        trust=options.pop("trust", None) or trusting(*people),
        now=now,
        records=records_of(*kernels) if kernels else None,
        **options,
    )
