"""**on whose behalf**: from a signature to the MLO who answers for it.

Enrolment, registrar, trust roots, scopes, sessions, mandates, runs and revocation, and
the walk along them. The walk takes statements, a trust configuration and a clock, and
reads nothing; files of sessions, mandates and trust are read by the small stores here.
"""
