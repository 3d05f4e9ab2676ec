"""Metric samples: partitioned by day, added up to hours and days as they are written."""
