"""What the sidebar is told: the forms of all answers, from which ``openapi.json`` is made."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Somebody(_Answer):
    """An MLO, as people see it. Name and the rest are what a person typed: text, never markup."""

    id: str
    #: None where no profile of it is here.
    name: str | None
    kind: str | None
    colour: str
    initials: str


class User(_Answer):
    """The server's user who asks."""

    username: str
    name: str
    #: Nobody knows which person it is; the session is the account's.
    shared: bool


class OpenSession(_Answer):
    """A session that is open."""

    delegation: str | None
    activity: str | None
    model: str | None
    onBehalfOf: Somebody | None
    assistant: Somebody | None
    expires: str
    secondsLeft: int


class Me(_Answer):
    """Who you are here."""

    user: User
    mlo: Somebody | None
    #: Of its own key, by what is trusted here.
    assurance: str | None
    session: OpenSession | None
    #: Who may sign in: offered in the prompt.
    known: list[Somebody]
    #: Teams for which the signed-in MLO may act.
    teams: list[Somebody]
    activities: list[str]
    #: What needs attention, in sentences.
    problems: list[str]
    #: The policy here refuses cells that nobody answers for.
    identityRequired: bool
    #: Whether notebooks are stamped when this server saves them.
    stampsOnSave: bool


class BackupFile(_Answer):
    """An MLO's back-up: encrypted with its passphrase, as ``jupyter mlo key backup`` writes it."""

    name: str
    content: str


class Assistant(_Answer):
    """An assistant that this server lets in with a token of its own."""

    #: Under which it is known on this server.
    username: str
    assistant: Somebody | None
    #: Who granted it.
    mlo: Somebody
    activities: list[str]
    expires: str
    delegation: str | None


class Assistants(_Answer):
    """All of them."""

    assistants: list[Assistant]


class Token(_Answer):
    """A token that is shown once, and whose it is."""

    token: str
    assistant: Assistant


class Mark(_Answer):
    """The last execution of a cell that was asked for through this server."""

    execution: str
    request: str
    #: None where nobody answers for it.
    executor: Somebody | None
    assistant: Somebody | None
    activity: str | None
    model: str | None
    #: ``running``, ``ok``, ``error``, ``aborted``, ``lost``.
    status: str
    count: int | None
    started: str


class Marks(_Answer):
    """Of one kernel."""

    kernel: str
    cells: dict[str, Mark]


class CellVerdict(_Answer):
    """What verifying found of one cell."""

    position: int
    id: str | None
    kind: str
    verdict: str
    reason: str
    changed: list[str]
    assurance: str | None
    holds: bool
    #: By a stamp that is valid here, or by a record that is no stamp yet.
    executor: Somebody | None
    assistant: Somebody | None
    onBehalfOf: Somebody | None
    execution: str | None
    started: str | None
    activity: str | None
    model: str | None
    firstSealedBy: Somebody | None
    firstSealedAt: str | None
    #: Statement ID of its stamp.
    stamp: str | None


class Contribution(_Answer):
    """How many cells an MLO executed, and how many sources it sealed first."""

    mlo: Somebody
    executed: int
    firstSealed: int


class SealVerdict(_Answer):
    """What verifying found of the newest seal."""

    verdict: str
    reason: str
    changes: list[str]
    by: Somebody | None
    assurance: str | None
    meaning: str | None
    time: str | None
    statement: str | None


class Summary(_Answer):
    """How it stands with a notebook as a whole."""

    code: Literal["nothing-executed", "unread", "holds", "changed", "not-sealed", "failing"]
    #: How many cells that is about: executed, changed, or failing.
    cells: int


class NotebookVerdict(_Answer):
    """What verifying found of a notebook as it is on disk."""

    path: str
    notebook: str | None
    holds: bool
    #: Of the whole, for the front end to put in words.
    summary: Summary
    #: It was sealed, and something that was sealed has been altered since.
    altered: bool
    seal: SealVerdict
    cells: list[CellVerdict]
    contributions: list[Contribution]
    problems: list[str]
    notes: list[str]
    #: ``origin@size`` of the checkpoint as of which this is so.
    asOf: str | None


class Changes(_Answer):
    """What changed in a notebook since its last seal."""

    path: str
    since: str | None
    by: Somebody | None
    changes: list[str]
    #: Digest of the notebook of which this is said.
    shown: str


class Intended(_Answer):
    """How the next save of a notebook by this user is to be meant."""

    path: str
    meaning: str
    #: Seconds for which that holds.
    seconds: int


class Written(_Answer):
    """What the last save by this server wrote as ``metadata.mlo``."""

    path: str
    notebook: dict[str, object] | None
    #: Cell id → its stamp.
    cells: dict[str, object]


class HistoryEntry(_Answer):
    """A statement about a notebook, in the ledger."""

    index: int
    statement: str
    kind: str
    who: Somebody
    time: str
    meaning: str | None
    activity: str | None


class History(_Answer):
    """Newest first."""

    path: str
    notebook: str | None
    entries: list[HistoryEntry]
    more: bool


class StatementView(_Answer):
    """One statement of the ledger, with what proves it."""

    statement: str
    kind: str
    who: Somebody
    #: The in-toto statement, as it was signed.
    content: dict[str, object]
    #: The delegations from its key up to an enrolment, each as an in-toto statement.
    chain: list[dict[str, object]]
    #: C2SP tlog-proof; None where the ledger has no checkpoint that covers it.
    receipt: str | None
    #: Sigstore bundles as JSON Lines, the chain first.
    bundle: str
    assurance: str | None


class Problem(_Answer):
    """Why there is no answer."""

    message: str
    hint: str
    reason: str
