"""Tables that PostgreSQL partitions, as migrations create them."""

from typing import Any

from django.db import migrations


class CreatePartitioned(migrations.CreateModel):
    """Creates a table that is partitioned by ranges of the second column of its key."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Create the table; its partitions are created where rows are written."""
        column = to_state.apps.get_model(app_label, self.name)._meta.pk.field_names[1]
        plain = type(schema_editor).sql_create_table
        schema_editor.sql_create_table = f"{plain} PARTITION BY RANGE ({column})"
        super().database_forwards(app_label, schema_editor, from_state, to_state)
        del schema_editor.sql_create_table
