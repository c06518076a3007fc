"""**by which verb**: every verb of ``jupyter mlo``, its arguments and its one use-case function.

The command line and the magics both run these verbs, so neither imports the other
(see ``docs/adr/0001-verbs-layer.md``). A verb's module declares its arguments without
importing anything heavy, and calls the layers above when it runs. Verbs know neither
terminals nor kernels: they are handed a :class:`~jupyter_mlo.verbs.context.Context`.
"""
