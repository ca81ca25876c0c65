"""Publish a pay task for each command id on standard input, as the view does after its commit.

The queue is the first argument: a held-back one, which the benchmark then renames, so that a worker finds all tasks at
once and nobody publishes while it works.
"""

import sys

import django

from bench.ordinary.celery import app

if __name__ == "__main__":
    django.setup()
    queue = sys.argv[1]
    with app.connection_for_write() as connection:
        for line in sys.stdin:
            app.send_task("bench.ordinary.tasks.pay", (line.strip(),), queue=queue, connection=connection)
