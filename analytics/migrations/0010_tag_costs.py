from django.db import migrations

# What is answered by tag is a part of the costs, and of their version.
EVENTS = (("insert", "NEW"), ("update", "NEW"), ("delete", "OLD"), ("truncate", None))


def triggers():
    """Yield the statements that create the triggers, by their names."""
    for event, rows in EVENTS:
        shown = f" REFERENCING {rows} TABLE AS changed" if rows else ""
        arguments = "'costs', 'rows'" if rows else "'costs'"
        name = f"analytics_data_{event}"
        yield name, (
            f"CREATE TRIGGER {name} AFTER {event.upper()} ON daily_tag_costs{shown}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION analytics_data_changed({arguments})"
        )


class Migration(migrations.Migration):
    dependencies = [("analytics", "0009_budgets"), ("collectors", "0008_tag_costs")]
    operations = [
        migrations.RunSQL(statement, f"DROP TRIGGER {name} ON daily_tag_costs")
        for name, statement in triggers()
    ]
