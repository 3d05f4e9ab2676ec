import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("scaling", "0003_one_voice_a_group"),
    ]

    operations = [
        migrations.AlterField(
            model_name="scalingpolicy",
            name="window_s",
            field=models.PositiveIntegerField(
                default=300,
                validators=[
                    django.core.validators.MinValueValidator(120),
                    django.core.validators.MaxValueValidator(3600),
                ],
                verbose_name="window in seconds",
            ),
        ),
    ]
