"""**kept where**: the append-only Merkle log of statements, and what waits for it.

Merkle rules and checkpoints are pure; one store speaks SQL; the sequencer alone assigns
indexes and signs checkpoints. Envelopes are opaque here: who signed is not its question.
"""
