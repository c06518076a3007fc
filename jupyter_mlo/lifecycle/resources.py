"""Files and other things that statements are about, named by digest.

Source: in-toto's ResourceDescriptor and DigestSet
(https://github.com/in-toto/attestation/tree/main/spec/v1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FileDigest:
    """A file as it was when it was read: the name it is known by, and SHA-256 of its bytes."""

    name: str
    sha256: str

    def descriptor(self, **annotations: Any) -> dict[str, Any]:
        """The file as in-toto ResourceDescriptor."""
        value: dict[str, Any] = {"name": self.name, "digest": {"sha256": self.sha256}}
        return value | {"annotations": annotations} if annotations else value


def descriptors(files: Sequence[FileDigest]) -> list[dict[str, Any]]:
    """``files`` as the subject of a statement; each name and digest once."""
    return [file.descriptor() for file in dict.fromkeys(files)]


def statement_descriptor(name: str, statement_id: str) -> dict[str, Any]:
    """Another statement, by its statement ID."""
    return {"name": name, "digest": {"mloStatementV1": statement_id}}


def code_descriptor(name: str, code: str) -> dict[str, Any]:
    """A notebook by its code (``mloCodeV1``, hex)."""
    return {"name": name, "digest": {"mloCodeV1": code}}


def given(members: Mapping[str, Any]) -> dict[str, Any]:
    """``members`` without those that are None: what is not known is left out."""
    return {name: value for name, value in members.items() if value is not None}
