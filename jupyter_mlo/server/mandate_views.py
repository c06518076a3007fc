"""Mandates between forms and answers: what was wished, in terms; what stands, in answers."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlo.delegation.ranges import Range
from jupyter_mlo.delegation.runner_key import runner_key_from_text
from jupyter_mlo.errors import InvalidInput, StatementError
from jupyter_mlo.notebook.mandated import is_python
from jupyter_mlo.notebook.parameters import declared
from jupyter_mlo.notebook.reading import Notebook, notebook_from_json
from jupyter_mlo.server import answers
from jupyter_mlo.statements.canonical import canonical_bytes
from jupyter_mlo.statements.times import to_text
from jupyter_mlo.verbs.mandate_acts import Terms, called, code_of
from jupyter_mlo.verbs.parameters import parse_parameters

if TYPE_CHECKING:
    from jupyter_mlo.delegation.mandates import Mandate, MandateFile
    from jupyter_mlo.server.forms import Wish
    from jupyter_mlo.server.mandates import Held
    from jupyter_mlo.server.who import People

#: ``Standing.element`` → how the panel calls it.
_STATES = {
    "": "in-force",
    "notBefore": "begins",
    "notAfter": "ended",
    "revoked": "revoked",
    "uses": "used-up",
}


class Covered:
    """The terms of a wish about notebooks as they are now; raises :class:`MloError`."""

    def __init__(self, wish: Wish, found: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        self.hours = wish.hours
        self.read = [(path, notebook_from_json(content)) for path, content in found]
        self.codes = [code_of(path, one) for path, one in self.read]
        self.terms = Terms(
            notebook=_called(wish.paths, [path for path, _ in self.read]),
            code=self.codes,
            activities=wish.activities,
            models=wish.models,
            parameters=parse_parameters([text for text in wish.parameters if text.strip()]),
            lasts=timedelta(hours=wish.hours),
            uses=wish.uses,
            to=None if wish.to is None else runner_key_from_text(wish.to),
        )

    @property
    def shown(self) -> str:
        """A digest of all that would be signed, but for the hour in which it begins."""
        said = self._scope().model_dump() | {"seconds": self.terms.lasts.total_seconds()}
        return hashlib.sha256(canonical_bytes(said)).hexdigest()

    def preview(self) -> answers.MandatePreview:
        """What somebody is shown before they sign it."""
        return answers.MandatePreview(
            scope=self._scope(),
            hours=self.hours,
            notebooks=[
                answers.MandateNotebook(path=path, code=code, parameters=_declared(one))
                for (path, one), code in zip(self.read, self.codes, strict=True)
            ],
            notes=self._notes(),
            shown=self.shown,
        )

    def _scope(self) -> answers.MandateScope:
        terms = self.terms
        parameters = terms.parameters
        return answers.MandateScope(
            notebook=terms.notebook,
            code=sorted(set(terms.code)),
            activities=list(dict.fromkeys(terms.activities)),
            models=list(dict.fromkeys(terms.models)),
            parameters=None
            if isinstance(parameters, str)
            else [_parameter(name, values) for name, values in sorted(parameters.items())],
            uses=terms.uses,
            runner=None if terms.to is None else terms.to.key_id,
        )

    def _notes(self) -> list[str]:
        odd = [path for path, one in self.read if not is_python(one.kernel_name)]
        if not odd or self.terms.parameters in ({}, "*"):
            return []
        return [
            f"{odd[0]} is not for a Python kernel: whether a run kept to these parameters "
            "verifying cannot read, and their cell will not be valid there"
        ]


def view(held: Held, people: People, now: datetime) -> answers.Mandate:
    """A mandate as the panel shows it."""
    mandate, standing = held.mandate, held.standing
    scope, parameters = mandate.scope, mandate.scope.parameters
    return answers.Mandate(
        id=mandate.mandate_id,
        mlo=people.somebody(mandate.mlo),
        scope=answers.MandateScope(
            notebook=mandate.notebook,
            code=sorted(scope.code),
            activities=sorted(scope.activities),
            models=sorted(scope.models),
            parameters=None
            if isinstance(parameters, str)
            else [_parameter(name, values) for name, values in sorted(parameters.items())],
            uses=None if isinstance(scope.uses, str) else scope.uses,
            runner=mandate.link.key.key_id if mandate.runner else None,
        ),
        notBefore=to_text(scope.not_before),
        notAfter=to_text(scope.not_after),
        secondsLeft=max(0, int((scope.not_after - now).total_seconds())),
        state=_STATES[standing.element],  # type: ignore[arg-type]
        soon=held.soon,
        left=standing.left,
        key="runner" if mandate.runner else "kept" if held.kept else "elsewhere",
        file=str(held.file) if held.kept else None,
        fileInShell=shell_word(held.file, Path.home()) if held.kept else None,
        replaces=mandate.replaces,
    )


def shell_word(path: Path, home: Path) -> str:
    """``path`` as one word for after ``NAME=`` in a POSIX shell, ``home`` as its ``~``."""
    if path.is_relative_to(home) and path != home:
        return f"~/{shlex.quote(str(path.relative_to(home)))}"
    return shlex.quote(str(path))


def file_answer(mandate: Mandate, file: MandateFile) -> answers.MandateFile:
    """The file to take along."""
    return answers.MandateFile(
        name=f"mandate-{mandate.mandate_id[:12]}.mandate", content=file.to_bytes().decode()
    )


def _parameter(name: str, values: Any) -> answers.MandateParameter:
    if isinstance(values, Range):
        return answers.MandateParameter(
            name=name,
            values=None,
            low=values.low,
            high=values.high,
            integers=values.integers,
        )
    texts = None
    if isinstance(values, list):  # as it was typed
        try:
            texts = sorted({canonical_bytes(value).decode() for value in values})
        except StatementError:
            raise InvalidInput(
                f"a value of the parameter {name} has no plain form", hint="write a number or text"
            ) from None
    elif not isinstance(values, str):  # as it stands in a scope
        texts = sorted(values)
    return answers.MandateParameter(name=name, values=texts, low=None, high=None, integers=False)


def _declared(notebook: Notebook) -> list[answers.DeclaredParameter]:
    return [
        answers.DeclaredParameter(
            name=name, default=None if value is None else json.dumps(value, ensure_ascii=False)
        )
        for name, value in declared(notebook).items()
    ]


def _called(given: Sequence[str], paths: Sequence[str]) -> str:
    names = [path.strip("/").rsplit("/", 1)[-1] or "/" for path in given]
    if list(paths) == [path.strip("/") for path in given] and len(names) == 1:
        return names[0]
    return called(names, len(paths))
