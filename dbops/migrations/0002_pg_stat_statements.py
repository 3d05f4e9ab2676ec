"""Creates the extension that counts statements, where the server has it and lets this role do so."""

from django.db import DatabaseError, migrations, transaction


def create(apps, schema_editor):
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_stat_statements'")
        if cursor.fetchone() is None:
            return
        try:
            with transaction.atomic(using=connection.alias):
                cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        except DatabaseError:
            # Without it the automation says that it does not know, and why.
            return


class Migration(migrations.Migration):
    dependencies = [("dbops", "0001_initial")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
