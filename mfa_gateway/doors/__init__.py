"""Doors: ways in. A door reads a call and replies a verdict; it decides nothing. ASGI and nothing else."""
