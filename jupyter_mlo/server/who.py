"""Who you are: signing in and out through the sidebar, and enrolling."""

from __future__ import annotations

import io
import json
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import (
    InvalidInput,
    MloError,
    NotFound,
    Refused,
    SessionError,
    WrongPassphrase,
)
from jupyter_mlo.identity.private_files import locked, read_private, write_private
from jupyter_mlo.identity.profiles import colour_of
from jupyter_mlo.server.answers import (
    Assistant,
    Assistants,
    BackupFile,
    Me,
    OpenSession,
    Somebody,
    Token,
    User,
)
from jupyter_mlo.server.forms import Acting, Enrolling, KeyBackup, Login, Renewal
from jupyter_mlo.server.people import Person, Sessions
from jupyter_mlo.statements.predicates.types import ACTIVITIES
from jupyter_mlo.statements.times import to_text
from jupyter_mlo.verbs.context import Context

if TYPE_CHECKING:
    from jupyter_mlo.delegation.signer import Signer
    from jupyter_mlo.identity.store import Identity
    from jupyter_mlo.server.assistants import Admitted


#: Seconds to wait for others who write the ledger: somebody looks at a form meanwhile.
LEDGER_PATIENCE = 0.2


class People:
    """MLO IDs, as people see them: looked up in this home's profiles."""

    def __init__(self, settings: Settings) -> None:
        from jupyter_mlo.identity.store import IdentityStore

        self.store = IdentityStore(settings)
        self.here = {one.mlo: one for one in self.store.all()}

    def somebody(self, mlo: str) -> Somebody:
        """This MLO."""
        found = self.here.get(mlo)
        name = None if found is None else found.profile.name
        return Somebody(
            id=mlo,
            name=name if name != mlo else None,
            kind=None if found is None else found.kind,
            colour=colour_of(mlo) if found is None else found.profile.colour,
            initials=_initials(name, mlo),
        )

    def maybe(self, mlo: str | None) -> Somebody | None:
        """The same, or None."""
        return None if mlo is None else self.somebody(mlo)


def _initials(name: str | None, mlo: str) -> str:
    words = [] if name is None or name == mlo else name.split()
    if not words:
        return mlo.replace("mlo:", "").lstrip("-")[:2].upper()
    return (words[0][:1] + (words[-1][:1] if len(words) > 1 else "")).upper()


