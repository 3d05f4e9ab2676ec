"""What a cluster's database says, asked without the product's code."""

from contextlib import closing

import psycopg2
from psycopg2.extras import NamedTupleCursor

ACTIVE = ("queued", "running")
_WORK = ("pipelines_run", "pipelines_step")
_EMPTIED = (
    *("pipelines_run", "alerts_alert", "ec2_instances", "ebs_volumes", "metric_series"),
    *("metric_samples", "metric_hours", "scaling_managedinstance"),
)


class Books:
    """Questions to a database that may be restarted meanwhile: each has a connection of its own."""

    def __init__(self, url):
        self._url = url

    def rows(self, query, *values, **named):
        """Return the rows of a query, with names. Raises: psycopg2.OperationalError."""
        with (
            closing(psycopg2.connect(self._url, connect_timeout=2)) as connection,
            connection,
            connection.cursor(cursor_factory=NamedTupleCursor) as cursor,
        ):
            cursor.execute(query, named or values)
            return cursor.fetchall() if cursor.description else []

    def one(self, query, *values):
        """Return the only value of the only row."""
        ((value,),) = self.rows(query, *values)
        return value

    # --- The ledger --------------------------------------------------------------------------
    def runs(self, pipeline="%"):
        """Return the runs of a pipeline, the oldest first."""
        return self.rows("SELECT * FROM pipelines_run WHERE pipeline LIKE %s ORDER BY id", pipeline)

    def steps(self, run_id=None):
        """Return the steps of a run, or of all runs, the oldest first."""
        return self.rows(
            "SELECT * FROM pipelines_step WHERE run_id = %s OR %s ORDER BY id", run_id, not run_id
        )

    def run_of(self, pipeline, slot):
        """Return the pipeline's run of that slot, None when there is none."""
        runs = self.rows(
            "SELECT * FROM pipelines_run WHERE pipeline = %s AND scheduled_for = %s", pipeline, slot
        )
        return runs[0] if runs else None

    def ended(self, pipeline, slot):
        """Return the run of that slot once it has ended."""
        run = self.run_of(pipeline, slot)
        return run if run and run.finished_at else None

    def overlapping_runs(self):
        """Return the pipelines, and the pairs of their runs of one scope, of which both went on at a time."""
        return self.rows(
            "SELECT pipeline, a.id AS first, b.id AS second FROM pipelines_run a"
            " JOIN pipelines_run b USING (pipeline, scope)"
            " WHERE a.id < b.id AND a.started_at < b.finished_at AND b.started_at < a.finished_at"
        )

    def unserved(self, pipeline, *, every_s, since, until):
        """Return the slots of that time without a run that has ended."""
        return [
            slot
            for (slot,) in self.rows(
                """
                SELECT to_timestamp(epoch) FROM generate_series(
                    ceil(extract(epoch FROM %(since)s) / %(every)s) * %(every)s,
                    extract(epoch FROM %(until)s), %(every)s
                ) AS epoch
                WHERE NOT EXISTS (
                    SELECT FROM pipelines_run r
                    WHERE r.pipeline = %(pipeline)s AND r.finished_at IS NOT NULL
                        AND r.scheduled_for = to_timestamp(epoch)
                )""",
                pipeline=pipeline,
                every=every_s,
                since=since,
                until=until,
            )
        ]

    def story(self):
        """Return the last runs, and the steps that have not ended."""
        runs = [f"{run.pipeline} {run.status} {run.error[:300]}" for run in self.runs()[-5:]]
        return runs + [
            f"{one.name} {one.status} attempt {one.attempt} lost {one.lost_workers} by {one.worker}"
            f" lease {one.lease_until} published {one.published_at} not before {one.not_before}"
            for one in self.steps()
            if one.finished_at is None
        ]

    def is_quiet(self):
        """Say whether nothing is queued or running."""
        runs = self.one("SELECT count(*) FROM pipelines_run WHERE status IN %s", ACTIVE)
        steps = self.one("SELECT count(*) FROM pipelines_step WHERE status IN %s", ACTIVE)
        return runs + steps == 0

    def lost_workers(self):
        """Return how often a lease ran out."""
        return self.one(
            "SELECT (SELECT coalesce(sum(lost_workers), 0) FROM pipelines_step)"
            " + (SELECT coalesce(sum(lost_workers), 0) FROM pipelines_run r"
            "    WHERE NOT EXISTS (SELECT FROM pipelines_step s WHERE s.run_id = r.id))"
        )

    def held_by(self, node):
        """Return what a worker holds: what kind, which, and the fence of the claim."""
        return [
            (table, row.id, row.fence)
            for table in _WORK
            for row in self.rows(
                f"SELECT id, fence FROM {table} WHERE status = 'running' AND lease_until IS NOT NULL"
                " AND starts_with(worker, %s)",
                f"{node}/",
            )
        ]

    def still_held(self, claims):
        """Return those of the claims that nobody has taken over, and whose work has not ended."""
        return [
            (table, pk, fence)
            for table, pk, fence in claims
            if self.rows(
                f"SELECT FROM {table} WHERE id = %s AND fence = %s AND finished_at IS NULL", pk, fence
            )
        ]

    def doing(self, node, part):
        """Return how many steps with that part of a name the worker does."""
        return self.one(
            "SELECT count(*) FROM pipelines_step"
            " WHERE status = 'running' AND strpos(name, %s) > 0 AND starts_with(worker, %s)",
            part,
            f"{node}/",
        )

    def open_alerts(self):
        """Return the alerts that nobody has resolved."""
        return self.rows("SELECT * FROM alerts_alert WHERE resolved_at IS NULL ORDER BY id")

    # --- The estate --------------------------------------------------------------------------
    def inventory(self):
        """Return how many instances and volumes there are, present and ever, and instances "first seen"."""
        (found,) = self.rows(
            "SELECT (SELECT count(*) FROM ec2_instances WHERE gone_at IS NULL) AS instances,"
            " (SELECT count(*) FROM ebs_volumes WHERE gone_at IS NULL) AS volumes,"
            " (SELECT count(*) FROM ec2_instances) AS instances_ever,"
            " (SELECT count(*) FROM ebs_volumes) AS volumes_ever,"
            " (SELECT count(*) FROM collectors_instancestatechange) AS first_seen"
        )
        return found._asdict()

    def ever_gone(self):
        """Return how many rows are marked as gone."""
        return self.one(
            "SELECT (SELECT count(*) FROM ec2_instances WHERE gone_at IS NOT NULL)"
            " + (SELECT count(*) FROM ebs_volumes WHERE gone_at IS NOT NULL)"
        )

    def series_with_gaps(self):
        """Return how many series lack a sample of five minutes, of the hour or more up to their mark."""
        return self.one(
            """
            SELECT count(*) FROM (
                SELECT FROM metric_series s LEFT JOIN metric_samples p ON p.series_id = s.id
                GROUP BY s.id
                HAVING count(p.timestamp) < 12
                    OR count(p.timestamp) <> extract(epoch FROM s.read_through - min(p.timestamp)) / 300
                    OR count(p.cpu) <> count(p.timestamp)
                    OR count(p.network_in) <> count(p.timestamp)
            ) AS gaps"""
        )

    def hours_that_differ(self):
        """Return how many hours were not added up from just their samples."""
        return self.one(
            """
            SELECT count(*) FROM metric_hours h
            FULL JOIN (
                SELECT series_id, date_trunc('hour', timestamp) AS hour,
                       count(cpu) AS points, sum(cpu) AS total
                FROM metric_samples GROUP BY 1, 2
            ) s ON s.series_id = h.series_id AND s.hour = h.hour
            WHERE h.cpu_count IS DISTINCT FROM s.points OR abs(h.cpu_sum - s.total) > 0.001"""
        )

    def measured(self):
        """Return how many series there are."""
        return self.one("SELECT count(*) FROM metric_series WHERE read_through IS NOT NULL")

    def connections(self):
        """Return how many clients the server has."""
        return self.one("SELECT count(*) - 1 FROM pg_stat_activity WHERE backend_type = 'client backend'")

    # --- The autoscaler ----------------------------------------------------------------------
    def decisions(self):
        """Return what was decided about each managed instance, and what became of it."""
        return self.rows(
            "SELECT m.instance_id, m.level, d.outcome, d.outcome_detail, d.target"
            " FROM scaling_scalingdecision d JOIN scaling_managedinstance m ON m.id = d.instance_id"
        )

    def asking(self, node):
        """Return the instances for which the worker asks AWS, and has not heard the answer."""
        return self.rows(
            "SELECT m.instance_id FROM pipelines_step s JOIN pipelines_run r ON r.id = s.run_id"
            " JOIN scaling_managedinstance m ON m.instance_id = r.scope"
            " JOIN scaling_scalingdecision d ON d.instance_id = m.id"
            " WHERE d.outcome = 'pending' AND d.target <> '{}' AND s.status = 'running'"
            " AND starts_with(s.worker, %s)",
            f"{node}/",
        )

    # --- Orders ------------------------------------------------------------------------------
    def empty(self):
        """Forget runs, alerts and what was collected; schedules are off again."""
        self.rows(f"TRUNCATE {', '.join(_EMPTIED)} CASCADE")
        self.unschedule()

    def schedule(self, pipeline, *, every_s):
        """Switch the pipeline's schedule on, with slots so many seconds apart."""
        interval = self.one(
            "INSERT INTO django_celery_beat_intervalschedule (every, period) VALUES (%s, 'seconds')"
            " RETURNING id",
            every_s,
        )
        self.rows(
            "UPDATE django_celery_beat_periodictask"
            " SET enabled = true, interval_id = %s, start_time = now(), last_run_at = NULL"
            " WHERE task = 'pipelines.tasks.start_scheduled' AND kwargs::jsonb ->> 'pipeline' = %s",
            interval,
            pipeline,
        )
        self._tell_beats()

    def unschedule(self):
        """Switch all schedules of pipelines off."""
        self.rows(
            "UPDATE django_celery_beat_periodictask SET enabled = false"
            " WHERE task = 'pipelines.tasks.start_scheduled'"
        )
        self._tell_beats()

    def _tell_beats(self):
        self.rows("UPDATE django_celery_beat_periodictasks SET last_update = now()")
