"""Validation: metrics held against thresholds, as in-toto test result.

Source: https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from jupyter_mlo.lifecycle.thresholds import Threshold
from jupyter_mlo.statements.canonical import canonical_bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """Which thresholds hold, by the text of each."""

    passed: tuple[str, ...]
    failed: tuple[str, ...]

    @property
    def result(self) -> Literal["PASSED", "FAILED"]:
        """``FAILED`` as soon as one threshold does not hold."""
        return "FAILED" if self.failed else "PASSED"


def judge(metrics: Mapping[str, float], thresholds: Sequence[Threshold]) -> Outcome:
    """Hold each metric against its threshold."""
    return Outcome(
        passed=tuple(each.text for each in thresholds if each.holds(metrics)),
        failed=tuple(each.text for each in thresholds if not each.holds(metrics)),
    )


def validation_result(
    metrics: Mapping[str, float],
    thresholds: Sequence[Threshold],
    *,
    activity: str,
    model: str | None,
    run: str | None,
    data: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The predicate, without its header.

    Args:
        data: descriptors of what the metrics were computed on; part of the test's
            configuration, as the thresholds are.
    """
    outcome = judge(metrics, thresholds)
    conditions = canonical_bytes({each.metric: each.condition for each in thresholds})
    return {
        "result": outcome.result,
        "configuration": [
            {
                "name": "thresholds",
                "mediaType": "application/json",
                "content": base64.b64encode(conditions).decode(),
                "digest": {"sha256": hashlib.sha256(conditions).hexdigest()},
            },
            *data,
        ],
        "passedTests": list(outcome.passed),
        "warnedTests": [],
        "failedTests": list(outcome.failed),
        "mlo_activity": activity,
        "mlo_model": model,
        "mlo_run": run,
        "mlo_metrics": dict(metrics),
        "mlo_thresholds": {each.metric: each.bound for each in thresholds},
    }
