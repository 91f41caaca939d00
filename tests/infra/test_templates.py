"""Do the templates fit together? Not the compiler (the test workflow runs it), but what breaks most often."""

import re

import pytest

from tests.infra.bicep import INFRA, parameter, resources, templates

MODULES = [(file, name) for file, tree in templates().items() for name in tree.get("modules", {})]


@pytest.mark.parametrize(("file", "name"), MODULES)
def test_a_module_gets_what_it_asks_for(file: str, name: str) -> None:
    """Every parameter without a default, and none that it does not know."""
    module = templates()[file]["modules"][name]
    config = module["config"].get("config", module["config"])
    target = module["detail"]["path"]
    declared = templates()[target].get("parameters", {})
    required = {parameter for parameter, tree in declared.items() if tree["default"] is None}
    assert required <= set(config["params"]) <= set(declared)


def test_every_template_is_deployed_by_somebody() -> None:
    """By main.bicep as a module, or by azd itself, or by the hook."""
    used = {module["detail"]["path"] for tree in templates().values() for module in tree.get("modules", {}).values()}
    assert used | {"main.bicep", "events.bicep"} == set(templates())


def test_every_output_that_is_read_is_given() -> None:
    """`storage.outputs.jarsAccountId` needs that output in storage.bicep."""
    paths = {name: module["detail"]["path"] for name, module in templates()["main.bicep"]["modules"].items()}
    read = re.findall(r"(\w+)\.outputs\.(\w+)", (INFRA / "main.bicep").read_text())
    assert read
    for module, output in read:
        assert output in templates()[paths[module]]["outputs"], f"{module}.outputs.{output}"
    given = {(name, output) for name, path in paths.items() for output in templates()[path].get("outputs", {})}
    assert given == set(read)


@pytest.mark.parametrize("file", templates())
def test_nothing_is_declared_in_vain(file: str) -> None:
    """Every parameter and every variable is used."""
    text = re.sub(
        r"(?<!:)//.*|^ *\w+: ", "", (INFRA / file).read_text(), flags=re.MULTILINE
    )  # neither remarks nor keys
    for name in (*templates()[file].get("parameters", {}), *templates()[file].get("variables", {})):
        assert len(re.findall(rf"(?<![\w.]){name}\b", text)) >= 2, name


def test_every_choice_says_what_it_is() -> None:
    """A person reads main.bicep's parameters in the portal and in docs/first-deployment.md."""
    assert all(parameter("main.bicep", name)["description"] for name in templates()["main.bicep"]["parameters"])


def test_no_registry_is_needed() -> None:
    """Plain resources: what is checked offline is what is deployed."""
    assert all(
        module["type"] == "local" for tree in templates().values() for module in tree.get("modules", {}).values()
    )
    assert len(resources()) > 30
