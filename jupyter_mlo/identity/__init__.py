"""**who**: MLO IDs, the keys that answer for them, and profiles.

Knows bytes, files of one person's keys and passphrases; knows nothing of statements,
notebooks or ledgers. A profile is personal data and never enters a signed statement.
"""
