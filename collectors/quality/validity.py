"""Whether what is there can be so: bounds, currencies, dates, and lines of billing files that are broken."""

from datetime import datetime

from collectors.quality.slots import bounds, judged
from pipelines.quality.scores import Finding
from pipelines.windows import Window

_INSTANCES = """
    SELECT 1 AS slots, CASE WHEN wrong.how = '' THEN 0 ELSE 1 END AS bad,
        i.instance_id AS subject, wrong.how AS detail
    FROM ec2_instances i
    CROSS JOIN LATERAL (SELECT concat_ws(', ',
        CASE WHEN i.state NOT IN
            ('pending', 'running', 'shutting-down', 'terminated', 'stopping', 'stopped')
            THEN concat('the state is ', i.state) END,
        CASE WHEN i.last_seen < i.first_seen THEN 'last seen before it was first seen' END,
        CASE WHEN i.last_seen > %(now)s THEN concat('last seen in the future: ', i.last_seen) END,
        CASE WHEN i.launched_at > %(now)s THEN concat('launched in the future: ', i.launched_at) END
    )) wrong (how)
    WHERE i.gone_at IS NULL OR i.gone_at >= %(since)s
"""

# NaN is more than any number for PostgreSQL.
_COSTS = """
    SELECT 1 AS slots, CASE WHEN wrong.how = '' THEN 0 ELSE 1 END AS bad,
        concat_ws(' ', a.account_id, c.date, nullif(c.service, ''), nullif(c.region, '')) AS subject,
        wrong.how AS detail
    FROM daily_costs c JOIN collectors_cloudaccount a ON a.id = c.account_id
    CROSS JOIN LATERAL (SELECT concat_ws(', ',
        CASE WHEN c.amount IN ('NaN', 'Infinity', '-Infinity') THEN concat('the amount is ', c.amount) END,
        CASE WHEN c.unit !~ '^[A-Z]{3}$' THEN concat('no currency: ', quote_literal(c.unit)) END,
        CASE WHEN c.date > %(today)s THEN 'a day of the future' END
    )) wrong (how)
    WHERE c.date >= %(start)s AND (c.date < %(end)s OR c.date > %(today)s)
"""

_LINES = """
    SELECT n.lines AS slots, f.quarantined AS bad, f.key AS subject,
        concat(f.quarantined, ' of ', n.lines, ' lines are broken', first.why) AS detail
    FROM collectors_billingfile f
    CROSS JOIN LATERAL (SELECT greatest(f.lines, f.quarantined)) n (lines)
    LEFT JOIN LATERAL (
        SELECT concat('; line ', q.line, ': ', q.reason) FROM collectors_quarantinedline q
        WHERE q.file_id = f.id ORDER BY q.line LIMIT 1
    ) first (why) ON f.quarantined > 0
    WHERE f.state IN ('staged', 'active') AND f.read_at >= %(since)s
"""

# A file that failed is tried by each run that finds its manifest, and fails until it is replaced.
_FILES = """
    SELECT 1 AS slots, CASE WHEN f.state = 'failed' THEN 1 ELSE 0 END AS bad, f.key AS subject,
        concat('not readable: ', f.error) AS detail
    FROM collectors_billingfile f JOIN collectors_billingmanifest m ON m.id = f.manifest_id
    WHERE (f.state IN ('staged', 'active') AND f.read_at >= %(since)s)
        OR (f.state = 'failed' AND m.seen_at >= %(since)s)
"""

_CPU = """
    SELECT 1 AS slots, CASE WHEN wrong.how = '' THEN 0 ELSE 1 END AS bad,
        concat_ws(' ', c.instance_id, c.date) AS subject, wrong.how AS detail
    FROM cpu_metrics c
    CROSS JOIN LATERAL (SELECT concat_ws(', ',
        CASE WHEN c.average_cpu NOT BETWEEN 0 AND 100 THEN concat('average ', c.average_cpu, ' %%') END,
        CASE WHEN c.maximum_cpu NOT BETWEEN 0 AND 100 THEN concat('maximum ', c.maximum_cpu, ' %%') END,
        CASE WHEN c.coverage NOT BETWEEN 0 AND 1 THEN concat('coverage ', c.coverage) END,
        CASE WHEN c.date > %(today)s THEN 'a day of the future' END
    )) wrong (how)
    WHERE c.date >= %(start)s AND (c.date < %(end)s OR c.date > %(today)s)
"""

_SAMPLES = """
    SELECT 1 AS slots, CASE WHEN wrong.how = '' THEN 0 ELSE 1 END AS bad,
        concat_ws(' ', coalesce(i.instance_id, concat('series ', m.series_id)), m.date) AS subject,
        wrong.how AS detail
    FROM metric_days m JOIN metric_series s ON s.id = m.series_id
    LEFT JOIN ec2_instances i ON i.id = s.instance_id
    CROSS JOIN LATERAL (SELECT concat_ws(', ',
        CASE WHEN m.cpu_min < 0 OR m.cpu_max > 100
            THEN concat('CPU from ', m.cpu_min, ' to ', m.cpu_max, ' %%') END,
        CASE WHEN m.memory_min < 0 OR m.memory_max > 100
            THEN concat('memory from ', m.memory_min, ' to ', m.memory_max, ' %%') END,
        CASE WHEN least(m.network_in_min, m.network_out_min) < 0 THEN 'less than no network traffic' END,
        CASE WHEN m.hours > 24 THEN concat(m.hours, ' hours') END,
        CASE WHEN m.date > %(today)s THEN 'a day of the future' END
    )) wrong (how)
    WHERE m.date >= %(start)s AND (m.date < %(end)s OR m.date > %(today)s)
"""


def instances(window: Window, now: datetime) -> Finding:
    """Look at the states and times of the instances that were there."""
    return judged(_INSTANCES, bounds(window, now), nothing="The inventory is empty.")


def costs(window: Window, now: datetime) -> Finding:
    """Look at amounts, currencies and days of costs."""
    return judged(_COSTS, bounds(window, now), nothing="There are no costs of these days.")


def lines(window: Window, now: datetime) -> Finding:
    """Count the broken lines of the billing files that were read since."""
    return judged(_LINES, bounds(window, now), nothing="No billing file was read.")


def files(window: Window, now: datetime) -> Finding:
    """Count the billing files that could not be read: whole bills, which no number of lines hides."""
    return judged(_FILES, bounds(window, now), nothing="No billing file was found.")


def cpu(window: Window, now: datetime) -> Finding:
    """Look at the figures and days of CPU loads."""
    return judged(_CPU, bounds(window, now), nothing="There are no CPU figures of these days.")


def samples(window: Window, now: datetime) -> Finding:
    """Look at the least and the most of each day's samples."""
    return judged(_SAMPLES, bounds(window, now), nothing="There are no samples of these days.")
