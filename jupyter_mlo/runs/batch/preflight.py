"""What can be refused before anything starts is refused before anything starts."""

from __future__ import annotations

from collections.abc import Sequence

from jupyter_mlo.errors import MloError, Refused
from jupyter_mlo.runs.batch import prepare
from jupyter_mlo.runs.batch.attempt import Surrounding, ready
from jupyter_mlo.runs.batch.jobs import Job
from jupyter_mlo.runs.identity import Acting


def check_all(jobs: Sequence[Job], around: Surrounding) -> list[str]:
    """Prepare every job once, and ask who acts; the result is what is to be said beforehand.

    Raises:
        MloError: the first job that cannot be, named.
    """
    remarks: dict[str, None] = {}
    asked: dict[tuple[str, str, int | None], Acting] = {}
    for job in jobs:
        try:
            nb, _, request = ready(job, around)
            given = repr(sorted(request.parameters.items(), key=str))
            key = (request.code, given, request.skips)
            acting = asked.get(key)
            if acting is None:
                acting = around.acting(request)
                # Without a mandate the answer depends on nothing of the notebook.
                if acting.via == "mandate":
                    asked[key] = acting
        except MloError as error:
            raise _named(error, job) from None
        if acting.via == "nobody":
            remarks[
                f"Nobody answers for these runs ({acting.reason}): they go on unattributed. "
                "jupyter mlo login, or --mandate, changes that"
            ] = None
        for name in prepare.unknown_parameters(nb, job.parameters):
            remarks[f"{job.source}: unknown parameter {name}"] = None
    return list(remarks)


def _named(error: MloError, job: Job) -> MloError:
    kind = Refused if isinstance(error, Refused) else type(error)
    try:
        return kind(f"run {job.number} ({job.source}): {error.message}", hint=error.hint)
    except TypeError:
        return MloError(f"run {job.number} ({job.source}): {error.message}", hint=error.hint)
