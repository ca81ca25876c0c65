"""The durable side: tables, locks, rows to aggregates and back. Decides nothing."""
