"""Identity: who is calling. The only room that verifies credentials.

What stays out: what a caller may do, and where a person can be reached.
"""
