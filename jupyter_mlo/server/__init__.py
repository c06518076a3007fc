"""**in the server**: the Jupyter server extension.

An edge: may know tornado and jupyter_server, and nothing of kernels' own hooks.
"""
