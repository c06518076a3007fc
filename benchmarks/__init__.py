"""What it costs: every promised figure, ours and its peer measured in the same run.

Each ``bench_*.py`` has ``measure()``, which yields :class:`~benchmarks.figure.Figure`;
``python -m benchmarks`` runs them all and prints one table.
"""
