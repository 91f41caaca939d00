"""Which functions does the app register? Asked once: an app refuses to be asked twice."""

from functools import cache

from azure.functions import Function

from function_app import app


@cache
def functions() -> tuple[Function, ...]:
    """Every function, as the worker finds it."""
    return tuple(app.get_functions())
