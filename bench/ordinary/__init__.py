"""The ordinary design, for comparison: a DRF view, one ORM row and one Celery task for each command.

Written as a competent developer would write and tune it, and doing the same durable work as Orderly: it is what
`make bench` divides by, so every choice that could go either way was taken in its favour and says so.
"""
