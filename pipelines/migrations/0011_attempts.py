from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('pipelines', '0010_operations'),
    ]

    operations = [
        migrations.AddField(
            model_name='run',
            name='booked',
            field=models.JSONField(blank=True, default=dict, help_text='Of a run that was resumed: what of its steps its own totals hold already.'),
        ),
        migrations.AddField(
            model_name='run',
            name='claimed_at',
            field=models.DateTimeField(blank=True, help_text='When the present attempt began; started_at is that of the first.', null=True),
        ),
        migrations.AddField(
            model_name='step',
            name='claimed_at',
            field=models.DateTimeField(blank=True, help_text='When the present attempt began; started_at is that of the first.', null=True),
        ),
    ]
