"""``%mlo`` and its relatives: they parse, delegate to the verbs, and show what came of it."""

from __future__ import annotations

import io
import shlex
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TextIO

from IPython.core.magic import Magics, line_magic, magics_class
from IPython.display import clear_output
from IPython.display import display as _untyped_display

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.session_watch import SessionWatch
from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.ipython import served
from jupyter_mlo.ipython.completion import matcher
from jupyter_mlo.ipython.failure import CellError, shown
from jupyter_mlo.ipython.prompting import NotebookPrompter
from jupyter_mlo.ipython.recorder import Recorder

if TYPE_CHECKING:
    from jupyter_mlo.delegation.signer import Signer
    from jupyter_mlo.runs.noted import Noted
    from jupyter_mlo.verbs.context import Context, Prompter

_display: Callable[[object], object] = _untyped_display
_publish: Callable[[dict[str, Any]], object] = partial(_untyped_display, raw=True)
NAMES = ("mlo", "mlo_login", "mlo_logout", "mlo_status")


class VerbFailed(CellError):
    """A verb has said what is wrong, and its exit status says so too."""


@magics_class
class MloMagics(Magics):
    """The magics of one shell."""

    def __init__(
        self,
        shell: Any,
        settings: Settings,
        watch: SessionWatch,
        recorder: Recorder | None,
        now: Callable[[], datetime],
    ) -> None:
        super().__init__(shell)
        self._shell = shell
        self._settings = settings
        self._watch = watch
        self._recorder = recorder
        self._now = now
        self._prompter = NotebookPrompter(shell)
        self._panel: Any = None
        self._matcher = matcher(settings)

    def add(self) -> None:
        """Let the shell know the magics and how they are completed."""
        self._shell.register_magics(self)
        self._shell.Completer.custom_matchers.append(self._matcher)

    def remove(self) -> None:
        """Take everything out of the shell again."""
        lines = self._shell.magics_manager.magics["line"]
        for name in NAMES:
            lines.pop(name, None)
        self._shell.magics_manager.registry.pop(type(self).__name__, None)
        matchers = self._shell.Completer.custom_matchers
        if self._matcher in matchers:
            matchers.remove(self._matcher)
        if self._panel is not None:
            self._panel.close()

    @line_magic
    def mlo(self, line: str) -> None:
        """Any verb of ``jupyter mlo`` that a notebook may run.

        %mlo                                    what there is
        %mlo activity training --model loan@3   say what you are doing
        %mlo seal analysis.ipynb                write stamps and a seal (save it first)
        %mlo verify analysis.ipynb              who ran what, and was anything changed
        %mlo blame analysis.ipynb
        %mlo VERB --help                        a verb's options, with examples
        """
        shown(lambda: self._verb(_split(line)))

    @line_magic
    def mlo_login(self, line: str) -> None:
        """Log in: from this cell on, what you run is attributed to you.

        %mlo_login                     the only MLO here; with nobody enrolled, enrols you
        %mlo_login ada                 by name, e-mail or MLO ID
        %mlo_login --for 2h --activity training --model loan@3

        The passphrase is asked for by the front end and kept nowhere: neither in the
        notebook nor in the history. Unattended notebooks name a file in MLO_PASSPHRASE_FILE
        before the kernel starts, or run under a mandate (jupyter mlo mandate create --help).
        """
        shown(lambda: self._verb(["login", *_split(line)]))

    @line_magic
    def mlo_logout(self, line: str) -> None:
        """End the session, in all kernels of this account. This cell is still attributed."""
        shown(lambda: self._verb(["logout", *_split(line)]))

    @line_magic
    def mlo_status(self, line: str) -> None:
        """Who you are here, for what, for how long, and what needs attention."""
        shown(lambda: self._verb(["status", *_split(line)]))

    def _verb(self, argv: list[str]) -> None:
        noted = None if self._recorder is None else self._recorder.noted_now()
        if noted is not None:
            if argv[:1] == ["login"] and (asks := served.prompts(argv, noted)) is not None:
                _publish(dict(asks))
                return
            served.check(argv, noted)
        if argv == ["status"]:
            self._show_status(noted)
        elif argv[:1] == ["login"]:
            self._log_in(argv)
        else:
            self._run(argv, sys.stdout)
            if argv[:1] == ["activity"]:
                self._attribute()

    def _log_in(self, argv: list[str]) -> None:
        from jupyter_mlo.ipython.conversation import Conversation
        from jupyter_mlo.ipython.views import SessionView

        first = not self._settings.identities.is_dir()
        clear = _nothing if self._recorder is None else clear_output
        talk = Conversation(self._prompter, sys.stdout, sys.stderr, clear)
        try:
            self._run(argv, talk.out, talk.err, talk)
        except BaseException:
            talk.tidy()
            talk.release()
            raise
        signer = self._attribute()
        if signer is None:  # --help, for one
            talk.release()
            return
        if first:
            print(
                "next: run your cells and save the notebook; then %mlo seal NOTEBOOK.ipynb writes\n"
                "  into it who ran what, and %mlo verify and %mlo blame show it"
            )
        # Two outputs: the text is what remains to be read when the kernel, and with it the
        # panel, has gone.
        _display(SessionView.of(signer, self._settings, self._now()))
        self._show_panel(signer)

    def _show_status(self, noted: Noted | None) -> None:
        if noted is not None and not noted.shared:
            print(served.status(noted, self._settings))
            return
        from jupyter_mlo.ipython.views import StatusView
        from jupyter_mlo.verbs.status import show, survey

        text = io.StringIO()
        context = self._context(text, text)
        found = survey(context)
        if self._recorder is not None and self._recorder.lost:
            found["warnings"].append(
                f"{self._recorder.lost} cells of this kernel could not be recorded: run them again"
            )
        show(found, context)
        _display(StatusView(found, text.getvalue().rstrip()))

    def _attribute(self) -> Signer | None:
        """The session as it is now; the running cell is its, too."""
        signer = self._watch.signer(self._now())
        if signer is not None and self._recorder is not None:
            self._recorder.attribute(signer)
        return signer

    def _run(
        self,
        argv: Sequence[str],
        out: TextIO,
        err: TextIO | None = None,
        ask: Prompter | None = None,
    ) -> None:
        from jupyter_mlo.verbs.parser import run_verb

        status = run_verb(argv, self._context(out, err, ask), prog="%mlo", magic=True)
        if status:
            raise VerbFailed(f"%mlo {argv[0]} says no (exit status {status}); see above")

    def _context(
        self, out: TextIO, err: TextIO | None = None, ask: Prompter | None = None
    ) -> Context:
        from jupyter_mlo.verbs.context import Context

        return Context(
            settings=self._settings,
            out=out,
            err=err or sys.stderr,
            ask=ask or self._prompter,
            now=self._now,
            in_kernel=True,
        )

    def _show_panel(self, signer: Signer) -> None:
        """Where somebody sits in front of a front end, and ipywidgets is there."""
        if self._recorder is None or not self._prompter.attended():
            return
        try:
            from jupyter_mlo.ipython.panel import SessionPanel
        except ImportError:
            return
        if self._panel is not None:
            self._panel.close()
        self._panel = SessionPanel(signer.mlo, self._settings, self._watch, self._run, self._now)
        _display(self._panel)


def _nothing() -> None:
    """A terminal keeps what was typed, and nobody passes it on."""


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise InvalidInput(
            f"the line cannot be read: {error}", hint="close the quotation mark"
        ) from None
