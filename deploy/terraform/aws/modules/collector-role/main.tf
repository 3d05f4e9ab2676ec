# The role that CloudIntel assumes in an account that it watches. Apply it there, not where CloudIntel runs.

data "aws_partition" "this" {}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = [var.trusted_arn]
    }

    # Nobody can then have CloudIntel assume the role in their place.
    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = [var.external_id]
    }
  }
}

data "aws_iam_policy_document" "reads" {
  #checkov:skip=CKV_AWS_356:None of the reading actions can be limited to single resources
  # The policy of the README; a test compares them.
  statement {
    sid = "CloudIntelReads"

    actions = [
      "ec2:DescribeRegions",
      "ec2:DescribeInstances",
      "ec2:DescribeVolumes",
      "ce:GetCostAndUsage",
      "pricing:GetProducts",
      "cloudwatch:GetMetricData",
      "cloudwatch:ListMetrics",
    ]

    resources = ["*"]
  }

  dynamic "statement" {
    for_each = var.billing_files == null ? [] : [var.billing_files]

    content {
      sid       = "CloudIntelReadsBillingFiles"
      actions   = ["s3:GetObject"]
      resources = ["arn:${data.aws_partition.this.partition}:s3:::${statement.value.bucket}/${statement.value.prefix}/*"]
    }
  }

  dynamic "statement" {
    for_each = var.billing_files == null ? [] : [var.billing_files]

    content {
      sid       = "CloudIntelFindsBillingFiles"
      actions   = ["s3:ListBucket"]
      resources = ["arn:${data.aws_partition.this.partition}:s3:::${statement.value.bucket}"]

      condition {
        test     = "StringLike"
        variable = "s3:prefix"
        values   = ["${statement.value.prefix}/*"]
      }
    }
  }
}

resource "aws_iam_role" "this" {
  name                 = var.name
  description          = "Lets CloudIntel read the inventory, the costs and the metrics of this account"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "reads" {
  name   = "CloudIntelReads"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.reads.json
}
