"""The functions of this app: registers the triggers, nothing else."""

import azure.functions as func

from flinkfuncs.triggers import blobs, http, queue, timers

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
for module in (blobs, http, queue, timers):
    app.register_functions(module.blueprint)
