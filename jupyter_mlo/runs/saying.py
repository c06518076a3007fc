"""Where the papermill engine says things: in papermill's log, beside its progress bar."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import cast

from papermill.log import logger

from jupyter_mlo.errors import escaped_lines


def complain(text: str) -> None:
    """Say what could not be done."""
    with beside_the_bar():
        logger.warning("jupyter-mlo: %s", escaped_lines(text))


def announce(text: str) -> None:
    """Say what goes on; ``text`` is safe to show."""
    with beside_the_bar():
        logger.info("%s", text)


def beside_the_bar() -> AbstractContextManager[object]:
    """On lines of their own, where papermill draws a progress bar."""
    from tqdm.auto import tqdm

    return cast(AbstractContextManager[object], tqdm.external_write_mode())
