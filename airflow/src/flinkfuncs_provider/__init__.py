"""Airflow's side of flinkfuncs: a hook, an operator, a sensor and triggers. This module is read by Airflow at start."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

_FIELDS = {
    "audience": ("Entra ID: audience (api://…); empty: function key", ["string", "null"]),
    "tenant_id": ("Entra ID: tenant, for a client secret", ["string", "null"]),
}


def get_provider_info() -> dict[str, Any]:
    """Describe the provider: Airflow's own schema, `provider_info.schema.json`."""
    modules = "flinkfuncs_provider"
    return {
        "package-name": "airflow-provider-flinkfuncs",
        "name": "flinkfuncs",
        "description": "Stateful Flink jobs through the flinkfuncs app.",
        "versions": [__version__],
        "integrations": [{"integration-name": "flinkfuncs", "external-doc-url": "", "tags": ["azure"]}],
        "hooks": [{"integration-name": "flinkfuncs", "python-modules": [f"{modules}.hooks"]}],
        "operators": [{"integration-name": "flinkfuncs", "python-modules": [f"{modules}.operators"]}],
        "sensors": [{"integration-name": "flinkfuncs", "python-modules": [f"{modules}.sensors"]}],
        "triggers": [{"integration-name": "flinkfuncs", "python-modules": [f"{modules}.triggers"]}],
        "extra-links": [f"{modules}.links.FlinkOperationLink"],
        "connection-types": [
            {
                "connection-type": "flinkfuncs",
                "hook-class-name": f"{modules}.hooks.FlinkFuncsHook",
                "hook-name": "Flink (flinkfuncs)",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "port"],
                    "relabeling": {
                        "host": "App URL",
                        "login": "Client ID (Entra ID only)",
                        "password": "Function key, or client secret",
                    },
                    "placeholders": {"host": "https://my-app.azurewebsites.net"},
                },
                "conn-fields": {
                    name: {"label": label, "schema": {"type": kinds}} for name, (label, kinds) in _FIELDS.items()
                },
            }
        ],
    }
