"""**at the terminal**: the ``jupyter mlo`` command. Asks, prints, maps errors to exit statuses;
what a verb does it leaves to ``verbs/``. It may not know kernels, servers or magics."""
