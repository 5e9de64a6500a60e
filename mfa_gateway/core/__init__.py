"""The pure core: values in, values out.

Nothing in this room waits, reads a clock, draws a random number, looks at the environment, logs, or knows Redis or
ASGI. What has to be asked of the world is returned as a value for the engine to ask; what is known is handed in.
"""
