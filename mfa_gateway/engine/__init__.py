"""The engine: the only room where a decision waits."""
