"""A local Functions host: Microsoft's own worker library runs the app, what surrounds it is ours.

    configuration   what host.json and the app settings say
    expressions     %SETTING%, blob paths and routes
    messages        the shapes that the worker library exchanges with a host
    worker          the app, loaded and called by the worker library
    invocations     one call of a function: time limit, output bindings, log lines
    storage         clients by connection name
    backoff         how long an idle queue is left alone
    listener        the life of a queue message
    queues, blobs, timers, web, admin      the triggers and the endpoints
    host            what listens to what

Nothing here knows the app: it sees only what the worker library tells it.
"""
