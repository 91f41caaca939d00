"""The functions of this app: registers the triggers, nothing else."""

import azure.functions as func

from flinkfuncs.triggers import arm, blobs, control, http, notifications, page, plans, queue, timers, uploads
from flinkfuncs.triggers.guard import auth_level

app = func.FunctionApp(http_auth_level=auth_level())
for module in (arm, blobs, control, http, notifications, page, plans, queue, timers, uploads):
    app.register_functions(module.blueprint)
