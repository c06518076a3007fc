"""Who acts: a person, an assistant for them, or either for a team.

What one did, another does not say: what an assistant ran stays the assistant's, also when the
person for whom it acts saves the notebook.
"""

from __future__ import annotations

from typing import NamedTuple


class Actor(NamedTuple):
    """Those whom a statement names.

    ``mlo`` answers for it; ``assistant`` acted under a grant of theirs, if one did; ``team`` is
    on whose behalf, if on any's.
    """

    mlo: str
    assistant: str | None = None
    team: str | None = None

    def __str__(self) -> str:
        who = f"the assistant {self.assistant} for {self.mlo}" if self.assistant else self.mlo
        return f"{who} on behalf of {self.team}" if self.team else who
