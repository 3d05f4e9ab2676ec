# The daily ETL and the weekly validation, called from outside. The platform's own schedule starts the same runs:
# one of the two is in force, by use_cloud_scheduler. A call that comes while a run is active joins it; one that
# comes after it ended would be a second run, with a bill of its own.

resource "google_cloud_scheduler_job" "daily_etl" {
  name             = "${local.name}-daily-etl"
  description      = "Collects everything and validates it, before 5:00."
  region           = var.region
  schedule         = "30 4 * * *"
  time_zone        = "America/New_York"
  paused           = !var.use_cloud_scheduler
  attempt_deadline = "320s"

  retry_config {
    retry_count          = 3
    max_retry_duration   = "3600s"
    max_backoff_duration = "600s"
    min_backoff_duration = "30s"
    max_doublings        = 4
  }

  http_target {
    http_method = "POST"
    uri         = "${local.urls["etl"]}/execute"
    headers     = { "Content-Type" = "application/json" }
    body        = base64encode(jsonencode({ validate = true }))

    oidc_token {
      service_account_email = google_service_account.scheduler.email
      audience              = local.urls["etl"]
    }
  }

  depends_on = [google_project_service.used]
}

resource "google_cloud_scheduler_job" "weekly_validation" {
  name             = "${local.name}-weekly-validation"
  description      = "Validates the week, on Mondays."
  region           = var.region
  schedule         = "0 5 * * 1"
  time_zone        = "America/New_York"
  paused           = !var.use_cloud_scheduler
  attempt_deadline = "320s"

  retry_config {
    retry_count          = 3
    max_retry_duration   = "3600s"
    max_backoff_duration = "600s"
    min_backoff_duration = "30s"
    max_doublings        = 4
  }

  http_target {
    http_method = "POST"
    uri         = "${local.urls["etl"]}/validate-weekly"
    headers     = { "Content-Type" = "application/json" }

    oidc_token {
      service_account_email = google_service_account.scheduler.email
      audience              = local.urls["etl"]
    }
  }

  depends_on = [google_project_service.used]
}
