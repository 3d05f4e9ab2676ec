"""Holding what billing files say of an account's day against what Cost Explorer says."""

from datetime import date, datetime

from django.db import connection

from collectors import bulk
from collectors.models import Basis, CostSource, DailyCost, Reconciliation

_COLUMNS = ("account_id", "date", "unit", "files_amount", "explorer_amount", "difference", "compared_at")
_KEY = _COLUMNS[:3]


def reconcile(since: date, now: datetime) -> int:
    """Compare all days from `since` on of which both tell, and return how many; for use in a transaction.

    A day of which only one tells is not compared: what the other does not know is not zero.
    """
    query = f"""
        SELECT account_id, date, unit, files, explorer, files - explorer, %s::timestamptz
        FROM (
            SELECT account_id, date, unit,
                sum(amount) FILTER (WHERE source = '{CostSource.FILES}') AS files,
                sum(amount) FILTER (WHERE source = '{CostSource.EXPLORER}') AS explorer
            FROM {DailyCost._meta.db_table} WHERE basis = '{Basis.UNBLENDED}' AND date >= %s
            GROUP BY account_id, date, unit
        ) days WHERE files IS NOT NULL AND explorer IS NOT NULL"""
    with bulk.selected(Reconciliation, _COLUMNS, query, [now, since], key=_KEY) as stage:
        stage.upsert(in_order=True)
        with connection.cursor() as cursor:
            cursor.execute(
                f"""DELETE FROM {stage.target} t WHERE date >= %s
                AND NOT EXISTS (SELECT FROM {stage.table} s WHERE {stage.matches})""",
                [since],
            )
    return stage.rows
