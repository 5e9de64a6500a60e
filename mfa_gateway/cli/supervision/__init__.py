"""Supervision: one main process, and the workers that serve clients.

    supervisor   the main process: configuration, listening sockets, embedded store, ops_listen, signals
    crew         the workers of one configuration: started together, replaced one by one, dismissed together
    worker       one worker as the main process sees it
    station      the program that a worker runs
    channel      what the two say to each other

A worker is a fresh interpreter (spawn), not a fork: the main process has an event loop, a store's lock and connections
of its own by the time that a dead worker is replaced, and none of that may live on in a copy. The settings are handed
over on a socket pair that nobody else can open; neither arguments, environment nor files hold a secret. One worker is
run in the same way as many, so that there is one way to start, reload, drain and stop.
"""
