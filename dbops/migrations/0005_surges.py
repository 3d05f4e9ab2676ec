from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("dbops", "0002_pg_stat_statements")]

    operations = [
        migrations.AddField(
            model_name="loadhour",
            name="surge",
            field=models.FloatField(
                help_text="The most that demand rose at once above all of the hour before it, in connections.",
                null=True,
            ),
        ),
    ]
