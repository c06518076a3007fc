"""Which verbs there are, and the text of ``jupyter mlo --help``.

Imports nothing: whoever asks for help has not decided to wait.
"""

from __future__ import annotations


class Verb:
    """A verb's summary, and whether ``%mlo`` has it; its module is that of its name."""

    __slots__ = ("magic", "summary")

    def __init__(self, summary: str, *, magic: bool = True) -> None:
        self.summary = summary
        self.magic = magic


#: In the order in which help lists them.
VERBS: dict[str, Verb] = {
    "demo": Verb("run the whole story in a throw-away folder", magic=False),
    "enroll": Verb("make your MLO ID, profile and key"),
    "login": Verb("open a session: from now on what you run is attributed to you"),
    "logout": Verb("end the session"),
    "status": Verb("who you are here, under what, for how long; and what needs attention"),
    "activity": Verb("say what you are doing, and on which model"),
    "autoload": Verb("load jupyter-mlo into every kernel of this environment"),
    "seal": Verb("write the stamps that records vouch for, and seal a notebook"),
    "verify": Verb("check who ran which cell and whether anything was changed since"),
    "blame": Verb("show who executed each cell, when, and who sealed it first"),
    "restore": Verb("give a notebook back the stamps that a tool took away"),
    "diff": Verb("whose cells changed between two versions of a notebook"),
    "git": Verb("have git show and merge notebooks with their stamps", magic=False),
    "recover": Verb("rebuild the notebook of a papermill run that was killed"),
    "mandate": Verb("let a notebook run unattended on your behalf"),
    "grant": Verb("let an assistant act on your behalf", magic=False),
    "log": Verb("show what stands in the ledger"),
    "ledger": Verb("verify the ledger; show or sign its checkpoint"),
    "key": Verb("your own key: rotate, revoke, back up, or add one for a device", magic=False),
    "reaffirm": Verb("answer again for what your ended key signed", magic=False),
    "team": Verb("say who may act for a team, and join one", magic=False),
    "witness": Verb("have others see the ledger's checkpoints, or be one who does", magic=False),
    "export": Verb("write statements and receipts to be checked elsewhere"),
    "trust": Verb("say which keys and registrars you trust", magic=False),
    "registrar": Verb("enrol others with a key that they trust", magic=False),
}


def overview(*, prog: str = "jupyter mlo", magic: bool = False) -> str:
    """The text of ``--help``: every verb with its summary."""
    names = [name for name, verb in VERBS.items() if verb.magic or not magic]
    width = max(map(len, names))
    return "\n".join(
        [
            f"usage: {prog} VERB [ARGUMENT …]",
            "",
            "Who answers for a model that came out of a notebook: attributed, sealed, provable.",
            "",
            *(f"  {name:<{width}}  {VERBS[name].summary}" for name in names),
            "",
            f"{prog} VERB --help explains a verb and shows examples.",
            "",
        ]
    )
