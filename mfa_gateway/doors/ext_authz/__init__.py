"""Door 3 over gRPC: the decision service of Envoy's ext_authz filter (`envoy.service.auth.v3.Authorization/Check`).

    wire      the protobuf messages, as few fields of them as are needed
    reading   pure: what Envoy says of a request becomes the scope of that request
    check     one Check: the middleware, around an application that notes what it would have been given
    server    the gRPC server, and its health service (`grpc.health.v1.Health`)

The request goes through `MFAMiddleware` itself, so this door cannot judge, refuse or clean anything differently. What
stays out: every decision, and the ceremonies, which Envoy has to route to the gateway's own listener. `server` alone
needs grpcio, the extra `grpc`.
"""
