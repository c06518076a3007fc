"""Configuration of nbdime and jupytext, as far as it concerns our metadata."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_config_dir

from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.notebook.layout import MEMBER

#: Where our metadata stand, as nbdime names places. Of class Diff: nbdime's own merging is not
#: told, or it would drop stamps.
_PLACES = ("/metadata", "/cells/*/metadata", "/cells/*/outputs/*/metadata")
_FILTER = f'cell_metadata_filter = "-{MEMBER}"'
_JUPYTEXT_FILES = ("jupytext.toml", ".jupytext.toml", ".jupytext")


def nbdime_ignores() -> Path:
    """The file in which nbdime's views are told what to leave out."""
    return Path(jupyter_config_dir(), "nbdime_config.json")


def nbdime_is_told() -> bool:
    """Whether nbdime's views leave out everything of ours."""
    ignored = _read(nbdime_ignores()).get("Diff", {}).get("Ignore", {})
    return all(_includes(ignored.get(place)) for place in _PLACES)


def tell_nbdime(ignore: bool) -> None:
    """Have nbdime's views leave our metadata out, or no longer; all else stays as it is.

    Raises:
        InvalidInput: the file is not of nbdime's form.
    """
    file = nbdime_ignores()
    value = _read(file)
    if ignore:
        ignored = value.setdefault("Diff", {}).setdefault("Ignore", {})
        for place in _PLACES:
            if not _includes(ignored.get(place)):
                ignored[place] = [*(ignored.get(place) or []), MEMBER]
    else:
        diff = value.get("Diff", {})
        ignored = diff.get("Ignore", {})
        for place in _PLACES:
            if isinstance(ignored.get(place), list) and MEMBER in ignored[place]:
                ignored[place].remove(MEMBER)
                if not ignored[place]:
                    del ignored[place]
        if "Ignore" in diff and not ignored:
            del diff["Ignore"]
        if "Diff" in value and not diff:
            del value["Diff"]
    if not value:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def jupytext_file(folder: Path) -> Path | None:
    """jupytext's configuration for notebooks in ``folder``."""
    return next((folder / name for name in _JUPYTEXT_FILES if (folder / name).is_file()), None)


def jupytext_filters(file: Path) -> bool:
    """Whether text files that jupytext pairs do not get our metadata of cells."""
    try:
        value = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    found = str(value.get("cell_metadata_filter", ""))
    names = [name.strip() for name in found.split(",")]
    # With a list of what is kept all else is left out.
    return f"-{MEMBER}" in names or "-all" in names or (names != [""] and not _keeps_all(names))


def filter_jupytext(file: Path) -> bool:
    """Add the filter; False where the file has another one, which a person has to change."""
    if not file.is_file():
        file.write_text(_FILTER + "\n", encoding="utf-8")
        return True
    if jupytext_filters(file):
        return True
    text = file.read_text(encoding="utf-8")
    try:
        tomllib.loads(_FILTER + "\n" + text)
    except ValueError:
        return False  # it is there already, with another value, or this is no TOML
    file.write_text(_FILTER + "\n" + text, encoding="utf-8")
    return True


def _keeps_all(names: list[str]) -> bool:
    return "all" in names or all(name.startswith("-") for name in names)


def _includes(ignored: object) -> bool:
    return ignored is True or (isinstance(ignored, list) and MEMBER in ignored)


def _read(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInput(f"{file} cannot be read: {error}", hint="mend or remove it") from None
    diff = value.get("Diff", {}) if isinstance(value, dict) else None
    if not isinstance(diff, dict) or not isinstance(diff.get("Ignore", {}), dict):
        raise InvalidInput(f"{file} is not of nbdime's form", hint="mend or remove it")
    return dict(value)
