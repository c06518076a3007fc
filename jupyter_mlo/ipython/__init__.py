"""**in the kernel**: magics, the recorder of executed cells, and what a session looks like there.

An edge: may know IPython, ipykernel and ipywidgets. Magics parse and delegate to
``verbs/``; the recorder observes and hands on, and never breaks a cell.
"""
