"""The whole ledger computed again: every leaf, node, root, checkpoint and fact.

Each node is held against what the leaves below it give, not against its stored children,
so that one altered row is one fault and does not make its ancestors look wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from jupyter_mlo.errors import LedgerError, StatementError
from jupyter_mlo.ledger.checkpoint import Checkpoint, read_checkpoint
from jupyter_mlo.ledger.content import Facts, kept_fact, read_facts
from jupyter_mlo.ledger.leaf import SALT_SIZE, entry_hash
from jupyter_mlo.ledger.merkle import EMPTY_ROOT, HASH_SIZE, Frontier, parents
from jupyter_mlo.ledger.note_keys import NoteVerifier
from jupyter_mlo.ledger.report import LedgerReport
from jupyter_mlo.ledger.rows import Rows
from jupyter_mlo.ledger.times import Clock
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.times import to_text

#: ``progress(done, total)`` in entries.
Progress = Callable[[int, int], None]

#: Leaves computed at once: complete subtrees of this height, so memory does not grow.
_HEIGHT: Final = 12
_CHUNK: Final = 1 << _HEIGHT
#: Broken checkpoints that are passed over in search of the newest whole one.
_BROKEN: Final = 100


def verify_rows(
    rows: Rows,
    log: NoteVerifier,
    progress: Progress | None = None,
    *,
    since: int = 0,
    erased: Mapping[int, bytes] | None = None,
) -> LedgerReport:
    """Verify what one snapshot of the ledger holds.

    Args:
        since: entries before this index, under a checkpoint that the caller trusts and holds
            the stored tree against, are taken as they are (but for those of the chunk in which it
            lies); neither are the pages of the database's file looked through.
        erased: index → leaf hash of entries whose contents are rightly gone.

    Raises:
        LedgerUnreachable: the database cannot be read.
    """
    database = rows.database
    database.begin(write=False)
    try:
        walk = _Walk(rows, log, since // _CHUNK * _CHUNK, erased or {})
        for fault in database.faults() if not since else ():
            walk.report.add("database", fault)
        walk.run(progress or (lambda done, total: None))
        return walk.report
    finally:
        database.rollback()


class _Walk:
    """One pass over all leaves, in chunks that are complete subtrees (but for the last)."""

    def __init__(
        self, rows: Rows, log: NoteVerifier, start: int, erased: Mapping[int, bytes]
    ) -> None:
        self._start = start
        self._erased = erased
        self._rows = rows
        self._query = rows.database.query
        self._log = log
        self._above = Frontier()  # over the roots of whole chunks, at level _HEIGHT
        self._unsigned: list[tuple[int, str]] = []
        self._clock = Clock.of_log(log)
        #: Size and time of the checkpoint that says the latest time so far.
        self._latest = (0, 0)
        self.report = LedgerReport(log.name)

    def run(self, progress: Progress) -> None:
        """Fill in the report."""
        report = self.report
        size = report.size = self._size()
        with ThreadPoolExecutor() as threads:
            if self._start:
                self._above = self._stored_above(min(self._start, size))
            else:
                self._check_checkpoints(threads, -1, 0, lambda size: EMPTY_ROOT)
            for start in range(self._start, size, _CHUNK):
                self._chunk(threads, start, min(start + _CHUNK, size))
                progress(min(start + _CHUNK, size), size)
        self._check_beyond(size)
        self._check_signatures()

    def _stored_above(self, size: int) -> Frontier:
        """The roots of whole chunks before ``size``, as they are stored."""
        try:
            return Frontier.of(size >> _HEIGHT, lambda n, at: self._rows.node(n + _HEIGHT, at))
        except LookupError as error:
            self.report.add("entries", str(error))
            return Frontier(size >> _HEIGHT, [EMPTY_ROOT] * (size >> _HEIGHT).bit_count())

    def _size(self) -> int:
        """How many entries there should be: all that are here if there are no gaps.

        If there are, what was signed says it: a row far away must not make verifying endless.
        """
        ((count, last),) = self._query("SELECT count(*), max(leaf_index) FROM entries")
        if last is None or last + 1 == count:
            return int(count)
        newest = self._query(
            "SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT ?", (_BROKEN,)
        )
        signed = (head.size for head in map(self._read, newest) if isinstance(head, Checkpoint))
        return next(signed, int(count))

    def _chunk(self, threads: ThreadPoolExecutor, start: int, end: int) -> None:
        leaves, completed = self._leaves(start, end)
        levels = [leaves]
        for _ in range(_HEIGHT):
            levels.append(parents(levels[-1]))
        peaks = list(self._above.peaks)

        def root_at(size: int) -> bytes:
            inside = Frontier(0, peaks)
            for level in range(_HEIGHT, -1, -1):
                if (size - start) >> level & 1:
                    inside.peaks.append(levels[level][((size - start) >> level) - 1])
            return inside.root()

        self.report.root = root_at(end)
        self._check_checkpoints(threads, start, end, root_at)
        above = self._above.append(levels[_HEIGHT][0]) if end - start == _CHUNK else []
        for offset, stored in enumerate(completed):
            # A leaf completes one subtree for each one at the end of its index.
            height = min(((start + offset) ^ (start + offset + 1)).bit_length() - 1, _HEIGHT)
            true = b"".join([levels[n][offset >> n] for n in range(1, height + 1)])
            if offset == _CHUNK - 1:
                true += b"".join(above)
            if stored != true:
                self._name_nodes(start + offset, stored, true)

    def _leaves(self, start: int, end: int) -> tuple[list[bytes], list[object]]:
        """The leaf hashes of a chunk, held against what they commit to, and ``completed``."""
        found = self._query(
            "SELECT e.leaf_index, e.leaf_hash, e.completed, c.leaf_index, c.statement_id, "
            "c.predicate_type, c.mlo, c.key_id, c.activity, c.subject, c.time, c.salt, c.envelope "
            "FROM entries e LEFT JOIN contents c ON c.leaf_index = e.leaf_index "
            "WHERE e.leaf_index >= ? AND e.leaf_index < ? ORDER BY e.leaf_index",
            (start, end),
        )
        leaves = [b""] * (end - start)
        completed: list[object] = [b""] * (end - start)
        doubtful: dict[int, bytes] = {}
        for index, leaf, nodes, content_index, *content in found:
            leaves[index - start] = leaf if isinstance(leaf, bytes) else b""
            completed[index - start] = nodes
            if content_index is None:
                if isinstance(leaf, bytes) and self._erased.get(index) == leaf:
                    self.report.erased += 1
                else:
                    self.report.add(f"contents {index}", self._why_missing(index), index)
                continue
            computed = self._check_content(index, *content)
            if computed is not None and computed != leaf:
                doubtful[index] = computed
        for index, computed in doubtful.items():
            if self._vouched(index, start, leaves, computed):
                leaves[index - start] = computed
                self.report.add(
                    f"entries {index}",
                    "leaf_hash was changed: the tree and the envelope agree on another one",
                    index,
                )
            else:
                self.report.add(
                    f"contents {index}",
                    "salt or envelope was changed: they do not give the leaf hash of this entry",
                    index,
                )
        if len(found) != end - start:
            held = {row[0] for row in found}
            for index in range(start, end):
                if index not in held:
                    self.report.add(f"entries {index}", "the entry is missing", index)
        return leaves, completed

    def _check_content(self, index: int, *content: Any) -> bytes | None:
        """Hold facts against the envelope; the leaf hash that the row gives, if it gives one."""
        statement_id, *facts, salt, stored = content
        where = f"contents {index}"
        if not isinstance(salt, bytes) or len(salt) != SALT_SIZE or not isinstance(stored, bytes):
            self.report.add(where, "salt or envelope is not of the type or length kept", index)
            return None
        try:
            envelope = Envelope.from_bytes(stored)
        except StatementError as error:
            self.report.add(where, f"envelope: {error.message}", index)
            return entry_hash(salt, stored)
        if statement_id != bytes.fromhex(envelope.statement_id):
            self.report.add(where, f"statement_id is not {envelope.statement_id}", index)
        true = read_facts(envelope.payload)
        if tuple(facts) != true:
            for name, kept, said in zip(Facts._fields, facts, true, strict=True):
                if kept != said and not (isinstance(kept, str) and kept_fact(kept) == said):
                    self.report.add(
                        where,
                        f"{name} is {kept!r:.200}, and the statement says {said!r:.200}",
                        index,
                    )
        return entry_hash(salt, stored)

    def _why_missing(self, index: int) -> str:
        why = "salt and envelope are missing"
        if index in self._erased:
            return f"{why}, and its leaf hash is not the one that an erasure names"
        return why

    def _vouched(self, index: int, start: int, leaves: list[bytes], computed: bytes) -> bool:
        """Whether the node above a leaf vouches for ``computed`` rather than for the leaf."""
        partner = (index ^ 1) - start
        try:
            parent = self._rows.node(1, index >> 1)
        except LookupError:
            return False
        if partner >= len(leaves):
            return False
        pair = (leaves[partner], computed) if index & 1 else (computed, leaves[partner])
        return sha256(b"\x01" + pair[0] + pair[1]).digest() == parent

    def _name_nodes(self, index: int, stored: object, true: bytes) -> None:
        where = f"entries {index}"
        if not isinstance(stored, bytes) or len(stored) != len(true):
            self.report.add(
                where, f"completed does not hold {len(true) // HASH_SIZE} hashes", index
            )
            return
        for level in range(1, len(true) // HASH_SIZE + 1):
            part = slice((level - 1) * HASH_SIZE, level * HASH_SIZE)
            if stored[part] != true[part]:
                what = f"completed was changed: the hash of its subtree at level {level}"
                self.report.add(where, what, index)

    def _check_checkpoints(
        self,
        threads: ThreadPoolExecutor,
        after: int,
        until: int,
        root_at: Callable[[int], bytes],
    ) -> None:
        """Check the checkpoints whose size lies above ``after`` and up to ``until``."""
        stored = self._query(
            "SELECT size, note FROM checkpoints WHERE size > ? AND size <= ? ORDER BY size",
            (after, until),
        )
        self.report.checkpoints += len(stored)
        for (size, note), head in zip(stored, threads.map(self._read, stored), strict=True):
            if isinstance(head, str):
                self._unsigned.append((size, head))
                continue
            self._check_time(size, note)
            if head.size != size:
                self.report.add(f"checkpoints {size}", f"the note is of size {head.size}")
            elif head.root != root_at(size):
                self.report.add(
                    f"checkpoints {size}",
                    "the tree has another root than was signed, so it does not continue what this "
                    "checkpoint showed",
                )

    def _read(self, row: tuple[Any, ...]) -> Checkpoint | str:
        try:
            note = row[1] if isinstance(row[1], bytes) else b""
            return read_checkpoint(note, self._log, self._log.cosigner)
        except LedgerError as error:
            return error.message

    def _check_time(self, size: int, note: bytes) -> None:
        time = self._clock.read(note)
        if time is None:
            return
        at, before = self._latest
        if time < before:
            self.report.add(
                f"checkpoints {size}",
                f"it says that it is of {_moment(time)}, before {_moment(before)}, which the "
                f"checkpoint of {at} entries says",
            )
        else:
            self._latest = size, time

    def _check_beyond(self, size: int) -> None:
        """Whatever stands where nothing should, and the newest checkpoint."""
        report = self.report
        ((last,),) = self._query("SELECT max(size) FROM checkpoints")
        if last is None or last < size:
            report.add(
                "checkpoints", f"the entries from {last or 0} to {size - 1} stand under none"
            )
        for (at,) in self._query("SELECT size FROM checkpoints WHERE size > ?", (size,)):
            report.add(f"checkpoints {at}", f"it covers more than the {size} entries that are here")
        for (at,) in self._query("SELECT size FROM checkpoints WHERE size < 0"):
            report.add(f"checkpoints {at}", "no tree has that size")
        for (index,) in self._query(
            "SELECT leaf_index FROM entries WHERE leaf_index < 0 OR leaf_index >= ?", (size,)
        ):
            report.add(f"entries {index}", "no entry has that index", index)
        for (index,) in self._query(
            "SELECT c.leaf_index FROM contents c LEFT JOIN entries e "
            "ON e.leaf_index = c.leaf_index WHERE e.leaf_index IS NULL"
        ):
            report.add(f"contents {index}", "there is no such entry", index)
        for statement_id, times in self._query(
            "SELECT statement_id, count(*) FROM contents WHERE leaf_index >= ? "
            "GROUP BY statement_id HAVING count(*) > 1",
            (self._start,),
        ):
            shown = statement_id.hex() if isinstance(statement_id, bytes) else repr(statement_id)
            report.add(f"contents, statement {shown}", f"it stands in {times} entries")

    def _check_signatures(self) -> None:
        """If no checkpoint at all is this log's, it is the log's own row that was changed."""
        if self._unsigned and len(self._unsigned) == self.report.checkpoints:
            self.report.add(
                "log",
                "origin or public_key was changed, or every checkpoint: none of "
                f"{len(self._unsigned)} is signed by {self._log.vkey}",
            )
            return
        for size, why in self._unsigned:
            self.report.add(f"checkpoints {size}", why)


def _moment(time: int) -> str:
    return to_text(datetime.fromtimestamp(time, UTC))
