"""**beside others**: bridges to MLflow, jupyter-scheduler and export formats.

An edge: each bridge is loaded when it is used, and names its extra when it is missing.
"""
