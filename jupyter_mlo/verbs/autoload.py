"""Load jupyter-mlo into every kernel of this environment by itself, without %load_ext.

`on` writes a startup file for IPython below this Python environment's own folder, so that it
serves the kernels of this environment, whoever uses them, and no others; `off` removes it. Kernels
that run already are left as they are. Nothing is said when a kernel starts; whoever runs a cell in
nobody's name is reminded once. Where mlo.toml has `identity.required`, such a cell is refused
before it runs.

Examples:
  jupyter mlo autoload
  jupyter mlo autoload on
  jupyter mlo autoload off
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from jupyter_mlo.errors import MloError
from jupyter_mlo.verbs.context import Context

_MARK = "# Written by `jupyter mlo autoload on`; `jupyter mlo autoload off` removes it."
_CONTENT = f"""\
{_MARK}
def _jupyter_mlo_autoload():
    try:
        from jupyter_mlo.ipython.extension import autoload
    except Exception:  # not installed any more: a kernel without it is still a kernel
        return
    autoload(get_ipython())


_jupyter_mlo_autoload()
del _jupyter_mlo_autoload
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "state", nargs="?", choices=["on", "off"], help="leave it out to be told how it stands"
    )


def startup_file(prefix: str = sys.prefix) -> Path:
    """Where IPython of this environment looks (``IPython.paths``, ``ENV_CONFIG_DIRS``)."""
    return Path(prefix) / "etc" / "ipython" / "startup" / "50-jupyter-mlo.py"


def is_on(path: Path | None = None) -> bool:
    """Whether kernels of this environment load jupyter-mlo by themselves."""
    try:
        return (path or startup_file()).read_text(encoding="utf-8").startswith(_MARK)
    except (OSError, ValueError):
        return False


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Switch, or tell."""
    path = startup_file()
    if arguments.state == "on":
        _write(path)
    elif arguments.state == "off" and path.exists():
        _remove(path)
    if is_on(path):
        context.say(f"on: kernels of {sys.prefix} load jupyter-mlo by themselves")
        context.say(f"  {path}")
    else:
        context.say(f"off: in kernels of {sys.prefix} it takes %load_ext jupyter_mlo")
    if arguments.state is not None:
        context.say("kernels that run already are as they were; restart them")
    return 0


def _write(path: Path) -> None:
    if path.exists() and not is_on(path):
        raise MloError(f"{path} is none of ours; it was left as it is", hint="move it away first")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_text(_CONTENT, encoding="utf-8")
    temporary.chmod(0o644)
    temporary.replace(path)


def _remove(path: Path) -> None:
    if not is_on(path):
        raise MloError(f"{path} is none of ours; it was left as it is", hint="remove it yourself")
    path.unlink()
