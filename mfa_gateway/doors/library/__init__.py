"""Door 1 as a library: the gate inside an application of Starlette or FastAPI, with rules next to the endpoints.

    facts    what the application is told of a judged call (`request.state.mfa`)
    marks    an endpoint that asks for a second factor, and that refuses to run where no gate has judged its call
    routes   which marks there are in an application, and which calls reach them
    door     the middleware, below a mount point, with facts and marks

What stays out: how marks become rules and who opens the gateway (`app`), and every decision.
"""
