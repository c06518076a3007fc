"""**in which phase of a model's life**: what is put on record about runs and models.

Provenance of runs, test results, datasets, evidence. Builds statements from values that
the edges observed; reads and writes nothing itself.
"""
