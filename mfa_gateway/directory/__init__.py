"""The directory: who people are, where they can be reached, and whether a password is theirs.

What stays out: who is calling (identity), and what is sent (senders).
"""
