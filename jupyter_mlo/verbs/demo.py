"""Run the whole story on this machine: enrol, train and validate under mandates, verify, tamper.

A registrar and two sample MLOs are made in a throw-away home. The first gets a mandate to
train the sample model, the second one to validate it; both notebooks run through papermill, are
verified and blamed. Then a copy is altered, and what was altered is found and named.

Everything stays in one folder, which the next demo replaces; nothing outside it is touched. Needs
scikit-learn and the sample data: pip install "jupyter-mlo[demo]".

Examples:
  jupyter mlo demo
  jupyter mlo demo --dir /tmp/mlo-demo
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from jupyter_mlo.errors import MloError, Refused
from jupyter_mlo.verbs.context import Context


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--dir",
        default="mlo-demo",
        metavar="DIR",
        help="the folder in which everything happens (default: %(default)s)",
    )


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Play the story; 0 where everything went as it must, tampering found included."""
    from jupyter_mlo.verbs import demo_folder

    demo_folder.require_demo_packages()
    folder = Path(arguments.dir).expanduser().absolute()
    demo_folder.make_folder(folder)
    demo_folder.copy_notebooks(folder)
    began = time.monotonic()
    play(Stage(folder, context))
    context.say(f"\nDone in {time.monotonic() - began:.0f} s. Everything is in {folder}.")
    return 0


@dataclass
class Stage:
    """Shows commands, runs them in the folder, and stops the story where one goes wrong."""

    folder: Path
    context: Context
    act: int = field(default=0)

    def title(self, text: str) -> None:
        """Say what comes next."""
        self.act += 1
        self.context.say(f"\n=== {self.act}. {text}\n")

    def shell(self, command: str, *, expect: int = 0, **environ: str) -> None:
        """Show ``command`` and run it, its output going where ours goes.

        Raises:
            Refused: its exit status is not ``expect``.
        """
        before = "".join(f"{name}={shlex.quote(value)} " for name, value in environ.items())
        self.context.say(f"$ {before}{command}")
        with subprocess.Popen(
            shlex.split(command),
            cwd=self.folder,
            env=self.environment(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=_real(self.context.err) or subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                self.context.say(line.rstrip("\n"))
        self.context.say()
        if process.returncode != expect:
            raise Refused(
                f"the demo stops: {command!r} ended with status {process.returncode}, not {expect}",
                hint=f"what was made so far is in {self.folder}",
            )

    def output(self, command: str) -> str:
        """What ``command`` prints, not shown; its exit status may be 1."""
        return subprocess.run(
            shlex.split(command),
            cwd=self.folder,
            env=self.environment({}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        ).stdout

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """The caller's environment with the demo's home and without the caller's MLO."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("MLO_")}
        programs = str(Path(sys.executable).parent)
        return environ | {
            "PATH": f"{programs}{os.pathsep}{environ.get('PATH', os.defpath)}",
            "MLO_HOME": str(self.folder / "home"),
            "IPYTHONDIR": str(self.folder / "home" / "ipython"),
            **more,
        }


def _real(stream: object) -> IO[str] | None:
    """The stream where a child process can write to it."""
    try:
        stream.fileno()  # type: ignore[attr-defined]
    except (AttributeError, OSError):
        return None
    return stream  # type: ignore[return-value]
