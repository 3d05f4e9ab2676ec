"""Examples of answers for the schema, shortened from real ones."""

from core.examples import answered

RECOMMENDATIONS = answered({"recommendations": [], "unknown": []})
OPTIMIZATION = answered({"timestamp": "2026-03-01T12:00:00Z", "done": [], "proposed": []})
REPORT = answered({})
