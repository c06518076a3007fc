"""**said what**: in-toto statements in DSSE envelopes, and what each predicate says.

The only form in which anything is claimed. Knows how bytes are made canonical, signed
and read back strictly; does not know whom to trust or where anything is kept.
"""
