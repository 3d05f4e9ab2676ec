from django.db import migrations, models

# Nobody waits: a part of the version that another transaction holds is skipped, and where all are held, there
# is one more. So there is for a transaction that keeps its snapshot: it may not write over what it cannot see.
# The path is fixed, since whoever writes may have another one, as pg_restore does.
FUNCTION = """
CREATE FUNCTION analytics_data_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_ARGV[1] = 'rows' THEN
        IF NOT EXISTS (SELECT FROM changed) THEN
            RETURN NULL;
        END IF;
    END IF;
    UPDATE analytics_dataversion SET version = version + 1, changed_at = clock_timestamp()
    WHERE id = (
        SELECT id FROM analytics_dataversion WHERE dataset = TG_ARGV[0]
        AND current_setting('transaction_isolation') = 'read committed'
        ORDER BY id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
    );
    IF NOT FOUND THEN
        INSERT INTO analytics_dataversion (dataset, version, changed_at)
        VALUES (TG_ARGV[0], 1, clock_timestamp());
    END IF;
    RETURN NULL;
END
$$"""

# Of what each scan updates, only the columns that answers are made from count.
TABLES = {
    "accounts": ("collectors_cloudaccount", ("account_id", "enabled")),
    "instances": ("ec2_instances", ("account_id", "region", "instance_id")),
    "costs": ("daily_costs", ()),
    "cpu": ("cpu_metrics", ()),
}


def triggers(dataset, table, columns):
    """Yield the statements that create the triggers of a table, by the triggers' names."""
    for event, rows in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD"), ("TRUNCATE", None)):
        # PostgreSQL shows the changed rows to no trigger that is for some columns.
        of = f" OF {', '.join(columns)}" if event == "UPDATE" and columns else ""
        shown = f" REFERENCING {rows} TABLE AS changed" if rows and not of else ""
        arguments = f"'{dataset}', 'rows'" if shown else f"'{dataset}'"
        name = f"analytics_data_{event.lower()}"
        yield name, (
            f"CREATE TRIGGER {name} AFTER {event}{of} ON {table}{shown}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION analytics_data_changed({arguments})"
        )


class Migration(migrations.Migration):
    initial = True
    dependencies = [("collectors", "0005_autoscaler")]
    operations = [
        migrations.CreateModel(
            name="DataVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "dataset",
                    models.CharField(
                        choices=[
                            ("accounts", "Accounts"),
                            ("instances", "Instances"),
                            ("costs", "Costs"),
                            ("cpu", "Cpu"),
                        ],
                        db_index=True,
                        max_length=20,
                    ),
                ),
                ("version", models.BigIntegerField()),
                ("changed_at", models.DateTimeField()),
            ],
        ),
        migrations.RunSQL(FUNCTION, "DROP FUNCTION analytics_data_changed()"),
        *(
            migrations.RunSQL(statement, f"DROP TRIGGER {name} ON {table}")
            for dataset, (table, columns) in TABLES.items()
            for name, statement in triggers(dataset, table, columns)
        ),
        # A version that is unknown keeps answers from being remembered.
        migrations.RunSQL(
            "INSERT INTO analytics_dataversion (dataset, version, changed_at)"
            f" SELECT dataset, 0, clock_timestamp() FROM unnest(ARRAY{list(TABLES)}) AS known (dataset)",
            migrations.RunSQL.noop,
        ),
    ]
