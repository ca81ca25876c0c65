"""A process begins to be seen: by its name in PostgreSQL, in traces and in `/metrics`. After its last fork."""

from django.db import connections

from store import metrics, traces

KINDS = ("web", "worker", "courier", "payments", "sweeper")


def start(kind: str) -> None:
    """This process is one of `KINDS`; connections opened from now on say so."""
    connections.settings["default"]["OPTIONS"]["application_name"] = f"orderly-{kind}"
    metrics.tidy()
    traces.start(f"orderly-{kind}")


def stop() -> None:
    """Send the last spans."""
    traces.stop()
