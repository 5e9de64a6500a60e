"""Accounts by file, and the check of a password: `mfa-gateway accounts import`, `export` and `login`.

    lines     the form of one account, a JSON object a line
    wishes    what a line makes of an account that is there
    seen      what was named before in the same file
    bringing  import;  taking  export;  login  one password

What stays out: how accounts are kept, and everything about a single account that needs no file (accounts).
"""
