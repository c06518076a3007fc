"""What the engine does when papermill calls it, from the first check to the last write.

The order matters: whoever may not run is refused before anything is written or started;
secrets are out of the environment before the kernel starts; the notebook is sealed before
papermill raises for a failed cell, because after that it touches the file no more.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from click import ClickException
from papermill.log import logger
from papermill.utils import merge_kwargs, remove_args

from jupyter_mlo.config import load_settings
from jupyter_mlo.errors import InvalidInput, MloError, Refused
from jupyter_mlo.runs.client import WatchedClient
from jupyter_mlo.runs.identity import Acting, decide, reserve
from jupyter_mlo.runs.leftovers import forget_written, keep_until_written
from jupyter_mlo.runs.papermill_side import PapermillSide
from jupyter_mlo.runs.request import read_request
from jupyter_mlo.runs.run import NotebookRun
from jupyter_mlo.runs.saving import SparingManager, local_target
from jupyter_mlo.runs.saying import announce, complain
from jupyter_mlo.runs.signals import EndedBySignal
from jupyter_mlo.runs.withheld import Withheld

if TYPE_CHECKING:
    from jupyter_mlo.runs.ending import Ending


class RunRefused(Refused, ClickException):  # type: ignore[misc]
    """A run was refused before it started; the command shows it without a traceback."""

    exit_code = 1

    def __init__(self, error: MloError) -> None:
        super().__init__(error.message, hint=error.hint)

    def format_message(self) -> str:
        """What the ``papermill`` command prints after ``Error:``."""
        return str(self)


def execute(
    nb: Any,
    kernel_name: str,
    *,
    output_path: str | None = None,
    progress_bar: Any = True,
    log_output: bool = False,
    autosave_cell_every: int = 30,
    input_path: Any = None,
    activity: str | None = None,
    model: str | None = None,
    env: Mapping[str, str] | None = None,
    **options: Any,
) -> Any:
    """Execute a prepared notebook; papermill's ``Engine.execute_notebook``.

    Args:
        activity, model: why it is run; the environment and the mandate or session decide
            where they are not given.
        env: the kernel's environment in place of this process's.

    Raises:
        RunRefused: nothing was written or started.
        PapermillExecutionError: a cell failed; the file holds papermill's marks and a seal.
        BaseException: whatever else ended the run early; the file is sealed all the same.
    """
    with Withheld() as secrets:
        try:
            run = _prepare(nb, kernel_name, input_path, activity, model, secrets)
        except MloError as error:
            raise RunRefused(error) from None
        except OSError as error:
            raise RunRefused(
                InvalidInput(
                    f"what policy asks of this run cannot be read: {error}",
                    hint="see who may read the home of jupyter-mlo (MLO_HOME)",
                )
            ) from None
        manager = SparingManager(
            run.nb,
            output_path=output_path,
            log_output=log_output,
            progress_bar=progress_bar,
            autosave_cell_every=autosave_cell_every,
            cell_done=run.cell_done,
        )
        try:
            manager.notebook_start()
        except BaseException:
            manager.cleanup_pbar()
            raise
        with EndedBySignal() as signals:
            return _run(run, manager, signals, kernel_name, env, log_output=log_output, **options)


def _prepare(
    nb: Any,
    kernel_name: str,
    input_path: Any,
    activity: str | None,
    model: str | None,
    secrets: Mapping[str, str],
) -> NotebookRun:
    settings = load_settings()
    request = read_request(nb, kernel_name, activity=activity, model=model)
    now = datetime.now(UTC)
    acting = decide(request, settings=settings, environ=os.environ, secrets=secrets, now=now)
    acting = reserve(acting, settings, now)
    _warn(acting)
    if request.tampered:
        complain(f"The parameters are not in the provenance of this run: {request.tampered}")
    source = local_target(input_path) if isinstance(input_path, str) else None
    return NotebookRun(
        nb,
        acting=acting,
        request=request,
        kernel_name=kernel_name,
        settings=settings,
        source=Path(source) if source is not None and os.path.isfile(source) else None,
        complain=complain,
        announce=announce,
    )


def _warn(acting: Acting) -> None:
    if acting.via == "nobody":
        complain(
            f"Nobody answers for this run ({acting.reason}): it goes on unattributed. "
            "jupyter mlo login, or MLO_MANDATE, changes that"
        )
    elif acting.reason:
        complain(acting.reason)


def _run(
    run: NotebookRun,
    manager: SparingManager,
    signals: EndedBySignal,
    kernel_name: str,
    env: Mapping[str, str] | None,
    **options: Any,
) -> Any:
    asked = manager.output_path
    final = run.nb.metadata.get("papermill", {}).get("output_path")
    final = final if isinstance(final, str) else asked
    forget_written()
    run.begin({"output": final and (local_target(final) or final), "pid": os.getpid()})
    endings: list[Ending] = []

    def over(error: BaseException | None) -> None:
        """Begin to end the run, once; what that needs was imported meanwhile."""
        from jupyter_mlo.runs.ending import Ending

        if not endings:
            endings.append(Ending(run, PapermillSide(asked=asked, final=final)))
            endings[0].begin(error)

    failure: BaseException | None = None
    try:
        client = WatchedClient(
            manager, run=run, over=over, env=env, **_client_options(kernel_name, **options)
        )
        client.execute()
        signals.hold()
    except BaseException as error:
        signals.hold()
        failure = error
    manager.notebook_complete()
    over(failure)
    endings[0].wait()
    return _result(run, endings[0], failure or signals.noted)


def _result(run: NotebookRun, ending: Ending, failure: BaseException | None) -> Any:
    """Return the notebook or raise what ended the run, and leave nothing behind."""
    if run.key is not None:
        run.key.remove()
    failure = failure or ending.failed_cell
    if ending.unwritten is not None:
        complain(
            f"The notebook could not be written ({ending.unwritten}); "
            f"get it back with: jupyter mlo recover {run.run_id}"
        )
        failure = failure or ending.unwritten
    if run.journal is not None:
        run.journal.close()
        if ending.unwritten is None:
            keep_until_written(run.folder, papermill_writes=failure is None)
    if failure is not None:
        raise failure
    return run.nb


def _client_options(
    kernel_name: str,
    *,
    log_output: bool,
    stdout_file: Any = None,
    stderr_file: Any = None,
    start_timeout: int = 60,
    execution_timeout: int | None = None,
    **others: Any,
) -> dict[str, Any]:
    """The client's arguments, named as papermill's own engine names them."""
    options: dict[str, Any] = merge_kwargs(
        remove_args(["timeout", "startup_timeout"], **others),
        timeout=execution_timeout if execution_timeout else others.get("timeout"),
        startup_timeout=start_timeout,
        kernel_name=kernel_name,
        log=logger,
        log_output=log_output,
        stdout_file=stdout_file,
        stderr_file=stderr_file,
    )
    return options
