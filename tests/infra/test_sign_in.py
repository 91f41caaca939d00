"""Signing in by App Service authentication: off until it is chosen, and shut for all but what has rights of its own."""

from azure.functions.decorators.http import HttpTrigger

from tests.functions import functions
from tests.infra.bicep import parameter, resource, resources, shown, templates, variable

SIGN_IN = resource("Microsoft.Web/sites/config")


def test_it_is_off_until_an_app_registration_is_named() -> None:
    """And then the app asks for roles, too: neither is there without the other."""
    assert parameter("main.bicep", "signInClientId")["default"] == ""
    assert SIGN_IN.config["name"] == "authsettingsV2"
    assert SIGN_IN.condition == "!empty(signInClientId)"
    assert shown(variable("main.bicep", "settings")["API_AUTHORIZATION"]) == "empty(signInClientId) ? keys : roles"
    params = templates()["main.bicep"]["modules"]["app"]["config"]["params"]
    assert params["signInClientId"] == "signInClientId"
    assert params["isGateway"] == "isGateway"


def test_nobody_comes_in_without_a_token() -> None:
    """401, where a browser would be led to a page: these are calls of programs. Tokens are for this app alone."""
    assert SIGN_IN.properties["platform"] == {"enabled": True}
    checks = SIGN_IN.properties["globalValidation"]
    assert checks["requireAuthentication"] is True
    assert checks["unauthenticatedClientAction"] == "Return401"
    (entra,) = SIGN_IN.properties["identityProviders"].values()
    assert shown(entra["registration"]["openIdIssuer"]) == (
        "${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0"
    )
    assert shown(entra["validation"]["allowedAudiences"]) == "[signInClientId, api://${signInClientId}]"
    assert SIGN_IN.properties["httpSettings"]["requireHttps"] is True
    assert SIGN_IN.properties["login"]["tokenStore"]["enabled"] is False


def test_what_has_a_right_of_its_own_still_arrives() -> None:
    """Event Grid at its webhook, by the key; the gateway's callers, where there is one, by their tokens. So does
    whoever opens the page, whose files are nobody's secret: it is there that people sign in.
    """
    assert shown(SIGN_IN.properties["globalValidation"]["excludedPaths"]) == (
        "isGateway ? concat(webhook, page, gateway) : concat(webhook, page)"
    )
    (webhook,) = variable("app.bicep", "webhook")
    assert shown(variable("events.bicep", "webhook")).endswith(webhook)
    excluded = tuple(path.removesuffix("*") for path in variable("app.bicep", "gateway"))
    triggers = {str(function.get_function_name()): function.get_trigger() for function in functions()}
    by_name = {name: f"/{one.route}" for name, one in triggers.items() if isinstance(one, HttpTrigger)}
    routes = set(by_name.values())
    opened = {name for name, route in by_name.items() if route.startswith(excluded)}
    assert opened == {name for name in by_name if name.startswith("arm_")}
    assert not [route for route in routes if route.startswith(webhook)]
    assert variable("app.bicep", "page") == ["/ui", "/ui/*"]
    assert {route for route in routes if route.startswith("/ui")} == {"/ui/{*path}", "/ui/sign-in.json"}


def test_there_is_no_other_configuration_of_the_site() -> None:
    """One that is forgotten here would be deployed unseen."""
    assert resources("Microsoft.Web/sites/config") == [SIGN_IN]
