"""An environment for commands that tests start: a new HOME, and nothing of the caller's MLO."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def throwaway_environment(folder: Path) -> dict[str, str]:
    """The caller's environment with every place that we or Jupyter write to below ``folder``.

    The commands of the running interpreter's environment come first on PATH.
    """
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MLO_")}
    for name, place in {
        "HOME": "home",
        "MLO_HOME": "mlo",
        "JUPYTER_DATA_DIR": "jupyter-data",
        "JUPYTER_RUNTIME_DIR": "jupyter-runtime",
        "JUPYTER_CONFIG_DIR": "jupyter-config",
        "IPYTHONDIR": "ipython",
    }.items():
        (folder / place).mkdir(mode=0o700, exist_ok=True)
        environ[name] = str(folder / place)
    environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"
    return environ
