"""The books: journal entries and postings, balanced, append-only and reversed once, and what they are made from."""

import django.db.models.deletion
import uuid_utils.compat
from django.db import migrations, models

_PAST = """
ALTER TABLE orders DISABLE TRIGGER USER;
UPDATE orders SET paid_by = payment.method FROM payment WHERE payment.order_id = orders.id;
ALTER TABLE orders ENABLE TRIGGER USER;
"""

# An entry is looked at when its transaction commits; then its postings have to be there, and to add up to nothing. No
# posting joins it later: those of one statement are looked at together, which costs a batch a single look.
_BALANCE = """
CREATE FUNCTION refuse_unbalanced_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT (SELECT coalesce(bool_and(total = 0) AND sum(lines) >= 2, false)
            FROM (SELECT sum(amount) AS total, count(*) AS lines FROM posting
                  WHERE entry_id = NEW.id GROUP BY currency) AS sums) THEN
        RAISE EXCEPTION 'journal_entry: % does not balance', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER journal_entry_balanced AFTER INSERT ON journal_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_unbalanced_entry();
CREATE FUNCTION refuse_late_posting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM added LEFT JOIN journal_entry ON journal_entry.id = entry_id
               WHERE journal_entry.xmin IS DISTINCT FROM pg_current_xact_id()::xid) THEN
        RAISE EXCEPTION 'posting: postings come with their entry' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER posting_with_entry AFTER INSERT ON posting REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_late_posting();
"""

_APPEND_ONLY = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW
    EXECUTE FUNCTION refuse('a ledger is append-only');
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT
    EXECUTE FUNCTION refuse('a ledger is append-only');
"""


class Migration(migrations.Migration):
    """Tables, columns, guards."""

    dependencies = [
        ("store", "0008_refunds"),
    ]

    operations = [
        migrations.CreateModel(
            name="JournalEntry",
            fields=[
                ("id", models.UUIDField(default=uuid_utils.compat.uuid7, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=16)),
                ("order_id", models.UUIDField(null=True)),
                ("command_id", models.UUIDField(unique=True)),
                ("occurred_at", models.DateTimeField()),
            ],
            options={
                "db_table": "journal_entry",
            },
        ),
        migrations.CreateModel(
            name="Posting",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "entry_id", "position", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "entry",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="postings",
                        to="store.journalentry",
                    ),
                ),
                ("position", models.IntegerField()),
                ("account", models.CharField(max_length=32)),
                ("amount", models.DecimalField(decimal_places=0, max_digits=30)),
                ("currency", models.CharField(max_length=3)),
            ],
            options={
                "db_table": "posting",
            },
        ),
        migrations.AddField(
            model_name="order",
            name="paid_by",
            field=models.CharField(max_length=16, null=True),
        ),
        migrations.AddField(
            model_name="orderline",
            name="unit_cost",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="product",
            name="cost",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.CheckConstraint(condition=models.Q(("cost__gte", 0)), name="product_cost"),
        ),
        migrations.AddField(
            model_name="journalentry",
            name="reverses",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="reversed_by",
                to="store.journalentry",
            ),
        ),
        migrations.AddIndex(
            model_name="journalentry",
            index=models.Index(
                condition=models.Q(("order_id__isnull", False)),
                fields=["order_id", "id"],
                name="journal_entry_of_order",
            ),
        ),
        migrations.AddIndex(
            model_name="journalentry",
            index=models.Index(fields=["occurred_at", "id"], name="journal_entry_by_time"),
        ),
        migrations.AddIndex(
            model_name="posting",
            index=models.Index(fields=["account", "entry_id"], name="posting_of_account"),
        ),
        migrations.AddConstraint(
            model_name="posting",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "account__in",
                        (
                            "cash",
                            "card_clearing",
                            "provider_clearing",
                            "inventory",
                            "tax_payable",
                            "revenue",
                            "cost_of_goods",
                            "stock_adjustments",
                        ),
                    )
                ),
                name="posting_account",
            ),
        ),
        migrations.AddConstraint(
            model_name="posting",
            constraint=models.CheckConstraint(condition=models.Q(("amount", 0), _negated=True), name="posting_amount"),
        ),
        migrations.RunSQL(_PAST, migrations.RunSQL.noop),
        migrations.RunSQL(_BALANCE, migrations.RunSQL.noop),
        migrations.RunSQL(
            "".join(_APPEND_ONLY.format(table=table) for table in ("journal_entry", "posting")), migrations.RunSQL.noop
        ),
    ]
