# CloudIntel on Google Cloud. What is not here: the project, the state's bucket, secrets' values, a domain.

locals {
  name = "cloudintel-${var.environment}"

  # The addresses that Cloud Run gives a service, known before it exists.
  urls = {
    for service in keys(local.http) :
    service => "https://${local.name}-${service}-${data.google_project.this.number}.${var.region}.run.app"
  }

  secrets = setunion(
    ["DATABASE_URL", "REDIS_URL", "CLOUDINTEL_SECRET_KEY", "JWT_SECRET_KEY"],
    var.optional_secrets
  )

  # Only what asks AWS has them.
  aws_secrets = var.use_aws_keys ? toset(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) : toset([])

  settings = merge(
    {
      CLOUDINTEL_CLOUD           = "aws"
      CLOUDINTEL_HTTPS           = "1"
      CLOUDINTEL_ALLOWED_HOSTS   = join(",", concat([for url in local.urls : trimprefix(url, "https://")], var.hosts))
      CLOUDINTEL_TRUSTED_ORIGINS = join(",", concat(values(local.urls), [for host in var.hosts : "https://${host}"]))
      OIDC_ISSUERS               = "https://accounts.google.com"
      OIDC_AUDIENCE              = local.urls["etl"]
      OIDC_CALLERS               = google_service_account.scheduler.email
    },
    var.settings
  )
}

data "google_project" "this" {}

resource "google_project_service" "used" {
  for_each = toset([
    "artifactregistry", "cloudscheduler", "compute", "iamcredentials", "pubsub", "redis", "run",
    "secretmanager", "servicenetworking", "sqladmin", "vpcaccess",
  ])

  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false
}
