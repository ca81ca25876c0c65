"""The database defends itself: what no code and no hand may do, refused by triggers.

Plain SQL: each trigger's WHEN clause is the breach itself, so a lawful row never calls a function and a batch pays
next to nothing for its guards.
"""

from django.db import migrations

_REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: %', TG_TABLE_NAME, TG_ARGV[0] USING ERRCODE = 'check_violation';
END $$;
"""

_APPEND_ONLY = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION refuse('a ledger is append-only');
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION refuse('a ledger is append-only');
"""

# The moves of domain/workflow.py; a test compares the two, move by move.
_ORDERS = """
CREATE TRIGGER orders_moves BEFORE UPDATE ON orders FOR EACH ROW
    WHEN (OLD.status <> NEW.status AND (OLD.workflow, OLD.status, NEW.status) NOT IN (
        ('counter', 'draft', 'paid'), ('counter', 'draft', 'cancelled'), ('counter', 'paid', 'cancelled'),
        ('fulfilment', 'pending', 'confirmed'), ('fulfilment', 'confirmed', 'picked'),
        ('fulfilment', 'picked', 'shipped'), ('fulfilment', 'shipped', 'delivered'),
        ('fulfilment', 'pending', 'cancelled'), ('fulfilment', 'confirmed', 'cancelled')))
    EXECUTE FUNCTION refuse('the workflow has no such move');
CREATE TRIGGER orders_births BEFORE INSERT ON orders FOR EACH ROW
    WHEN ((NEW.workflow, NEW.status) NOT IN (('counter', 'draft'), ('fulfilment', 'pending')) OR NEW.version <> 1)
    EXECUTE FUNCTION refuse('an order begins as a draft or pending, at version 1');
CREATE TRIGGER orders_versions BEFORE UPDATE ON orders FOR EACH ROW
    WHEN (NEW.version <> OLD.version + 1)
    EXECUTE FUNCTION refuse('the version rises by one with every change');
CREATE TRIGGER orders_frozen BEFORE UPDATE ON orders FOR EACH ROW
    WHEN (OLD.status <> 'draft' AND (OLD.total, OLD.currency) IS DISTINCT FROM (NEW.total, NEW.currency))
    EXECUTE FUNCTION refuse('total and currency are frozen');
CREATE TRIGGER orders_identity BEFORE UPDATE ON orders FOR EACH ROW
    WHEN ((OLD.id, OLD.workflow, OLD.created_at) IS DISTINCT FROM (NEW.id, NEW.workflow, NEW.created_at)
          OR (OLD.archived AND NOT NEW.archived))
    EXECUTE FUNCTION refuse('id, workflow, time of creation and archiving never change');
CREATE TRIGGER orders_kept BEFORE DELETE ON orders FOR EACH ROW
    EXECUTE FUNCTION refuse('orders are never deleted');
"""

# Lines of a pending fulfilment order are inserted with it, at version 1; later only a draft's lines may change.
_LINES = """
CREATE FUNCTION refuse_frozen_line() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    parent uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.order_id ELSE NEW.order_id END;
BEGIN
    PERFORM 1 FROM orders WHERE id = parent
        AND (status = 'draft' OR (TG_OP = 'INSERT' AND workflow = 'fulfilment' AND xmin = pg_current_xact_id()::xid));
    IF NOT FOUND OR (TG_OP = 'UPDATE' AND OLD.order_id <> NEW.order_id) THEN
        RAISE EXCEPTION 'order_line: the lines of order % are frozen', parent USING ERRCODE = 'check_violation';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER order_line_frozen BEFORE INSERT OR UPDATE OR DELETE ON order_line
    FOR EACH ROW EXECUTE FUNCTION refuse_frozen_line();
"""

