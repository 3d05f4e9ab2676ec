# Workers and beat take orders from the broker and serve no requests: worker pools are Cloud Run's resource for
# that. They do not scale by themselves; `worker_instances` says how many there are.

locals {
  celery  = ["-m", "celery", "--quiet", "--app=cloudintel_project"]
  no_talk = ["--without-gossip", "--without-mingle", "--without-heartbeat"]

  io_may_be_gone = var.worker_instances.io == 0

  workers = {
    worker-critical = {
      instances = 1
      asks_aws  = local.io_may_be_gone
      cpu       = "1"
      memory    = local.io_may_be_gone ? "2Gi" : "1Gi"
      args = concat(local.celery, [
        "worker", "--loglevel=INFO", "--pool=prefork",
        # Where worker-io may be gone, it does what must not wait for it, and has processes for that.
        "--concurrency=${local.io_may_be_gone ? 4 : 2}",
        "--queues=${local.io_may_be_gone ? "critical,watch,actions,readings" : "critical,watch"}",
      ], local.no_talk)
    }
    worker-io = {
      asks_aws  = true
      instances = var.worker_instances.io
      cpu       = var.cpu
      memory    = var.memory
      args = concat(local.celery, [
        "worker", "--loglevel=INFO", "--pool=threads", "--concurrency=8",
        "--queues=critical,actions,readings,aws",
      ], local.no_talk)
    }
    worker-cpu = {
      # It keeps dumps of the database in S3, where BACKUP_TARGET says so.
      asks_aws  = true
      instances = var.worker_instances.cpu
      cpu       = var.cpu
      memory    = var.memory
      args = concat(local.celery, [
        "worker", "--loglevel=INFO", "--pool=prefork", "--concurrency=2",
        "--queues=etl,maintenance,alone",
      ], local.no_talk)
    }
    # Never two: they would send everything twice, which the ledger endures and nobody needs.
    beat = {
      asks_aws  = false
      instances = 1
      cpu       = "1"
      memory    = "512Mi"
      args      = concat(local.celery, ["beat", "--loglevel=INFO", "--pidfile="])
    }
  }
}

resource "google_cloud_run_v2_worker_pool" "worker" {
  for_each = var.run_services ? local.workers : {}

  name                = "${local.name}-${each.key}"
  location            = var.region
  deletion_protection = var.deletion_protection

  scaling {
    manual_instance_count = each.value.instances
  }

  template {
    service_account = google_service_account.runtime.email

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
      name  = each.key
      image = var.image
      # All instances call themselves localhost, and a worker takes over what the one of its name has begun.
      command = each.key == "beat" ? ["python"] : [
        "sh", "-c", "exec python \"$@\" --hostname=${each.key}@$(cat /proc/sys/kernel/random/uuid)", "sh"
      ]
      args = each.value.args

      resources {
        limits = { cpu = each.value.cpu, memory = each.value.memory }
      }

      volume_mounts {
        name       = "valkey-ca"
        mount_path = local.valkey_ca
      }

      dynamic "env" {
        for_each = merge(local.settings, { MALLOC_ARENA_MAX = "2", OPENBLAS_NUM_THREADS = "1" })

        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = each.value.asks_aws ? setunion(local.secrets, local.aws_secrets) : local.secrets

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

  depends_on = [
    google_secret_manager_secret_iam_member.runtime,
    google_secret_manager_secret_iam_member.runtime_valkey_ca,
    google_secret_manager_secret_version.valkey_ca,
  ]
}

# scripts/deploy.sh executes it before what needs the new tables is started.
resource "google_cloud_run_v2_job" "migrate" {
  count = var.run_services ? 1 : 0

  name                = "${local.name}-migrate"
  location            = var.region
  deletion_protection = var.deletion_protection

  template {
    task_count = 1

    template {
      service_account = google_service_account.runtime.email
      timeout         = "3600s"
      max_retries     = 0

      vpc_access {
        connector = google_vpc_access_connector.this.id
        egress    = "PRIVATE_RANGES_ONLY"
      }

      containers {
        image   = var.image
        command = ["python"]
        args    = ["manage.py", "migrate", "--no-input"]

        resources {
          limits = { cpu = "1", memory = "1Gi" }
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
  }

  depends_on = [google_secret_manager_secret_iam_member.runtime]
}
