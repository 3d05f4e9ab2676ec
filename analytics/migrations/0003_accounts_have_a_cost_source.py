from django.db import migrations

NEW = (
    "CREATE TRIGGER analytics_data_update AFTER UPDATE OF account_id, enabled, cost_source"
    " ON collectors_cloudaccount FOR EACH STATEMENT EXECUTE FUNCTION analytics_data_changed('accounts')"
)


class Migration(migrations.Migration):
    """Notice, too, when another source of an account's costs is to be answered from."""

    dependencies = [("analytics", "0002_accounts_let_go"), ("collectors", "0006_billing")]
    operations = [migrations.RunSQL(NEW, "DROP TRIGGER analytics_data_update ON collectors_cloudaccount")]
