"""**in which notebook**: digests, records, stamps, seals, verdicts and blame.

Reads notebooks as bytes that may be hostile. Knows nothing of kernels, servers or
papermill: those hand it what they observed.
"""
