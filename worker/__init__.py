"""Celery: tasks of a few lines that drain lanes, sweep, and ring."""