_COMMANDS = """
CREATE TRIGGER command_final BEFORE UPDATE ON command FOR EACH ROW
    WHEN (OLD.status IN ('succeeded', 'cancelled', 'expired') AND OLD IS DISTINCT FROM NEW)
    EXECUTE FUNCTION refuse('a finished command never changes');
CREATE TRIGGER command_failed BEFORE UPDATE ON command FOR EACH ROW
    WHEN (OLD.status = 'failed' AND OLD IS DISTINCT FROM NEW AND NOT (
        NEW.status = 'queued' AND OLD.error ->> 'code' IN ('poisoned', 'internal-error')))
    EXECUTE FUNCTION refuse('a failed command changes by a retry alone');
CREATE TRIGGER command_identity BEFORE UPDATE ON command FOR EACH ROW
    WHEN ((OLD.id, OLD.lane, OLD.type, OLD.client_id, OLD.idempotency_key, OLD.body_hash, OLD.order_id, OLD.payload,
           OLD.expected_version, OLD.expires_at, OLD.not_before, OLD.occurred_at, OLD.device_sequence,
           OLD.traceparent, OLD.accepted_at)
          IS DISTINCT FROM
          (NEW.id, NEW.lane, NEW.type, NEW.client_id, NEW.idempotency_key, NEW.body_hash, NEW.order_id, NEW.payload,
           NEW.expected_version, NEW.expires_at, NEW.not_before, NEW.occurred_at, NEW.device_sequence,
           NEW.traceparent, NEW.accepted_at))
    EXECUTE FUNCTION refuse('what was asked never changes');
CREATE TRIGGER command_kept BEFORE DELETE ON command FOR EACH ROW
    EXECUTE FUNCTION refuse('commands are never deleted');
CREATE TRIGGER command_no_truncate BEFORE TRUNCATE ON command FOR EACH STATEMENT
    EXECUTE FUNCTION refuse('commands are never deleted');
"""

_PAYMENTS = """
CREATE TRIGGER payment_frozen BEFORE UPDATE ON payment FOR EACH ROW
    WHEN ((OLD.id, OLD.order_id, OLD.command_id, OLD.method, OLD.amount, OLD.tendered, OLD.currency, OLD.created_at)
          IS DISTINCT FROM
          (NEW.id, NEW.order_id, NEW.command_id, NEW.method, NEW.amount, NEW.tendered, NEW.currency, NEW.created_at)
          OR (OLD.status, NEW.status) NOT IN (('captured', 'captured'), ('captured', 'refunded')))
    EXECUTE FUNCTION refuse('only a captured payment changes, to refunded');
CREATE TRIGGER payment_kept BEFORE DELETE ON payment FOR EACH ROW
    EXECUTE FUNCTION refuse('payments are never deleted');
CREATE TRIGGER payment_no_truncate BEFORE TRUNCATE ON payment FOR EACH STATEMENT
    EXECUTE FUNCTION refuse('payments are never deleted');
"""

# Room on the page for the one update each row gets, and a vacuum that comes early: open rows are few, dead ones many.
_STORAGE = """
ALTER TABLE command SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE command SET (autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE orders SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE product SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE lane SET (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
ALTER TABLE attempt SET UNLOGGED;
ALTER TABLE attempt SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
INSERT INTO lane (id) SELECT generate_series(0, 1023);
"""


class Migration(migrations.Migration):
    """Triggers, storage parameters and the lanes."""

    dependencies = [("store", "0001_initial")]

    operations = [
        migrations.RunSQL(_REFUSE, "DROP FUNCTION refuse CASCADE"),
        migrations.RunSQL(
            "".join(_APPEND_ONLY.format(table=table) for table in ("order_history", "stock_movement")),
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(_ORDERS, migrations.RunSQL.noop),
        migrations.RunSQL(_LINES, "DROP FUNCTION refuse_frozen_line CASCADE"),
        migrations.RunSQL(_COMMANDS, migrations.RunSQL.noop),
        migrations.RunSQL(_PAYMENTS, migrations.RunSQL.noop),
        migrations.RunSQL(_STORAGE, migrations.RunSQL.noop),
    ]
