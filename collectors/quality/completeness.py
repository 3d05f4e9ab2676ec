"""Whether everything that ought to be there is: accounts, days, regions, instances and hours."""

from datetime import datetime, timedelta

from collectors.quality.slots import NOT_DUE, bounds, due_days, judged, midnight
from pipelines import schedules
from pipelines.quality.scores import Finding
from pipelines.windows import Window

_NO_ACCOUNT = "No account is enabled."
NOT_COLLECTED = "Metric samples are not collected: their schedule is disabled."
_NOTHING_RAN = "No instance of an enabled account ran on these days."

# A scan of an account and region is whole when none of its pages failed. The regions of an account that
# names none are those that it was scanned in; where that failed before any was known, it is one slot.
_SCANS = """
    WITH scans AS (
        SELECT split_part(s.name, '/', 1) AS account_id, split_part(s.name, '/', 2) AS region,
            (r.started_at AT TIME ZONE 'UTC')::date - 1 AS day, bool_and(s.status = 'succeeded') AS is_whole
        FROM pipelines_run r JOIN pipelines_step s ON s.run_id = r.id
        WHERE r.pipeline = 'ec2' AND r.status NOT IN ('queued', 'running')
            AND r.started_at >= %(since)s + interval '1 day' AND r.started_at < %(until)s + interval '1 day'
        GROUP BY r.id, 1, 2, 3
    ), best AS (
        SELECT account_id, region, day, bool_or(is_whole) AS is_whole FROM scans GROUP BY 1, 2, 3
    ), seen AS (
        SELECT DISTINCT account_id, region FROM scans WHERE region <> ''
    ), wanted AS (
        SELECT a.id, a.account_id, a.created_at, r.region
        FROM collectors_cloudaccount a CROSS JOIN LATERAL jsonb_array_elements_text(a.regions) r (region)
        WHERE a.enabled
        UNION ALL
        SELECT a.id, a.account_id, a.created_at, coalesce(s.region, '')
        FROM collectors_cloudaccount a LEFT JOIN seen s ON s.account_id = a.account_id
        WHERE a.enabled AND jsonb_array_length(a.regions) = 0
    )
    SELECT 1 AS slots, CASE WHEN b.is_whole AND w.region <> '' THEN 0 ELSE 1 END AS bad,
        concat_ws(' ', w.account_id, nullif(w.region, ''), d.day) AS subject,
        CASE WHEN b.is_whole IS NULL OR w.region = '' THEN 'not scanned'
            ELSE 'part of the scan failed' END AS detail
    FROM wanted w CROSS JOIN unnest(%(days)s::date[]) d (day)
    LEFT JOIN best b ON b.account_id = w.account_id AND b.region = w.region AND b.day = d.day
    WHERE (w.created_at AT TIME ZONE 'UTC')::date <= d.day + 1
"""

_COSTS = """
    SELECT 1 AS slots, CASE WHEN found.is_there THEN 0 ELSE 1 END AS bad,
        concat_ws(' ', a.account_id, d.day) AS subject, concat('no costs from ', a.cost_source) AS detail
    FROM collectors_cloudaccount a CROSS JOIN unnest(%(days)s::date[]) d (day)
    CROSS JOIN LATERAL (
        SELECT EXISTS (
            SELECT FROM daily_costs c WHERE c.account_id = a.id AND c.date = d.day
            AND c.basis = 'unblended' AND c.source = a.cost_source
        )
    ) found (is_there)
    WHERE a.enabled
"""

# When an instance ran, as far as is known: from its last start on, and if it is gone, up to when it was last
# seen. One that does not run owes nothing, and neither does a day of which it ran for less than an hour.
_RAN = """
    SELECT i.id, i.instance_id, a.account_id, i.region, d.day, ran.since, ran.until
    FROM ec2_instances i JOIN collectors_cloudaccount a ON a.id = i.account_id AND a.enabled
    CROSS JOIN unnest(%(days)s::date[]) d (day)
    CROSS JOIN LATERAL (
        SELECT greatest(coalesce(i.launched_at, i.first_seen), d.day::timestamp AT TIME ZONE 'UTC') AS since,
            least(CASE WHEN i.gone_at IS NOT NULL THEN i.last_seen END,
                (d.day + 1)::timestamp AT TIME ZONE 'UTC') AS until
    ) ran
    WHERE i.state = 'running' AND ran.until - ran.since >= interval '1 hour'
"""

_CPU = f"""
    SELECT 1 AS slots, CASE WHEN c.id IS NULL THEN 1 ELSE 0 END AS bad,
        concat_ws(' ', o.instance_id, o.day) AS subject,
        concat('no CPU figures, though it ran in account ', o.account_id, ', ', o.region) AS detail
    FROM ({_RAN}) o LEFT JOIN cpu_metrics c ON c.ec2_id = o.id AND c.date = o.day
"""

# Of the hours that an instance ran in whole since samples have been collected, those that have any.
_SAMPLES = f"""
    SELECT owed.hours AS slots, greatest(0, owed.hours - coalesce(m.hours, 0)) AS bad,
        concat_ws(' ', o.instance_id, o.day) AS subject,
        concat(least(owed.hours, coalesce(m.hours, 0)), ' of ', owed.hours, ' hours have samples') AS detail
    FROM ({_RAN}) o
    CROSS JOIN LATERAL (
        SELECT floor(extract(epoch FROM o.until - greatest(o.since, %(collected_since)s)) / 3600)::int
    ) owed (hours)
    LEFT JOIN metric_series s ON s.instance_id = o.id
    LEFT JOIN metric_days m ON m.series_id = s.id AND m.date = o.day
    WHERE owed.hours > 0
"""


def scans(window: Window, now: datetime) -> Finding:
    """Look for a whole scan of each enabled account and region, on the day after each day."""
    return _of_days(_SCANS, "inventory", window, now, _NO_ACCOUNT)


def costs(window: Window, now: datetime) -> Finding:
    """Look for a cost of each enabled account on each day."""
    return _of_days(_COSTS, "costs", window, now, _NO_ACCOUNT)


def cpu(window: Window, now: datetime) -> Finding:
    """Look for the CPU figures of each instance on each day that it ran."""
    return _of_days(_CPU, "cpu", window, now, _NOTHING_RAN)


def samples(window: Window, now: datetime) -> Finding:
    """Look for samples of each instance in each hour that it ran, where samples are collected."""
    since = collected_since()
    if since is None:
        return Finding.cannot_tell(NOT_COLLECTED)
    if since >= midnight(window.end) - timedelta(hours=1):
        return Finding.cannot_tell(
            f"Metric samples have been collected only since {since:%Y-%m-%d %H:%M} UTC."
        )
    return _of_days(_SAMPLES, "samples", window, now, _NOTHING_RAN, collected_since=since)


def collected_since() -> datetime | None:
    """Return since when samples have been collected by a schedule; None where they are not."""
    rows = [row for row in schedules.rows_of("metrics") if row.enabled]
    return min((row.start_time for row in rows if row.start_time), default=None)


def _of_days(
    slots: str, dataset: str, window: Window, now: datetime, nothing: str, **params: datetime
) -> Finding:
    days = due_days(dataset, window, now)
    if not days:
        return Finding.cannot_tell(NOT_DUE)
    return judged(slots, {**bounds(window, now), "days": days, **params}, nothing=nothing)
