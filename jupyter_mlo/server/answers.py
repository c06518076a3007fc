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


class MandateParameter(_Answer):
    """What a run may inject by one name."""

    name: str
    #: JSON texts; None: any value, or those of the range.
    values: list[str] | None
    low: float | None
    high: float | None
    #: Whole numbers only.
    integers: bool


class MandateScope(_Answer):
    """What a mandate permits."""

    #: What its notebooks are called, for people.
    notebook: str
    #: ``mloCodeV1`` of each.
    code: list[str]
    activities: list[str]
    models: list[str]
    #: None: any parameter.
    parameters: list[MandateParameter] | None
    #: None: any number.
    uses: int | None
    #: Key ID of the runner that it is made over to; None where it has a key of its own.
    runner: str | None


class DeclaredParameter(_Answer):
    """A name in a notebook's cell of parameters, and its default as JSON text, if that is plain."""

    name: str
    default: str | None


class MandateNotebook(_Answer):
    """A notebook that a mandate would be for, as it is now."""

    path: str
    code: str
    parameters: list[DeclaredParameter]


class MandatePreview(_Answer):
    """What would be signed."""

    scope: MandateScope
    hours: float
    notebooks: list[MandateNotebook]
    #: What should be known before.
    notes: list[str]
    #: Digest of what is shown here.
    shown: str


class Mandate(_Answer):
    """A mandate of whoever asks, and how it stands."""

    id: str
    mlo: Somebody
    scope: MandateScope
    notBefore: str
    notAfter: str
    secondsLeft: int
    state: Literal["in-force", "begins", "ended", "revoked", "used-up"]
    #: It ends within three days, and was not renewed.
    soon: bool
    #: Uses that are left; None where there is no limit, or the ledger cannot say.
    left: int | None
    #: Who has its key: a runner; this server, for jobs; or whoever was handed the file.
    key: Literal["runner", "kept", "elsewhere"]
    #: Where its key is kept: the file on this server that runs there may name in MLO_MANDATE.
    file: str | None
    #: The same as one word of a shell's command, the user's home as ``~``.
    fileInShell: str | None
    #: The mandate that it renews, or is a part of.
    replaces: str | None


class Mandates(_Answer):
    """All of them, those that end first at the top."""

    mandates: list[Mandate]
    problems: list[str]


class MandateFile(_Answer):
    """A mandate's file, to be taken along: with its key, unless that is a runner's."""

    name: str
    content: str


class MadeMandate(_Answer):
    """A mandate that was made just now."""

    mandate: Mandate
    #: None where it is kept on the server.
    file: MandateFile | None


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
    #: Who made it under a grant of theirs, and the team that it was for.
    assistant: Somebody | None
    onBehalfOf: Somebody | None
    assurance: str | None
    meaning: str | None
    time: str | None
    statement: str | None


class Summary(_Answer):
    """How it stands with a notebook as a whole."""

    code: Literal["nothing-executed", "unread", "holds", "changed", "not-sealed", "failing"]
    #: How many cells that is about: executed, changed, or failing.
    cells: int
    #: Beside those that changed, how many fail otherwise.
    others: int = 0


class NotebookVerdict(_Answer):
    """What verifying found of a notebook as it is on disk."""

    path: str
    #: When the file that was verified was last written.
    modified: str | None
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
    #: Who acted under a grant of theirs, as the statement says.
    assistant: Somebody | None
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
    #: Who acted under a grant of theirs; None where nobody did, or nothing is proven.
    assistant: Somebody | None
    onBehalfOf: Somebody | None
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
