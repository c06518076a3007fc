"""**unattended**: the papermill engine, batches, what a run's kernel may put on record, recovery.

An edge: may know papermill, nbclient and processes. Decides nothing about trust.
"""
