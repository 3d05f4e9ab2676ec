from django.db import migrations

OLD = (
    "CREATE TRIGGER analytics_data_update AFTER UPDATE OF account_id, enabled ON collectors_cloudaccount"
    " FOR EACH STATEMENT EXECUTE FUNCTION analytics_data_changed('accounts')"
)


class Migration(migrations.Migration):
    """Let go of a column whose type is about to change, which no trigger may name then."""

    dependencies = [("analytics", "0001_initial")]
    run_before = [("collectors", "0006_billing")]
    operations = [migrations.RunSQL("DROP TRIGGER analytics_data_update ON collectors_cloudaccount", OLD)]
