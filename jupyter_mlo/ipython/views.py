"""What a session looks like in a cell: as text, and as HTML in which every name is escaped."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.ipython.execution import DEFAULT_ACTIVITY

if TYPE_CHECKING:
    from jupyter_mlo.config import Settings
    from jupyter_mlo.delegation.signer import Signer


@dataclass(frozen=True)
class SessionView:
    """A session as a person reads it. Names stand in it as they were typed."""

    mlo: str
    name: str
    activity: str
    model: str | None
    #: How long it goes on: for what shows it anew.
    left: str
    #: When it ends: what was shown once stays true.
    until: str

    @classmethod
    def of(cls, signer: Signer, settings: Settings, now: datetime) -> SessionView:
        """The session of ``signer`` at ``now``."""
        from jupyter_mlo.identity.store import IdentityStore
        from jupyter_mlo.verbs.durations import show_duration
        from jupyter_mlo.verbs.shown_people import minute

        names = {one.mlo: one.profile.name for one in IdentityStore(settings).all()}
        return cls(
            mlo=signer.mlo,
            name=names.get(signer.mlo, "an MLO of another home"),
            activity=signer.activity or DEFAULT_ACTIVITY,
            model=signer.model,
            left=show_duration(signer.expires - now),
            until=minute(signer.expires),
        )

    def __repr__(self) -> str:
        model = f" on {terminal_safe(self.model)}" if self.model else ""
        who = f"{terminal_safe(self.name, limit=60)} ({terminal_safe(self.mlo, limit=60)})"
        return f"{who}: {self.activity}{model}, until {self.until}"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))

    def who_html(self) -> str:
        """Name and MLO ID."""
        return f"<b>{_escaped(self.name)}</b> <code>{_escaped(self.mlo)}</code>"

    def _repr_html_(self) -> str:
        model = f" on {_escaped(self.model)}" if self.model else ""
        return f"{self.who_html()}: {_escaped(self.activity)}{model}, until {_escaped(self.until)}"


@dataclass(frozen=True)
class StatusView:
    """What ``status`` found, and its text on the command line."""

    found: Mapping[str, Any]
    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(self.text)

    def _repr_html_(self) -> str:
        session, ledger = self.found["session"], self.found["ledger"]
        names = {one["mlo"]: one["name"] for one in self.found["identities"]}
        rows = []
        if session is None:
            rows.append(("session", "nobody is logged in; next: %mlo_login"))
        else:
            model = f" on {session['model']}" if session["model"] else ""
            rows += [
                ("logged in as", f"{names.get(session['mlo'], '')} {session['mlo']}"),
                ("activity", f"{session['activity'] or DEFAULT_ACTIVITY}{model}"),
                ("until", session["expires"]),
            ]
        for one in self.found["identities"]:
            rows.append(("enrolled here", f"{one['name']} {one['mlo']} ({one['kind']})"))
            rows.append(("assurance here", one["assurance"] or "see the warning"))
        rows.append(("home", self.found["home"]))
        entries = "cannot be read" if ledger["entries"] is None else f"{ledger['entries']} entries"
        rows.append(("ledger", entries))
        rows += [("warning", warning) for warning in self.found["warnings"]]
        cells = "".join(
            f'<tr><th style="text-align:left">{_escaped(head)}</th>'
            f'<td style="text-align:left">{_escaped(value)}</td></tr>'
            for head, value in rows
        )
        return f"<table>{cells}</table>"


def _escaped(text: object) -> str:
    return html.escape(terminal_safe(str(text), limit=2000))
