"""**unattended**: the papermill engine, what a run's kernel may put on record, and recovery.

An edge: may know papermill, nbclient and processes. Decides nothing about trust.
"""
