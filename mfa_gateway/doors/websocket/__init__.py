"""WebSocket (RFC 6455): one connection after its handshake, and everything around it that a gate has to know.

    handshake      pure: which requests are handshakes, and the answer that accepts one
    link           a connection after its handshake, on either side: messages, back-pressure, pings, closing
    upgrading      a server's connection of HTTP that can become a WebSocket
    serving        the server's side: a handshake and its link as an ASGI application sees them
    subprotocols   pure: the token among the offered sub-protocols, and which one the client is answered with
    origin         pure: whose page is behind a handshake
    watching       a socket that ends when its caller is revoked

What stays out: policy, and the upstream's side of the handshake (`doors.upstream.websocket`). Frames are read and
written by the library `websockets`; no extension is ever negotiated, so a message is as large as it says it is.
"""
