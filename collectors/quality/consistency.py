"""Whether what several sources tell agrees."""

from datetime import datetime

from collectors.quality.slots import bounds, judged
from pipelines.quality.scores import Finding
from pipelines.windows import Window

# Compared lately counts as well: billing files tell of days long before.
_RECONCILED = """
    SELECT 1 AS slots,
        CASE WHEN abs(r.difference) <= greatest(0.01, 0.01 * abs(r.explorer_amount)) THEN 0 ELSE 1 END AS bad,
        concat_ws(' ', a.account_id, r.date) AS subject,
        concat_ws(' ', 'billing files say', r.files_amount, 'and Cost Explorer', r.explorer_amount, r.unit)
            AS detail
    FROM collectors_reconciliation r JOIN collectors_cloudaccount a ON a.id = r.account_id
    WHERE (r.date >= %(start)s AND r.date < %(end)s) OR r.compared_at >= %(since)s
"""

# Days are compared that both know in whole: one point of difference, or a twentieth.
_LOAD = """
    SELECT 1 AS slots,
        CASE WHEN abs(c.average_cpu - m.cpu_sum / m.cpu_count) <= greatest(1.0, 0.05 * c.average_cpu)
            THEN 0 ELSE 1 END AS bad,
        concat_ws(' ', c.instance_id, c.date) AS subject,
        concat('the day has ', round(c.average_cpu::numeric, 2), ' %% on average, its samples ',
            round((m.cpu_sum / m.cpu_count)::numeric, 2), ' %%') AS detail
    FROM cpu_metrics c
    JOIN metric_series s ON s.instance_id = c.ec2_id
    JOIN metric_days m ON m.series_id = s.id AND m.date = c.date
    WHERE c.date >= %(start)s AND c.date < %(end)s AND NOT c.from_samples AND c.coverage >= 1
        AND m.hours >= 24 AND m.cpu_count > 0
"""

_KNOWN = """
    SELECT 1 AS slots, CASE WHEN wrong.how = '' THEN 0 ELSE 1 END AS bad,
        concat_ws(' ', c.instance_id, c.date) AS subject, wrong.how AS detail
    FROM cpu_metrics c JOIN ec2_instances i ON i.id = c.ec2_id
    CROSS JOIN LATERAL (SELECT concat_ws(', ',
        CASE WHEN c.instance_id <> i.instance_id
            THEN concat('the inventory has ', i.instance_id, ' instead') END,
        CASE WHEN c.date > (i.gone_at AT TIME ZONE 'UTC')::date
            THEN concat('the instance was gone on ', (i.gone_at AT TIME ZONE 'UTC')::date) END
    )) wrong (how)
    WHERE c.date >= %(start)s AND c.date < %(end)s
"""


def reconciled(window: Window, now: datetime) -> Finding:
    """Compare billing files with Cost Explorer: a hundredth, or 0.01, may lie between them."""
    nothing = "No billing file was compared with Cost Explorer."
    return judged(_RECONCILED, bounds(window, now), nothing=nothing)


def load(window: Window, now: datetime) -> Finding:
    """Compare the CPU of a day with its samples."""
    nothing = "No day has both CPU figures and samples of all its hours."
    return judged(_LOAD, bounds(window, now), nothing=nothing)


def known(window: Window, now: datetime) -> Finding:
    """Look for CPU figures of what the inventory does not know, or not on that day any more."""
    return judged(_KNOWN, bounds(window, now), nothing="There are no CPU figures of these days.")
