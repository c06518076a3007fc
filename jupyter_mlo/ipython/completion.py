"""Completion of verbs, options, activities and known MLOs behind our magics."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import MloError
from jupyter_mlo.statements.predicates.types import ACTIVITIES

#: Magics that are verbs of their own.
VERB_OF = {"mlo_login": "login", "mlo_logout": "logout", "mlo_status": "status"}


class Completer:
    """IPython's hook ``complete_command`` for ``%mlo`` and its relatives."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, _shell: Any, event: Any) -> list[str]:
        """What may stand at the cursor; nothing leaves it to IPython (files, for example)."""
        text: str = event.text_until_cursor
        words = text.split()
        current = "" if text[-1:].isspace() else words.pop()
        try:
            found = self.candidates(words, current)
        except (MloError, OSError, ImportError):
            return []
        # IPython replaces only what stands behind the last delimiter, as in mlo:7K3D.
        behind = len(current) - len(event.symbol)
        return sorted({word[behind:] for word in found if word.startswith(current)})

    def candidates(self, words: Sequence[str], current: str) -> list[str]:
        """Everything that may follow ``words``, whatever ``current`` begins with."""
        from jupyter_mlo.verbs.parser import VERBS, verb_parser

        magic, *rest = words
        verb = VERB_OF.get(magic.lstrip("%"))
        if verb is None:
            if not rest:
                return [name for name, known in VERBS.items() if known.magic]
            verb, *rest = rest
        known = VERBS.get(verb)
        if known is None or not known.magic:
            return []
        if rest and rest[-1] == "--activity":
            return list(ACTIVITIES)
        usage = verb_parser(verb, prog="%mlo").format_usage()
        if current.startswith("-"):
            return re.findall(r"--[a-z][a-z-]*", usage)
        if rest:
            return []
        if verb == "activity":
            return list(ACTIVITIES)
        if verb == "login":
            return self._known_mlos()
        inner = re.search(r"\{([a-z,-]+)\}", usage)
        return inner[1].split(",") if inner else []

    def _known_mlos(self) -> list[str]:
        from jupyter_mlo.identity.store import IdentityStore

        names = []
        for identity in IdentityStore(self._settings).all():
            names += [identity.mlo, identity.profile.name]
        return [name for name in names if not re.search(r"\s", name)]
