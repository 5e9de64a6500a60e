"""The directory: who people are and where they can be reached.

What stays out: who is calling (identity), and what is sent (senders).
"""
