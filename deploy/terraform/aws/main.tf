# CloudIntel on AWS. What is not here: the state's bucket, secrets' values, the certificate and its domain.

locals {
  name = "cloudintel-${var.environment}"

  secrets = setunion(
    ["DATABASE_URL", "REDIS_URL", "CLOUDINTEL_SECRET_KEY", "JWT_SECRET_KEY"],
    var.optional_secrets
  )

  settings = merge(
    {
      BACKUP_TARGET              = "s3://${aws_s3_bucket.backups.bucket}/dumps"
      CLOUDINTEL_CLOUD           = "aws"
      CLOUDINTEL_HTTPS           = "1"
      CLOUDINTEL_ALLOWED_HOSTS   = var.host
      CLOUDINTEL_TRUSTED_ORIGINS = "https://${var.host}"
    },
    var.settings
  )
}

data "aws_partition" "this" {}
