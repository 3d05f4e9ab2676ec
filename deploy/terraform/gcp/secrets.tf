# Secrets without their values: versions are added outside, so that no state and no plan has them.

resource "google_secret_manager_secret" "this" {
  for_each = setunion(local.secrets, local.aws_secrets)

  secret_id = "${local.name}-${lower(replace(each.key, "_", "-"))}"

  replication {
    auto {}
  }

  depends_on = [google_project_service.used]
}

resource "google_secret_manager_secret_iam_member" "runtime" {
  for_each = setunion(local.secrets, local.aws_secrets)

  secret_id = google_secret_manager_secret.this[each.key].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.runtime.member
}

# Memorystore's certificate authority is no secret; this is how a file gets into the containers.
resource "google_secret_manager_secret" "valkey_ca" {
  secret_id = "${local.name}-valkey-ca"

  replication {
    auto {}
  }

  depends_on = [google_project_service.used]
}

resource "google_secret_manager_secret_version" "valkey_ca" {
  secret      = google_secret_manager_secret.valkey_ca.id
  secret_data = join("\n", google_redis_instance.this.server_ca_certs[*].cert)
}

resource "google_secret_manager_secret_iam_member" "runtime_valkey_ca" {
  secret_id = google_secret_manager_secret.valkey_ca.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.runtime.member
}
