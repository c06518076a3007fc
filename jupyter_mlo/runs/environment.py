"""What a run's kernel is made of: its interpreter and the packages installed for it.

Looked at from outside, before the notebook's code could change what it says of itself: by
the metadata folders on the interpreter's path. Only the kernel of a Python has such a set.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from jupyter_mlo.lifecycle.provenance import Environment

#: Seconds that an interpreter may take to say where it looks for packages.
TIMEOUT: Final = 20.0

_PYTHON: Final = re.compile(r"(python|pypy)[0-9.]*(\.exe)?", re.IGNORECASE)
_SEPARATORS: Final = re.compile(r"[-_.]+")


def find_environment(
    kernel: str,
    language: str,
    command: Sequence[str],
    environ: Mapping[str, str],
    *,
    timeout: float = TIMEOUT,
) -> Environment:
    """The environment of a kernel.

    Args:
        kernel: name of its kernelspec.
        language: the language that the kernelspec names.
        command: the command that starts it.
        environ: the environment in which it is started.
    """
    if language.lower() != "python":
        return Environment(kernel, unknown=f"the kernel's language is {language or 'not named'}")
    interpreter = command[0] if command else ""
    if not _PYTHON.fullmatch(os.path.basename(interpreter)):
        return Environment(kernel, unknown="the kernel is not started by a Python interpreter")
    if os.path.abspath(interpreter) == os.path.abspath(sys.executable):
        places: list[str] | None = sys.path
    else:
        places = _search_path(interpreter, environ, timeout)
    if places is None:
        return Environment(kernel, unknown="its interpreter did not say where it finds packages")
    return Environment(kernel, packages=installed(places))


def installed(places: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Sorted (name, version) of the distributions in these folders; the first of a name counts.

    Names are normalised as PEP 503 says. A version that the folder's name does not give is
    an empty text.
    """
    found: dict[str, str] = {}
    for place in dict.fromkeys(places):
        try:
            entries = sorted(os.listdir(place or "."))
        except OSError:
            continue
        for entry in entries:
            stem, dot, kind = entry.rpartition(".")
            if not dot or kind not in ("dist-info", "egg-info"):
                continue
            name, _, version = stem.partition("-")
            if kind == "egg-info":
                version = re.sub(r"-py\d.*$", "", version)
            found.setdefault(_SEPARATORS.sub("-", name).lower(), version)
    return tuple(sorted(found.items()))


def _search_path(interpreter: str, environ: Mapping[str, str], timeout: float) -> list[str] | None:
    try:
        done = subprocess.run(
            [interpreter, "-c", "import json, sys; print(json.dumps(sys.path[1:]))"],
            env=dict(environ),
            # With -c the current folder heads the path; nothing is to be found there.
            cwd=Path(os.sep),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=timeout,
            check=True,
        )
        places = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
    return [place for place in places if isinstance(place, str)]