@dataclass(frozen=True)
class Desk:
    """Where people sign in. Blocks: call it in a worker thread."""

    settings: Settings
    sessions: Sessions
    clock: Callable[[], datetime]
    #: Whether notebooks are stamped when this server saves them.
    hooked: bool
    #: What is amiss with the server itself.
    problems: Sequence[str] = ()

    def me(self, person: Person) -> Me:
        """Who this person is here."""
        people, now = People(self.settings), self.clock()
        signer = self.sessions.signer(person, now)
        problem = self.sessions.problem(person, now)
        problems = [] if problem is None else [problem]
        problems += [str(one) for one in people.store.problems()] if person.shared else []
        problems += self.problems
        known = self._known(person, people)
        return Me(
            user=User(username=person.username, name=person.name, shared=person.shared),
            mlo=None if signer is None else people.somebody(signer.mlo),
            assurance=None if signer is None else self._assurance(signer, people),
            session=None if signer is None else _open(signer, people, now),
            known=[people.somebody(one.mlo) for one in known],
            teams=[] if signer is None else self._teams(signer, people),
            activities=list(ACTIVITIES),
            problems=problems,
            identityRequired=self.settings.policy.identity_required,
            stampsOnSave=self.hooked,
        )

    def assistants(self, admitted: Sequence[Admitted]) -> Assistants:
        """Who is let in under grants."""
        people = People(self.settings)
        return Assistants(assistants=[_assistant(one, people) for one in admitted])

    def token(self, token: str, admitted: Admitted) -> Token:
        """What whoever brought a grant is told, once."""
        return Token(token=token, assistant=_assistant(admitted, People(self.settings)))

    def log_in(self, person: Person, form: Login) -> Me:
        """Open a session; raises :class:`MloError`."""
        refuse_assistant(person)
        from jupyter_mlo.delegation.sessions import check_activity, check_duration, check_model

        duration = timedelta(hours=form.hours)
        check_duration(duration)
        check_activity(form.activity)
        check_model(form.model)
        try:
            identity = People(self.settings).store.find(form.mlo)
            self._open(
                person,
                identity,
                form.passphrase.get_secret_value(),
                duration,
                form.activity,
                form.model,
                form.onBehalfOf,
            )
        except (NotFound, InvalidInput, WrongPassphrase):
            if person.shared or form.mlo in self._remembered().get(person.username, []):
                raise
            # Users who are told apart are not told who else is known here.
            raise WrongPassphrase(
                "the passphrase is wrong, or there is no such MLO here",
                hint="type the MLO ID as it was given at the enrolment, and try again; after some "
                "wrong passphrases each has to wait",
            ) from None
        return self.me(person)

    def renew(self, person: Person, form: Renewal) -> Me:
        """A new session like the one that is open, from now on; for another team if so asked."""
        refuse_assistant(person)
        signer = self._signer(person)
        team = signer.named.get("onBehalfOf")
        if "onBehalfOf" in form.model_fields_set:
            team = form.onBehalfOf or None
        if signer.kind != "session":
            raise Refused(
                f"this is a {signer.kind}, which its grantor renews", hint="jupyter mlo grant"
            )
        identity = People(self.settings).store.find(signer.mlo)
        self._open(
            person,
            identity,
            form.passphrase.get_secret_value(),
            timedelta(hours=form.hours),
            signer.activity,
            signer.model,
            team,
        )
        return self.me(person)

    def enrol(self, person: Person, form: Enrolling) -> Me:
        """Make an MLO, and sign in as it."""
        from jupyter_mlo.identity.passphrase import new_passphrase
        from jupyter_mlo.verbs.enroll import enrol_with

        refuse_assistant(person)
        enrolled = enrol_with(
            silent(self.settings, self.clock),
            name=form.name,
            email=form.email,
            passphrase=lambda: new_passphrase(form.passphrase.get_secret_value()),
        )
        self._remember(person, enrolled.identity.mlo)
        self._begin(person, enrolled.identity, enrolled.key, timedelta(hours=8), None, None, None)
        return self.me(person)

    def back_up(self, person: Person, form: KeyBackup) -> BackupFile:
        """The signed-in MLO's back-up; raises :class:`MloError`."""
        from jupyter_mlo.verbs.key import back_up, backup_name

        signer = self._signer(person)
        if signer.kind != "session":
            raise Refused(f"this is a {signer.kind}, and no key is here", hint="ask its grantor")
        store = People(self.settings).store
        identity = store.find(signer.mlo)
        passphrase = typed(form.passphrase.get_secret_value())
        store.unlock(identity, passphrase, self.clock())
        content = back_up(store, identity, passphrase).decode()
        return BackupFile(name=backup_name(identity), content=content)

    def act(self, person: Person, form: Acting) -> Me:
        """Say what the session is for from now on."""
        signer = self._signer(person)
        activity = form.activity if "activity" in form.model_fields_set else signer.activity
        model = form.model if "model" in form.model_fields_set else signer.model
        self.sessions.act(person, activity, model or None, self.clock())
        return self.me(person)

    def log_out(self, person: Person) -> Me:
        """End the session."""
        self.sessions.close(person)
        return self.me(person)

    def _signer(self, person: Person) -> Signer:
        signer = self.sessions.signer(person, self.clock())
        if signer is None:
            raise SessionError("you are not signed in", hint="sign in in the MLO panel")
        return signer

    def _open(
        self,
        person: Person,
        identity: Identity,
        passphrase: str,
        duration: timedelta,
        activity: str | None,
        model: str | None,
        team: str | None,
    ) -> None:
        from jupyter_mlo.verbs.login import refuse_kind

        refuse_kind(identity)
        store = People(self.settings).store
        key = store.unlock(identity, typed(passphrase), self.clock())
        self._begin(person, identity, key, duration, activity, model, team)
        self._remember(person, identity.mlo)

    def _begin(
        self,
        person: Person,
        identity: Identity,
        key: Any,
        duration: timedelta,
        activity: str | None,
        model: str | None,
        team: str | None,
    ) -> None:
        from jupyter_mlo.delegation.sessions import make_session
        from jupyter_mlo.verbs.login import carried
        from jupyter_mlo.verbs.publishing import publish

        context = silent(self.settings, self.clock)
        store = People(self.settings).store
        signer = make_session(
            identity,
            key,
            now=self.clock(),
            duration=duration,
            activity=activity,
            model=model,
            **carried(context, store, identity, team),
        )
        self.sessions.open(person, signer)
        publish(context, signer.chain)

    def _assurance(self, signer: Signer, people: People) -> str | None:
        from jupyter_mlo.delegation.pool import Pool
        from jupyter_mlo.delegation.trust import TrustStore
        from jupyter_mlo.verbs.status import own_attribution

        identity = people.here.get(signer.mlo)
        if identity is None:
            return None
        try:
            # Not by the ledger: this is asked again and again, and may not wait for one.
            trust = TrustStore(self.settings).load()
            found = own_attribution(identity, people.store, trust, self.clock(), Pool())
        except MloError:
            return None
        return str(found.assurance)

    def _teams(self, signer: Signer, people: People) -> list[Somebody]:
        from jupyter_mlo.delegation.enrolment import kept_enrolments
        from jupyter_mlo.statements.predicates import types
        from jupyter_mlo.statements.strict_json import read_json

        identity = people.here.get(signer.mlo)
        if identity is None:
            return []
        try:
            kept = kept_enrolments(people.store, identity)
        except MloError:
            return []
        teams = {
            str(read_json(one.payload)["predicate"]["mlo"])
            for one in kept
            if types.MEMBERSHIP.encode() in one.payload
        }
        return [people.somebody(team) for team in sorted(teams)]

    def _known(self, person: Person, people: People) -> list[Identity]:
        """Who is offered: on a server with several users, only whom this one has been before."""
        acting = [one for one in people.here.values() if one.kind in ("person", "service")]
        if person.shared:
            return acting
        mine = self._remembered().get(person.username, [])
        return [one for one in acting if one.mlo in mine]

    def _remembered(self) -> dict[str, list[str]]:
        try:
            found = json.loads(read_private(self._users, what="list of server users"))
        except (FileNotFoundError, MloError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _remember(self, person: Person, mlo: str) -> None:
        if person.shared:
            return
        with locked(self._users.with_suffix(".lock")):
            users = self._remembered()
            mine = users.setdefault(person.username, [])
            if mlo not in mine:
                mine.append(mlo)
                write_private(self._users, json.dumps(users, indent=2).encode())

    @property
    def _users(self) -> Any:
        return self.settings.home / "server-users.json"


def silent(settings: Settings, clock: Callable[[], datetime]) -> Context:
    """For what verbs do when a form asked for it: nobody is asked, and what is noted is kept."""
    said = io.StringIO()
    return Context(settings, said, said, _Typed(""), clock, patience=LEDGER_PATIENCE)


@dataclass(frozen=True)
class _Typed:
    """A passphrase that came in a request, for whoever asks for one."""

    passphrase: str

    def text(self, question: str, *, default: str = "") -> str:
        raise NotFound(f"nobody can be asked: {question}", hint="fill in the form")

    def secret(self, question: str) -> str:
        return self.passphrase


def typed(passphrase: str) -> str:
    """As it was when the key was encrypted, however this keyboard composes its letters."""
    if not passphrase:
        raise InvalidInput("the passphrase is empty", hint="type it")
    return unicodedata.normalize("NFC", passphrase)


def refuse_assistant(person: Person, assistant: str | None = None) -> None:
    """Raise :class:`Refused` for what an assistant does not do, whatever it was granted.

    Args:
        assistant: whose session it is, where that is an assistant's
            (:meth:`~jupyter_mlo.server.people.Sessions.acting_assistant`).
    """
    if assistant is not None and not person.assistant:
        raise Refused(
            f"the session here is the assistant's {assistant}: that is a person's own act",
            hint="sign in as yourself first",
        )
    if person.assistant:
        raise Refused(
            f"{person.username} is an assistant: that is a person's own act",
            hint="whoever granted it does that, with a token of their own",
        )


def _assistant(admitted: Admitted, people: People) -> Assistant:
    signer, scope = admitted.signer, admitted.signer.scope
    return Assistant(
        username=admitted.user.grant,
        assistant=people.maybe(signer.named.get("assistant")),
        mlo=people.somebody(signer.mlo),
        activities=[] if scope is None else sorted(scope.activities),
        expires=to_text(signer.expires),
        delegation=signer.delegation,
    )


def _open(signer: Signer, people: People, now: datetime) -> OpenSession:
    return OpenSession(
        delegation=signer.delegation,
        activity=signer.activity,
        model=signer.model,
        onBehalfOf=people.maybe(signer.named.get("onBehalfOf")),
        assistant=people.maybe(signer.named.get("assistant")),
        expires=to_text(signer.expires),
        secondsLeft=int((signer.expires - now).total_seconds()),
    )
