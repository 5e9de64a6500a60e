"""Senders: how a code travels, and in which words.

What stays out: who gets a code, how many, and to which address (engine).
"""
