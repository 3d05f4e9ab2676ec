# Three identities: what runs, who calls, who deploys. None has a key.

resource "google_service_account" "runtime" {
  account_id   = "${local.name}-run"
  display_name = "CloudIntel ${var.environment}: its processes"
}

resource "google_service_account" "scheduler" {
  account_id   = "${local.name}-call"
  display_name = "CloudIntel ${var.environment}: Cloud Scheduler's calls"
}

resource "google_service_account" "deployer" {
  account_id   = "${local.name}-deploy"
  display_name = "CloudIntel ${var.environment}: deployments"
}

# The runtime's other rights are on single secrets (secrets.tf) and on the topic (notifications.tf). The
# scheduler has none: its name in the token is all that it needs, which the platform checks itself.

resource "google_artifact_registry_repository_iam_member" "deployer" {
  repository = google_artifact_registry_repository.images.name
  location   = var.region
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.deployer.member
}

# Terraform looks at everything before it changes anything.
resource "google_project_iam_member" "deployer_looks" {
  for_each = toset([
    "artifactregistry.reader", "browser", "cloudscheduler.viewer", "cloudsql.viewer", "compute.networkViewer",
    "iam.securityReviewer", "iam.serviceAccountViewer", "pubsub.viewer", "redis.viewer", "run.viewer",
    "secretmanager.viewer", "serviceusage.serviceUsageViewer", "vpcaccess.viewer",
  ])

  project = var.project_id
  role    = "roles/${each.key}"
  member  = google_service_account.deployer.member
}

# The provider reads Memorystore's password with the rest of it, which no role for looking allows.
resource "google_project_iam_custom_role" "reads_valkey_password" {
  role_id     = "cloudintel_${var.environment}_reads_valkey_password"
  title       = "Reads the password of CloudIntel ${var.environment}'s Memorystore"
  permissions = ["redis.instances.getAuthString"]
}

resource "google_project_iam_member" "deployer_reads_valkey_password" {
  project = var.project_id
  role    = google_project_iam_custom_role.reads_valkey_password.id
  member  = google_service_account.deployer.member
}

resource "google_secret_manager_secret_iam_member" "deployer_valkey_ca" {
  secret_id = google_secret_manager_secret.valkey_ca.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.deployer.member
}

# A new image on what exists, and traffic back to the one before. Changes of the rest are an administrator's.
resource "google_cloud_run_v2_service_iam_member" "deployer" {
  for_each = var.run_services ? local.http : {}

  name     = google_cloud_run_v2_service.http[each.key].name
  location = var.region
  role     = "roles/run.developer"
  member   = google_service_account.deployer.member
}

resource "google_cloud_run_v2_worker_pool_iam_member" "deployer" {
  for_each = var.run_services ? local.workers : {}

  name     = google_cloud_run_v2_worker_pool.worker[each.key].name
  location = var.region
  role     = "roles/run.developer"
  member   = google_service_account.deployer.member
}

resource "google_cloud_run_v2_job_iam_member" "deployer" {
  count = var.run_services ? 1 : 0

  name     = google_cloud_run_v2_job.migrate[0].name
  location = var.region
  role     = "roles/run.developer"
  member   = google_service_account.deployer.member
}

# It starts processes that act as the runtime, and those of no other identity.
resource "google_service_account_iam_member" "deployer_as_runtime" {
  service_account_id = google_service_account.runtime.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.deployer.member
}

resource "google_service_account_iam_member" "deployers" {
  for_each = var.deployers

  service_account_id = google_service_account.deployer.name
  role               = "roles/iam.workloadIdentityUser"
  member             = each.key
}
