"""The database as migrations leave it, to which each test that commits returns.

Django truncates every table and has each app fill its own again, which takes far longer than most of these
tests. Here the few rows that a test left are deleted, and those that were there at first are copied back.
"""

from django.db import connection, transaction
from django.test import TransactionTestCase

SCHEMA = "pristine"


def keep():
    """Keep the rows that there are, and have the tests that commit come back to them."""
    with connection.cursor() as cursor:
        tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
        filled = [table for table in tables if _has_rows(cursor, table)]
        cursor.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}")
        for table in filled:
            cursor.execute(f'CREATE TABLE {SCHEMA}."{table}" AS TABLE "{table}"')
    deletions = [f'DELETE FROM "{table}"' for table in tables]
    copies = [f'INSERT INTO "{table}" TABLE {SCHEMA}."{table}"' for table in filled]
    TransactionTestCase._fixture_teardown = lambda _case: _restore([*deletions, *copies])


def _has_rows(cursor, table):
    cursor.execute(f'SELECT EXISTS (SELECT FROM "{table}")')
    return cursor.fetchone()[0]


def _restore(statements):
    """Execute them as one transaction: foreign keys are checked at its end."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("; ".join(statements))
