"""Who answers for a model that came out of a notebook: attributed, sealed, provable.

Two names for notebooks: :func:`current` says who acts and under what, :func:`record`
puts metrics, data and artefacts on record. Everything is imported when it is used.
"""

from __future__ import annotations

TYPE_CHECKING = False  # what type checkers take for typing's, which takes long to import
if TYPE_CHECKING:
    from typing import Any

    from jupyter_mlo.runs.api import current as current
    from jupyter_mlo.runs.api import record as record

__version__ = "0.1.0"
__all__ = ["__version__", "current", "record"]


def __getattr__(name: str) -> Any:
    if name in ("current", "record"):
        from jupyter_mlo.runs import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext jupyter_mlo``."""
    from jupyter_mlo.ipython.extension import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """``%unload_ext jupyter_mlo``."""
    from jupyter_mlo.ipython.extension import unload

    unload(shell)


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """The server extension; a Jupyter server asks for it at its start."""
    from jupyter_mlo.server.extension import MloServerExtension

    return [{"module": "jupyter_mlo.server.extension", "app": MloServerExtension}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """The built front end; ``jupyter labextension develop`` links it."""
    return [{"src": "labextension", "dest": "jupyter-mlo"}]
