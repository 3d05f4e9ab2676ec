"""Examples of answers for the schema: real ones, shortened."""

from core.examples import answered

_SLOW = {
    "title": "Make statement 5191732810777595558 faster",
    "severity": "warning",
    "evidence": "41 calls in the last day took 1202 ms on average: SELECT … WHERE note = $1",
    "sql": "EXPLAIN (GENERIC_PLAN) SELECT count(*) FROM orders WHERE note = $1;",
    "effect": "Its plan tells what it waits for; an index or fresh statistics may spare it.",
}
_BACKUP = {
    "title": "Have a backup verified",
    "severity": "warning",
    "evidence": "No backup was ever restored and found equal.",
    "sql": None,
    "effect": "POST /api/v1/database/automation/maintenance/run dumps, restores and compares.",
}
_UNUSED = {
    "title": "Drop the unused index orders_shop_id",
    "severity": "info",
    "evidence": (
        "0 scans of it (3.0 MB) in the 5.2 hours for which scans were counted, too short to be sure. "
        "Scans on standby servers are not counted here."
    ),
    "sql": 'DROP INDEX CONCURRENTLY "orders_shop_id";',
    "effect": "Frees 3.0 MB, and each write to orders has one index less to keep.",
}
RECOMMENDATIONS = answered(
    {
        "recommendations": [_SLOW, _BACKUP, _UNUSED],
        "unknown": [
            {
                "subject": "pool limits",
                "reason": "312 minutes of the last day were observed; it takes 720.",
            }
        ],
    }
)

OPTIMIZATION = answered(
    {
        "timestamp": "2026-11-24T22:07:13.314690Z",
        "done": [
            {"task": "statistics", "status": "success", "detail": "Analysed 1 tables: orders."},
            {
                "task": "statements",
                "status": "success",
                "detail": (
                    "38 statements were counted in this hour and the one before; the most costly, "
                    "5191732810777595558, took 49.3 s in 41 calls."
                ),
            },
            {"task": "advice", "status": "success", "detail": "3 recommendations."},
            {"task": "thresholds", "status": "success", "detail": "The thresholds stay as they are."},
            {
                "task": "analytics cache",
                "status": "skipped",
                "detail": "No analytics answer was asked for.",
            },
        ],
        "proposed": [_SLOW, _BACKUP, _UNUSED],
    }
)

REPORT = answered(
    {
        "period": {
            "start": "2026-11-24T21:07:13.257718Z",
            "end": "2026-11-24T22:07:13.257718Z",
            "hours": 1.0,
        },
        "coverage": {
            "observations": 57,
            "expected": 60,
            "share": 0.95,
            "reason": "3 of 60 minutes were not observed.",
        },
        "pool": {
            "utilization": {"average": 0.41, "p95": 0.85, "maximum": 1.0},
            "waiting_minutes": 2,
            "smallest_size": 20,
            "largest_size": 35,
            "reason": "",
        },
        "health": {
            "average": 93.4,
            "minimum": 71,
            "minimum_at": "2026-11-24T21:31:00Z",
            "reason": "",
        },
        "statements": {
            "slowest": [
                {
                    "query_id": "5191732810777595558",
                    "query": "SELECT count(*) FROM orders WHERE note = $1",
                    "calls": 41,
                    "mean_ms": 1202.271,
                    "total_ms": 49293.111,
                }
            ],
            "reason": "",
        },
        "cache": {"hit": 0.9975, "blocks": 28287, "reason": ""},
        "size": {
            "bytes": 25163455,
            "growth_bytes": 811008,
            "growth_bytes_a_day": None,
            "reason": "The observations are less than an hour apart: too little for a rate.",
        },
        "scaling": {"applied": 3, "not_applied": 0, "by_action": {"scale_up": 2, "scale_down": 1}},
        "alerts": {
            "opened": [
                {
                    "key": "database:pool",
                    "severity": "warning",
                    "title": "The connection pool is nearly used up",
                    "opened_at": "2026-11-24T21:29:07.114000Z",
                    "resolved_at": "2026-11-24T21:36:07.091000Z",
                }
            ],
            "resolved": 1,
            "open_at_end": 0,
        },
        "backups": {
            "verified": 0,
            "failed": 0,
            "latest_verified_at": None,
            "restore_s": None,
            "reason": "No backup was restored and found equal in this period.",
        },
        "maintenance": {"runs": 0, "failed_tasks": [], "optimizations": 1},
    }
)
