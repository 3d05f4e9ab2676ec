"""The database as migrations leave it, to which each test that commits returns.

Django truncates every table and has each app fill its own again, which takes far longer than most of these
tests. Here the few rows that a test left are deleted, and those that were there at first are copied back.
"""

from django.db import connection, transaction
from django.test import TransactionTestCase


def keep():
    """Keep the rows that there are, and have the tests that commit come back to them."""
    with connection.cursor() as cursor:
        tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
        kept = {table: rows for table in tables if (rows := _rows(cursor, table))}
        partitions = _partitions(cursor)
    deletions = "; ".join(f'DELETE FROM "{table}"' for table in tables)
    TransactionTestCase._fixture_teardown = lambda _case: _restore(deletions, kept, partitions)


def _rows(cursor, table):
    """Return the table's rows as JSON text, if there are any."""
    cursor.execute(f'SELECT json_agg(row)::text FROM "{table}" row')
    return cursor.fetchone()[0]


def _partitions(cursor):
    cursor.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE relkind = 'r'"
    )
    return {name for (name,) in cursor.fetchall()}


def _restore(deletions, kept, partitions):
    """Do all in one transaction: foreign keys are checked at its end."""
    with transaction.atomic(), connection.cursor() as cursor:
        for added in _partitions(cursor) - partitions:
            cursor.execute(f"DROP TABLE {added}")
        cursor.execute(deletions)
        for table, rows in kept.items():
            cursor.execute(
                f'INSERT INTO "{table}" SELECT * FROM json_populate_recordset(NULL::"{table}", %s)', [rows]
            )
