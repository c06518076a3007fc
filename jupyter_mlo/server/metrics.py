"""Counters on the server's ``/metrics``, beside Jupyter's own."""

from __future__ import annotations

from prometheus_client import REGISTRY, Counter


def _counter(name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
    """A counter; the one that is there already where several servers share a process."""
    known = getattr(REGISTRY, "_names_to_collectors", {})
    found = known.get(name) or known.get(f"{name}_total")
    return found if isinstance(found, Counter) else Counter(name, text, labels)


EXECUTIONS = _counter(
    "jupyter_mlo_executions", "Cells asked for through this server", ("status", "attributed")
)
ACTS = _counter("jupyter_mlo_acts", "Enrolments, logins, seals and other acts", ("act",))
SAVES = _counter("jupyter_mlo_saves", "Notebooks saved, by what came of it", ("outcome",))
REFUSALS = _counter("jupyter_mlo_refused_requests", "Requests not handed on to a kernel")
