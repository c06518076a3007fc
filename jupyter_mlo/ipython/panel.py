"""The panel of a session: activity, model, time left, who if that changes, and a way out.

Imported when it is shown, because ipywidgets is slow to import and may be missing. It has
no field for a passphrase: a widget's value is saved with the notebook.
"""

from __future__ import annotations

import html
import io
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import ipywidgets

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.session_watch import SessionWatch
from jupyter_mlo.errors import MloError
from jupyter_mlo.ipython.views import SessionView
from jupyter_mlo.notebook.execution import DEFAULT_ACTIVITY
from jupyter_mlo.statements.predicates.types import ACTIVITIES

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
#: Seconds between two looks at the clock and at the session.
REFRESH = 30.0


class SessionPanel:
    """Controls of the session; what they do, the verbs do."""

    def __init__(
        self,
        mlo: str,
        settings: Settings,
        watch: SessionWatch,
        run: Callable[[Sequence[str], io.StringIO], object],
        now: Callable[[], datetime],
    ) -> None:
        self._mlo = mlo
        self._settings, self._watch, self._run, self._now = settings, watch, run, now
        self._filling = False
        self._timer: threading.Timer | None = None
        self.who = ipywidgets.HTML()
        self.activity = ipywidgets.Dropdown(options=ACTIVITIES, description="activity")
        self.model = ipywidgets.Text(
            description="model", placeholder="name or name@version", continuous_update=False
        )
        self.left = ipywidgets.Label()
        self.out = ipywidgets.Button(description="Log out", tooltip="End the session everywhere")
        self.message = ipywidgets.HTML()
        self.activity.observe(self._choose, names="value")
        self.model.observe(self._choose, names="value")
        self.out.on_click(self._sign_out)
        controls = [self.activity, self.model, self.left, self.out]
        self.box = ipywidgets.VBox([self.who, ipywidgets.HBox(controls), self.message])
        self.refresh()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {
            "text/plain": "panel of the session",
            WIDGET_VIEW: self.box._repr_mimebundle_()[WIDGET_VIEW],
        }

    def refresh(self) -> None:
        """Show what is so now, and look again later while the session lasts."""
        signer = self._watch.signer(self._now())
        self._filling = True
        try:
            for control in (self.activity, self.model, self.out):
                control.disabled = signer is None
            if signer is None:
                self.left.value = ""
                self.who.value = "nobody is logged in any more; %mlo_login"
            else:
                view = SessionView.of(signer, self._settings, self._now())
                # Who it was at the login stands above the panel.
                self.who.value = "" if signer.mlo == self._mlo else f"now {view.who_html()}"
                self.left.value = f"{view.left} left"
                self.activity.value = signer.activity or DEFAULT_ACTIVITY
                self.model.value = signer.model or ""
        finally:
            self._filling = False
        self.close()
        if signer is not None:
            self._timer = threading.Timer(REFRESH, self.refresh)
            self._timer.daemon = True
            self._timer.start()

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _choose(self, _: Any) -> None:
        if self._filling:
            return
        model = self.model.value.strip()
        self._act(
            ["activity", self.activity.value, *(["--model", model] if model else ["--no-model"])]
        )

    def _sign_out(self, _: Any) -> None:
        self._act(["logout"])

    def _act(self, argv: Sequence[str]) -> None:
        said = io.StringIO()
        try:
            self._run(argv, said)
            self.message.value = html.escape(said.getvalue().strip())
        except MloError as error:
            self.message.value = f"<pre>{html.escape(str(error))}</pre>"
        self.refresh()
