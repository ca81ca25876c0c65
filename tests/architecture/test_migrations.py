"""The migrations say what the models say."""

from django.apps import apps
from django.core.management import call_command
from django.db import connection, models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState


def changes(now: ProjectState) -> set[str]:
    """The apps whose models are not what their migrations say."""
    loader = MigrationLoader(None)
    return set(MigrationAutodetector(loader.project_state(), now).changes(graph=loader.graph))


def test_no_migration_is_missing() -> None:
    assert "store" not in changes(ProjectState.from_apps(apps))


def test_the_check_sees_a_model_that_has_changed() -> None:
    state = ProjectState.from_apps(apps)
    state.models["store", "product"].fields["colour"] = models.TextField(default="")
    assert changes(state) == {"store"}


def test_makemigrations_has_nothing_to_do(database: None) -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_django_has_nothing_to_complain_about(database: None) -> None:
    call_command("check", fail_level="WARNING", databases=["default"])


def test_every_lane_has_its_row(database: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), min(id), max(id) FROM lane")
        assert cursor.fetchone() == (1024, 0, 1023)
