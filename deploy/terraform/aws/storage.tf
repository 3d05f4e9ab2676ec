# Where the platform keeps its own dumps of the database, and the load balancer its log.

locals {
  buckets = {
    backups = aws_s3_bucket.backups
    access  = aws_s3_bucket.access
  }
}

resource "aws_s3_bucket" "backups" {
  #checkov:skip=CKV_AWS_144:RDS keeps backups of its own; these are the second way
  #checkov:skip=CKV_AWS_18:Only the tasks' role reaches it
  #checkov:skip=CKV2_AWS_62:Nobody is to be told of a new dump
  bucket = "${local.name}-backups-${var.account_id}"
}

resource "aws_s3_bucket" "access" {
  #checkov:skip=CKV_AWS_144:A log of requests
  #checkov:skip=CKV_AWS_18:It is the log
  #checkov:skip=CKV_AWS_145:Load balancers write to buckets with Amazon's own keys alone
  #checkov:skip=CKV_AWS_21:Nobody overwrites a log
  #checkov:skip=CKV2_AWS_62:Nobody is to be told of a new log file
  bucket = "${local.name}-access-${var.account_id}"
}

resource "aws_s3_bucket_public_access_block" "private" {
  for_each = local.buckets

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "backups" {
  bucket = aws_s3_bucket.backups.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "backups" {
  bucket = aws_s3_bucket.backups.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.this.arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "backups" {
  bucket = aws_s3_bucket.backups.id

  rule {
    id     = "old-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 30
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 3
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "access" {
  bucket = aws_s3_bucket.access.id

  rule {
    id     = "old-logs"
    status = "Enabled"

    filter {}

    expiration {
      days = var.log_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 3
    }
  }
}

data "aws_iam_policy_document" "access" {
  statement {
    sid       = "TheLoadBalancerWrites"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.access.arn}/*"]

    principals {
      type        = "Service"
      identifiers = ["logdelivery.elasticloadbalancing.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }
  }
}

resource "aws_s3_bucket_policy" "access" {
  bucket = aws_s3_bucket.access.id
  policy = data.aws_iam_policy_document.access.json
}
