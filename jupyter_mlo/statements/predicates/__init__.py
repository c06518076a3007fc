"""What each kind of statement says: one pydantic model per predicate, and its type URI.

Own predicates refuse unknown members; standard ones (SLSA provenance, in-toto test
result) keep what their specification allows and carry our members as ``mlo_…``.
Nothing here knows about keys, trust or storage.
"""
