"""The papermill engine ``mlo``: entry point ``papermill.engine: mlo``.

papermill loads every engine when it is imported, so this module costs next to nothing by
itself, and the class is made when it is first asked for: while papermill is being imported
its own classes are only half there. With ``MLO_DEFAULT_ENGINE=1`` the engine takes the
default's place through papermill's own registration, for callers that cannot name one.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from papermill.engines import NBClientEngine

    class MloEngine(NBClientEngine):  # type: ignore[misc]
        """See :func:`_make_engine`."""


DEFAULT_VARIABLE: Final = "MLO_DEFAULT_ENGINE"
_ON: Final = frozenset({"1", "true", "yes", "on"})


def __getattr__(name: str) -> Any:
    if name != "MloEngine":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import papermill.engines as engines  # may itself come back here, for its entry points

    if name not in globals():
        globals()[name] = engine = _make_engine(engines.NBClientEngine)
        if os.environ.get(DEFAULT_VARIABLE, "").lower() in _ON:
            engines.papermill_engines.register(None, engine)
    return globals()[name]


def _make_engine(base: type[Any]) -> type[Any]:
    class MloEngine(base):  # type: ignore[misc]
        """Runs a notebook as papermill does, attributed, stamped, sealed and on record.

        Beside papermill's arguments it takes ``activity``, ``model`` and ``env`` (the
        kernel's environment).
        """

        @classmethod
        def execute_notebook(cls, nb: Any, kernel_name: str, **options: Any) -> Any:
            """Execute ``nb``; see :func:`jupyter_mlo.runs.execution.execute`."""
            from jupyter_mlo.runs.execution import execute

            return execute(nb, kernel_name, **options)

    MloEngine.__module__ = __name__
    MloEngine.__qualname__ = "MloEngine"
    return MloEngine
