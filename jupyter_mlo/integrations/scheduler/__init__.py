"""jupyter-scheduler: its jobs run for whoever made them, under a mandate, and on record.

Jupyter's configuration folder, where this package is installed, names the two classes: see
docs/jupyter-scheduler.md.
"""
