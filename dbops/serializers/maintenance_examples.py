"""What the endpoints of maintenance answered, for the schema's examples; the longest lists are cut short."""

from typing import Any

STARTED: dict[str, Any] = {
    "run_id": 41,
    "status": "queued",
    "status_url": "http://localhost:5000/api/v1/runs/41/",
}
REPORT: dict[str, Any] = {
    "run_id": 41,
    "timestamp": "2026-11-24T22:03:40.981568Z",
    "dry_run": False,
    "tasks": {
        "cleanup": {
            "status": "success",
            "details": [
                {"name": "audit-log", "status": "success", "records_cleaned": 2},
                {"name": "sessions", "status": "success", "records_cleaned": 12},
                {"name": "security-events", "status": "success", "records_cleaned": 0},
            ],
            "records_cleaned": 14,
        },
        "indexes": {
            "status": "success",
            "details": [
                {
                    "index": "heap_index",
                    "reason": "",
                    "status": "success",
                    "bytes_after": 270336,
                    "bytes_before": 2506752,
                }
            ],
            "indexes_optimized": 1,
        },
        "statistics": {
            "status": "success",
            "details": [
                {"table": "heap", "status": "success"},
                {"table": "auth_permission", "status": "success"},
            ],
            "tables_updated": 9,
        },
        "backups": {
            "status": "skipped",
            "details": [],
            "reason": "Nothing here verifies backups.",
            "backups_verified": 0,
        },
    },
    "recommendations": ["Review monitoring alerts for any patterns"],
}
MAINTAINED = {**STARTED, "status": "succeeded", **REPORT}
STATUS = {
    "timestamp": REPORT["timestamp"],
    "tasks": REPORT["tasks"],
    "recommendations": REPORT["recommendations"],
    "history": [REPORT],
}
