"""Whether what is there is there once: two rows that mean the same, which no unique key can know."""

from datetime import datetime

from collectors.quality.slots import bounds, judged
from pipelines.quality.scores import Finding
from pipelines.windows import Window

_INSTANCES = """
    SELECT 1 AS slots, CASE WHEN t.before IS NULL THEN 0 ELSE 1 END AS bad, t.instance_id AS subject,
        concat('in ', t.place, ' and in ', t.before, ' at once') AS detail
    FROM (
        SELECT i.instance_id, p.place, lag(p.place) OVER (PARTITION BY i.instance_id ORDER BY i.id) AS before
        FROM ec2_instances i JOIN collectors_cloudaccount a ON a.id = i.account_id
        CROSS JOIN LATERAL (SELECT concat_ws(' ', a.account_id, i.region)) p (place)
        WHERE i.gone_at IS NULL
    ) t
"""

_COSTS = """
    SELECT 1 AS slots, CASE WHEN t.before IS NULL THEN 0 ELSE 1 END AS bad,
        concat_ws(' ', t.account_id, t.date) AS subject,
        concat(t.words, ' and ', t.before, ' are two spellings of one') AS detail
    FROM (
        SELECT a.account_id, c.date, w.words, lag(w.words) OVER (
            PARTITION BY c.account_id, c.date, lower(btrim(c.service)), lower(btrim(c.region)), c.source,
                c.basis, upper(btrim(c.unit))
            ORDER BY c.id
        ) AS before
        FROM daily_costs c JOIN collectors_cloudaccount a ON a.id = c.account_id
        CROSS JOIN LATERAL (
            SELECT concat_ws(' in ', quote_literal(c.service), quote_literal(c.region), quote_literal(c.unit))
        ) w (words)
        WHERE c.date >= %(start)s AND c.date < %(end)s
    ) t
"""

# What has the same etag and size is the same file.
_FILES = """
    SELECT 1 AS slots, CASE WHEN t.before IS NULL THEN 0 ELSE 1 END AS bad, t.key AS subject,
        concat('counts twice: it is the same file as ', t.before) AS detail
    FROM (
        SELECT f.key, lag(f.key) OVER (PARTITION BY f.etag, f.size ORDER BY f.id) AS before
        FROM collectors_billingfile f WHERE f.state = 'active'
    ) t
"""

_CPU = """
    SELECT 1 AS slots, CASE WHEN t.before IS NULL THEN 0 ELSE 1 END AS bad,
        concat_ws(' ', t.instance_id, t.date) AS subject, 'two instances of that id have figures' AS detail
    FROM (
        SELECT c.instance_id, c.date,
            lag(c.id) OVER (PARTITION BY c.instance_id, c.date ORDER BY c.id) AS before
        FROM cpu_metrics c WHERE c.date >= %(start)s AND c.date < %(end)s
    ) t
"""


def instances(window: Window, now: datetime) -> Finding:
    """Look for an instance that is in two places at once."""
    return judged(_INSTANCES, bounds(window, now), nothing="The inventory is empty.")


def costs(window: Window, now: datetime) -> Finding:
    """Look for the same cost under two spellings."""
    return judged(_COSTS, bounds(window, now), nothing="There are no costs of these days.")


def files(window: Window, now: datetime) -> Finding:
    """Look for a billing file whose lines count twice."""
    return judged(_FILES, bounds(window, now), nothing="No billing file was read.")


def cpu(window: Window, now: datetime) -> Finding:
    """Look for two figures of one instance and day."""
    return judged(_CPU, bounds(window, now), nothing="There are no CPU figures of these days.")
