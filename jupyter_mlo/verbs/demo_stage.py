"""Shows commands as a person would type them, runs them, and stops where one goes wrong."""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from jupyter_mlo.errors import Refused
from jupyter_mlo.verbs.context import Context


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

    def shell(
        self,
        command: str,
        environ: Mapping[str, str] | None = None,
        *,
        expect: int = 0,
        progress: bool = False,
    ) -> None:
        """Show ``command`` and run it, its output going where ours goes.

        Args:
            expect: the exit status that it must have.
            progress: it draws a progress bar, so that its standard error goes to the
                terminal untouched.

        Raises:
            Refused: its exit status is not ``expect``.
        """
        more = environ or {}
        before = "".join(f"{name}={shlex.quote(value)} " for name, value in more.items())
        self.context.say(f"$ {before}{command}")
        errors = _descriptor(self.context.err) if progress else None
        with subprocess.Popen(
            shlex.split(command),
            cwd=self.folder,
            env=self.environment(more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if errors is None else errors,
            text=True,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                # In a container; but that this home does not last is what it is for.
                if not (line.startswith("warning: ") and "home will not last" in line):
                    self.context.say(line.rstrip("\n"))
        self.context.say()
        if process.returncode != expect:
            raise Refused(
                f"the demo stops: {command!r} ended with status {process.returncode}, not {expect}",
                hint=f"what was made so far is in {self.folder}",
            )

    def passphrase(self, name: str) -> dict[str, str]:
        """The variable that names the file of a random passphrase, which is made when needed."""
        place = Path("passphrases") / name
        file = self.folder / place
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(18) + "\n", encoding="ascii")
        return {"MLO_PASSPHRASE_FILE": str(place)}

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
        home = self.folder / "home"
        return environ | {
            "PATH": f"{programs}{os.pathsep}{environ.get('PATH', os.defpath)}",
            "MLO_HOME": str(home),
            "IPYTHONDIR": str(home / "ipython"),
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            **more,
        }


def _descriptor(stream: TextIO) -> int | None:
    """What a child process can write to, where there is something."""
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError):
        return None
