locals {
  # The same image twice: `web` answers people, many at once; `etl` takes the calls that start pipelines, one
  # at a time an instance, and from inside the project only. That there is one ETL at a time does not rest on
  # this: the run ledger sees to it in the database.
  http = {
    web = { concurrency = var.web_concurrency, ingress = "INGRESS_TRAFFIC_ALL" }
    etl = { concurrency = 1, ingress = "INGRESS_TRAFFIC_INTERNAL_ONLY" }
  }

  valkey_ca = "/etc/cloudintel/valkey"
}

resource "google_cloud_run_v2_service" "http" {
  for_each = var.run_services ? local.http : {}

  name                = "${local.name}-${each.key}"
  location            = var.region
  ingress             = each.value.ingress
  deletion_protection = var.deletion_protection
  # The platform checks tokens itself. Where Cloud Run does, it takes the signature away before it passes a
  # token on, and nobody could check it again.
  invoker_iam_disabled = true

  template {
    service_account                  = google_service_account.runtime.email
    timeout                          = "${var.timeout_s}s"
    max_instance_request_concurrency = each.value.concurrency

    scaling {
      min_instance_count = var.min_instances
      max_instance_count = var.max_instances
    }

    vpc_access {
      connector = google_vpc_access_connector.this.id
      egress    = "PRIVATE_RANGES_ONLY"
    }

    volumes {
      name = "valkey-ca"

      secret {
        secret = google_secret_manager_secret.valkey_ca.secret_id

        items {
          path    = "ca.pem"
          version = "latest"
        }
      }
    }

    containers {
      name    = each.key
      image   = var.image
      command = ["/app/scripts/start-server.sh"]

      resources {
        limits            = { cpu = var.cpu, memory = var.memory }
        cpu_idle          = true
        startup_cpu_boost = true
      }

      ports {
        container_port = 5000
      }

      volume_mounts {
        name       = "valkey-ca"
        mount_path = local.valkey_ca
      }

      startup_probe {
        period_seconds    = 2
        timeout_seconds   = 2
        failure_threshold = 30

        http_get {
          path = "/livez"

          http_headers {
            name  = "Host"
            value = trimprefix(local.urls[each.key], "https://")
          }
        }
      }

      liveness_probe {
        period_seconds    = 30
        timeout_seconds   = 5
        failure_threshold = 3

        http_get {
          path = "/livez"

          http_headers {
            name  = "Host"
            value = trimprefix(local.urls[each.key], "https://")
          }
        }
      }

      dynamic "env" {
        for_each = local.settings

        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = local.secrets

        content {
          name = env.key

          value_source {
            secret_key_ref {
              secret  = google_secret_manager_secret.this[env.key].secret_id
              version = "latest"
            }
          }
        }
      }
    }
  }

  traffic {
    type    = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
    percent = 100
  }

  depends_on = [
    google_secret_manager_secret_iam_member.runtime,
    google_secret_manager_secret_iam_member.runtime_valkey_ca,
    google_secret_manager_secret_version.valkey_ca,
  ]
}
