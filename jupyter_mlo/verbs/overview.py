"""Which verbs there are, and the text of ``jupyter mlo --help``.

Imports nothing: whoever asks for help has not decided to wait.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from jupyter_mlo.config import Asked


class Verb:
    """A verb's summary, and whether ``%mlo`` has it; its module is that of its name.

    ``asks`` says whose policy (``mlo.toml``) it depends on: the ``project``'s, the ``home``'s alone
    where it does nothing but keep and use what is in the home, or ``nobody``'s. A damaged file is
    in the way of no other verb.
    """

    __slots__ = ("asks", "magic", "summary")

    def __init__(self, summary: str, *, magic: bool = True, asks: Asked = "project") -> None:
        self.summary = summary
        self.magic = magic
        self.asks = asks


#: In the order in which help lists them.
VERBS: dict[str, Verb] = {
    "demo": Verb("run the whole story in a throw-away folder", magic=False, asks="nobody"),
    "enroll": Verb("make your MLO ID, profile and key", asks="home"),
    "login": Verb("open a session: from now on what you run is attributed to you", asks="home"),
    "logout": Verb("end the session", asks="nobody"),
    "status": Verb(
        "who you are here, under what, for how long; and what needs attention", asks="home"
    ),
    "activity": Verb("say what you are doing, and on which model", asks="home"),
    "autoload": Verb("load jupyter-mlo into every kernel of this environment", asks="nobody"),
    "seal": Verb("write the stamps that records vouch for, and seal a notebook"),
    "verify": Verb("check who ran which cell and whether anything was changed since"),
    "blame": Verb("show who executed each cell, when, and who sealed it first"),
    "restore": Verb("give a notebook back the stamps that a tool took away"),
    "diff": Verb("whose cells changed between two versions of a notebook"),
    "git": Verb("have git show and merge notebooks with their stamps", magic=False, asks="nobody"),
    "run": Verb("run notebooks, many at once, attributed and sealed", magic=False),
    "recover": Verb("rebuild the notebook of a papermill run that was killed"),
    "mandate": Verb("let a notebook run unattended on your behalf", asks="home"),
    "grant": Verb("let an assistant act on your behalf", magic=False, asks="home"),
    "log": Verb("show what stands in the ledger"),
    "ledger": Verb("verify the ledger; show or sign its checkpoint"),
    "key": Verb(
        "your own key: rotate, revoke, back up, or add one for a device", magic=False, asks="home"
    ),
    "reaffirm": Verb("answer again for what your ended key signed", magic=False),
    "team": Verb("say who may act for a team, and join one", magic=False, asks="home"),
    "witness": Verb(
        "have others see the ledger's checkpoints, or be one who does", magic=False, asks="home"
    ),
    "export": Verb("write statements and receipts to be checked elsewhere"),
    "trust": Verb("say which keys and registrars you trust", magic=False, asks="home"),
    "registrar": Verb("enrol others with a key that they trust", magic=False, asks="home"),
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
