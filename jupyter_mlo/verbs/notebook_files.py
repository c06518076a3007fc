"""A notebook file that is rewritten: read, unchanged meanwhile, replaced whole, trusted again."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mlo.errors import NotebookError
from jupyter_mlo.notebook.reading import Notebook, notebook_from_json, read_notebook
from jupyter_mlo.notebook.writing import notebook_chunks, write_atomically


@dataclass(frozen=True)
class NotebookFile:
    """A file as it was read; ``value`` is what will be written again, with other metadata."""

    path: Path
    text: bytes
    value: dict[str, Any]
    notebook: Notebook

    @classmethod
    def read(cls, path: Path) -> NotebookFile:
        """Read it; raises :class:`NotebookError` where it is no notebook that can be rewritten."""
        notebook = read_notebook(path)
        assert notebook.text is not None
        try:
            value = json.loads(notebook.text)
        except (ValueError, RecursionError) as error:
            raise NotebookError(
                f"{path} cannot be rewritten: {error}", hint="open it in Jupyter and save it"
            ) from None
        # Of what this holds: where the text is ambiguous, it says what will be written.
        return cls(path, notebook.text, value, notebook_from_json(value))

    def write(self, value: Mapping[str, Any]) -> None:
        """Replace the file.

        Raises:
            NotebookError: it was changed meanwhile, cannot be written, or has cells that no
                notebook can have; the file is as it was.
        """
        try:
            chunks = list(notebook_chunks(value))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise NotebookError(
                f"{self.path} has a cell that no notebook can have ({error})",
                hint="open it in Jupyter, mend it and save it",
            ) from None
        try:
            now = self.path.read_bytes()
        except OSError as error:
            raise NotebookError(f"{self.path} cannot be read again: {error.strerror}") from None
        if now != self.text:
            raise NotebookError(
                f"{self.path} was changed by something else just now; nothing was written",
                hint="save it there, and do this again",
            )
        write_atomically(self.path, chunks)

    def trusted(self) -> bool:
        """Whether nbformat's notary trusts it as it was read: its outputs may run scripts."""
        notary = self._notary()
        return notary is not None and bool(notary.check_signature(_node(self.text)))

    def trust_again(self) -> None:
        """Have nbformat's notary trust it as it is now: only metadata were changed."""
        notary = self._notary()
        if notary is not None:
            notary.sign(_node(self.path.read_bytes()))

    def _notary(self) -> Any:
        from jupyter_core.paths import jupyter_data_dir

        # nbformat takes long to import, and where there is no database it trusts nothing.
        if not Path(jupyter_data_dir(), "nbsignatures.db").is_file():
            return None
        from nbformat.sign import NotebookNotary

        notary: Any = NotebookNotary
        return notary()


def _node(text: bytes) -> Any:
    import nbformat

    reads: Any = nbformat.reads
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return reads(text.decode(), as_version=4)
