"""What the sidebar sends. Passphrases come in bodies only, and are shown by nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from jupyter_mlo.delegation.mandates import LONGEST

Text = Annotated[str, Field(max_length=300)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class Login(_Form):
    """Open a session."""

    mlo: Text
    passphrase: Annotated[SecretStr, Field(max_length=4096, strict=False)]
    hours: Annotated[float, Field(strict=False, ge=1 / 60, le=24)] = 8
    activity: Text | None = None
    model: Text | None = None
    onBehalfOf: Text | None = None


class Renewal(_Form):
    """Go on for longer, or for another team: a new session, which takes the passphrase."""

    passphrase: Annotated[SecretStr, Field(max_length=4096, strict=False)]
    hours: Annotated[float, Field(strict=False, ge=1 / 60, le=24)] = 8
    #: Left out: as before. Empty: for nobody but oneself.
    onBehalfOf: Text | None = None


class KeyBackup(_Form):
    """Take a back-up of the signed-in MLO's key along."""

    passphrase: Annotated[SecretStr, Field(max_length=4096, strict=False)]


class Enrolling(_Form):
    """Become an MLO, and sign in."""

    name: Text
    email: Text = ""
    passphrase: Annotated[SecretStr, Field(max_length=4096, strict=False)]


class Admitting(_Form):
    """Let an assistant in: the content of the file that ``jupyter mlo grant`` wrote."""

    grant: dict[str, Any]


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a number of hours is expected")
    return value


#: How long a mandate lasts; a minute at least.
Lasts = Annotated[
    float, Field(strict=False, ge=1 / 60, le=LONGEST / timedelta(hours=1)), BeforeValidator(_number)
]


class Wish(_Form):
    """What a mandate that is to be made would permit."""

    #: Notebooks and folders below the server's root.
    paths: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=4096)]],
        Field(min_length=1, max_length=100),
    ]
    activities: Annotated[list[Text], Field(min_length=1, max_length=20)]
    models: Annotated[list[Text], Field(max_length=100)] = []
    #: Each as the option --parameters takes it: seed=1..20, alpha=0.1, name; or * alone.
    parameters: Annotated[list[Annotated[str, Field(max_length=4096)]], Field(max_length=200)] = []
    hours: Lasts
    #: How many runs may start; left out: any number.
    uses: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    #: A runner's public key, as jupyter mlo mandate key prints it there.
    to: Annotated[str, Field(max_length=4096)] | None = None


class MandateMaking(_Form):
    """Make the mandate that was shown."""

    wish: Wish
    #: As the preview says: nothing else is signed.
    shown: Annotated[str, Field(min_length=64, max_length=64)]
    #: Where the mandate's key goes: it is the runner's; it stays on this server, for jobs; or it is
    #: in the answer, once.
    handover: Literal["runner", "kept", "download"]
    passphrase: Annotated[SecretStr, Field(max_length=4096, strict=False)]


class MandateRenewal(_Form):
    """The same mandate again, with a new end."""

    hours: Lasts
    passphrase: Annotated[SecretStr, Field(max_length=4096, strict=False)]


class MandateRevocation(_Form):
    """End a mandate now."""

    reason: Literal["ended", "superseded", "left", "lost"] = "ended"
    passphrase: Annotated[SecretStr, Field(max_length=4096, strict=False)]


class Acting(_Form):
    """Say what the session is for."""

    activity: Text | None = None
    model: Text | None = None


class Sealing(_Form):
    """Seal a notebook as it was shown."""

    path: Annotated[str, Field(min_length=1, max_length=4096)]
    #: As the answer about its changes says: nothing else is sealed with this meaning.
    shown: Annotated[str, Field(min_length=64, max_length=64)]
    meaning: Literal["held", "authored", "reviewed", "approved"] = "held"
