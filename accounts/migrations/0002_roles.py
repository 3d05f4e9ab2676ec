from django.db import migrations


def make_groups(apps, schema_editor):
    """Make the groups that give a role, where an administrator has not made them already."""
    group = apps.get_model("auth", "Group")
    for name in ("viewer", "operator"):
        group.objects.get_or_create(name=name)


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        # Undone, the groups stay: they say who had which role.
        migrations.RunPython(make_groups, migrations.RunPython.noop),
    ]
