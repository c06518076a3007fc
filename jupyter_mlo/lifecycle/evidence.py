"""Evidence: numbers that a run or a person puts on record."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from jupyter_mlo.lifecycle.resources import FileDigest
from jupyter_mlo.statements.canonical import canonical_bytes


def evidence(
    name: str,
    metrics: Mapping[str, float],
    *,
    activity: str,
    model: str | None,
    run: str | None,
) -> dict[str, Any]:
    """The predicate, without its header; its subject is what the numbers are about.

    Args:
        name: what the numbers are called together, 1 to 1,024 characters.
        metrics: finite doubles by name (:func:`~jupyter_mlo.lifecycle.thresholds.read_metrics`).
    """
    return {
        "name": name,
        "activity": activity,
        "model": model,
        "run": run,
        "metrics": dict(metrics),
    }


def numbers_subject(name: str, metrics: Mapping[str, float]) -> FileDigest:
    """The subject where nothing else is known: the numbers' own RFC 8785 text."""
    return FileDigest(name, hashlib.sha256(canonical_bytes(dict(metrics))).hexdigest())
