SELECT (
    SELECT count(*) FROM pipelines_step AS step JOIN pipelines_run AS run ON run.id = step.run_id
    WHERE (step.status = 'running' AND step.lease_until IS NOT NULL OR step.status = 'queued' AND (step.not_before IS NULL OR step.not_before <= statement_timestamp())) AND (run.pipeline NOT IN ('scale') OR step.lost_workers > 0)
) + (
    SELECT count(*) FROM pipelines_run AS run
    WHERE (run.status = 'running' AND run.lease_until IS NOT NULL OR run.status = 'queued' AND (run.not_before IS NULL OR run.not_before <= statement_timestamp())) AND (run.pipeline NOT IN ('scale') OR run.lost_workers > 0)
    AND NOT EXISTS (SELECT 1 FROM pipelines_run AS child WHERE child.parent_id = run.id)
    AND NOT EXISTS (
        SELECT 1 FROM pipelines_run AS elder
        WHERE elder.parent_id = run.parent_id AND elder.position < run.position
        AND elder.status IN ('queued', 'running')
    )
) + 2 * coalesce((SELECT extra_workers FROM pipelines_capacity), 0)
