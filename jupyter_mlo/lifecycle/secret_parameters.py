"""Parameters that look secret: what a ledger keeps for ever must not hold them.

The rule is published in ``docs/formats.md``, "Run provenance". Nothing of the value is kept,
no digest either: a password can be guessed from its digest, and a salt that is kept beside
the digest helps only against tables.
"""

from __future__ import annotations

import re
from typing import Any, Final

#: What stands for a value that was withheld.
WITHHELD: Final[dict[str, Any]] = {"mloWithheld": True}

#: A name that contains one of these, without regard to case and to what is no letter or digit.
WITHIN: Final = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "credential",
    "apikey",
    "accesskey",
    "accountkey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "accesstoken",
    "authtoken",
    "bearertoken",
    "connectionstring",
)
#: A name that ends so; ``token_limit`` and ``max_tokens`` are no secrets.
AT_THE_END: Final = ("token", "pwd", "jwt", "authorization")

_NO_LETTER: Final = re.compile(r"[^a-z0-9]+")
_LOGIN_IN_ADDRESS: Final = re.compile(r"://[^/\s:@]*:[^/\s@]+@")


def looks_secret(name: str, value: object = None) -> bool:
    """Whether the value of the parameter ``name`` is not to be put on record.

    Args:
        value: a text that is an address with a password in it is secret under any name.
    """
    squeezed = _NO_LETTER.sub("", name.lower())
    if any(word in squeezed for word in WITHIN) or squeezed.rstrip("0123456789").endswith(
        AT_THE_END
    ):
        return True
    return isinstance(value, str) and _LOGIN_IN_ADDRESS.search(value) is not None
