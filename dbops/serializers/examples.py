"""What the endpoints of maintenance answered, for the schema's examples."""

STARTED = {
    "run_id": 41,
    "status": "queued",
    "status_url": "http://localhost:5000/api/v1/runs/41/",
}
REPORT = {
    "run_id": 41,
    "timestamp": "2026-11-24T02:00:19.482190Z",
    "dry_run": False,
    "tasks": {},
    "recommendations": [],
}
MAINTAINED = {**STARTED, "status": "succeeded", **REPORT}
STATUS = {
    "timestamp": REPORT["timestamp"],
    "tasks": REPORT["tasks"],
    "recommendations": REPORT["recommendations"],
    "history": [REPORT],
}
