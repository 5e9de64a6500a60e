"""Dialects: pure codecs between bytes and our words, one wire form each. They never wait, never decide, and do not know
each other.
"""
