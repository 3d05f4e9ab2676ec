"""Answers of the API, as they were given."""

from typing import Any

NEW_CHANNEL = {"name": "on call", "kind": "webhook", "target": "https://hooks.example.com/alerts/k3y"}
CHANNEL: dict[str, Any] = {
    "id": 1,
    "name": "on call",
    "kind": "webhook",
    "target": "https://hooks.example.com/…",
    "min_severity": "warning",
    "is_enabled": True,
    "created_by": "operator@example.com",
    "created_at": "2026-11-24T22:05:37.255438Z",
    "last_sent_at": None,
    "last_error": "",
    "warning": "",
}
ALERT: dict[str, Any] = {
    "id": 1,
    "key": "run:ec2:all",
    "state": "open",
    "severity": "error",
    "title": "ec2 (all) failed",
    "body": "111111111111/eu-west-1: AccessDenied",
    "source": "ec2",
    "count": 1,
    "opened_at": "2026-11-24T22:05:37.263985Z",
    "updated_at": "2026-11-24T22:05:37.263988Z",
    "resolved_at": None,
    "acknowledged_at": "2026-11-24T22:05:37.288560Z",
    "acknowledged_by": "operator@example.com",
    "note": "I am on it.",
    "deliveries": [
        {
            "id": "40a4ed4e-7d31-4ea5-b62b-a1ca72ffd026",
            "channel": "on call",
            "event": "opened",
            "state": "sent",
            "attempts": 1,
            "sent_at": "2026-11-24T22:05:37.276441Z",
            "error": "",
        }
    ],
}
TESTED = {"delivered": True, "error": ""}
