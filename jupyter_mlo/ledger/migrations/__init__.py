"""Every schema that the ledger has had, one step each, run by ``jupyter_mlo.ledger.schema``."""
