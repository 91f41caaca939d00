"""The only code that knows Azure Functions; it translates, and decides nothing."""

import logging

# The Azure SDKs log every call at INFO, and a held reply alone reads storage twice a second: our own lines would drown.
logging.getLogger("azure.core.pipeline.policies.http_logging_policy").setLevel(logging.WARNING)
