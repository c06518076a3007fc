"""**for which rule**: evidence for regulations and standards, privacy, reports.

Holds no code yet.
"""
