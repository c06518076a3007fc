"""**many runs at once**: plans, kernels that start ahead of need, and the driver of cells.

Knows jupyter_client and processes; papermill and nbformat only where something of theirs is asked
for (other handlers, other languages, older notebooks, marks of failed cells), because importing
them takes longer than running a short notebook.
"""
