"""What a front end holds of a cell's outputs, known by digest only.

Messages are folded as JupyterLab's output area and nbclient do: a stream goes on in the
last output if that is a stream of the same name; ``clear_output`` takes all away, at once
or before the next output; a display ID shown again or updated changes what stands under
it already. Each message is digested as it comes, so that nothing of it is held and nothing
that user code changes later counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from jupyter_mlo.notebook.canonical_cell import Undigestable
from jupyter_mlo.notebook.digests import output_digest, short
from jupyter_mlo.notebook.streams import StreamDigest

#: Kinds of message that :meth:`ObservedOutputs.feed` takes; it ignores all others.
OBSERVED: Final = frozenset(
    {"stream", "display_data", "execute_result", "error", "clear_output", "update_display_data"}
)


@dataclass(slots=True)
class _Held:
    """One output: a stream that may go on, or a digest and under which display it stands."""

    stream: StreamDigest | None = None
    digest: bytes = b""
    display: str | None = None

    def digest_now(self) -> bytes:
        return self.digest if self.stream is None else self.stream.digest()


class ObservedOutputs:
    """Folds the messages of one execution, in the order in which they were sent."""

    def __init__(self) -> None:
        self._held: list[_Held] = []
        self._updates: dict[str, bytes] = {}
        self._clear_before_next = False
        #: How many ``clear_output`` messages came.
        self.clears = 0

    def feed(self, msg_type: str, content: Mapping[str, Any]) -> None:
        """Take in the content of one message.

        Raises:
            Undigestable: the output has no digest; nothing has been taken in.
        """
        if msg_type == "stream":
            self._stream(content)
        elif msg_type in ("display_data", "execute_result", "error"):
            digest = _digest(msg_type, content)
            display = _display(content) if msg_type == "display_data" else None
            if display is not None:
                # Front ends hand it on to earlier outputs of that name, of other cells too.
                self._replace(display, digest)
                self._update(display, digest)
            self._add(_Held(digest=digest, display=display))
        elif msg_type == "update_display_data":
            digest, display = _digest("display_data", content), _display(content)
            if display is not None:
                self._replace(display, digest)
                self._update(display, digest)
        elif msg_type == "clear_output":
            self.clears += 1
            if content.get("wait"):
                self._clear_before_next = True
            else:
                self._held.clear()

    def branched(self) -> ObservedOutputs:
        """A second object that goes on from here on its own.

        Its last stream is complete: what comes next stands behind it. So the recorder follows
        front ends that add outputs of their own (typed answers) beside those that do not.
        """
        branch = ObservedOutputs()
        branch._held = [
            _Held(digest=held.digest_now(), display=held.display) for held in self._held
        ]
        branch._updates = dict(self._updates)
        branch._clear_before_next = self._clear_before_next
        branch.clears = self.clears
        return branch

    def digests(self) -> list[bytes]:
        """``mloOutputV1`` of every output that a front end holds now."""
        return [held.digest_now() for held in self._held]

    def emissions(self) -> list[dict[str, Any]]:
        """The same as a record's ``outputs``: always all of them, late ones included."""
        return [
            {
                "output": short(held.digest_now()),
                "display": None if held.display is None else display_digest(held.display),
            }
            for held in self._held
        ]

    def updates(self) -> list[dict[str, str]]:
        """A record's ``updates``: the last bundle of each display that was updated."""
        return [
            {"display": display_digest(display), "output": short(digest)}
            for display, digest in self._updates.items()
        ]

    def _stream(self, content: Mapping[str, Any]) -> None:
        name, text = content.get("name", "stdout"), content.get("text", "")
        if not isinstance(name, str) or not isinstance(text, str):
            raise Undigestable("a stream's name or text is not a string")
        last = self._held[-1].stream if self._held and not self._clear_before_next else None
        if last is None or last.name != name:
            last = StreamDigest(name)
            self._add(_Held(stream=last))
        last.feed(text)

    def _add(self, held: _Held) -> None:
        if self._clear_before_next:
            self._held.clear()
            self._clear_before_next = False
        if self._held and (before := self._held[-1]).stream is not None:
            # Something stands behind it now, so that stream cannot go on.
            before.digest, before.stream = before.digest_now(), None
        self._held.append(held)

    def _update(self, display: str, digest: bytes) -> None:
        self._updates.pop(display, None)
        self._updates[display] = digest

    def _replace(self, display: str, digest: bytes) -> None:
        for held in self._held:
            if held.display == display:
                held.digest = digest


def display_digest(display: str) -> str:
    """A display ID as records name it: SHA-256 of its UTF-8 bytes, b64u."""
    return short(hashlib.sha256(display.encode("utf-8", "surrogatepass")).digest())


def _digest(kind: str, content: Mapping[str, Any]) -> bytes:
    return output_digest({**content, "output_type": kind})


def _display(content: Mapping[str, Any]) -> str | None:
    transient = content.get("transient")
    display = transient.get("display_id") if isinstance(transient, Mapping) else None
    return display if isinstance(display, str) and display else None
