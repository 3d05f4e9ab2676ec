# What the tasks may do, and what ECS and the scheduler may do for them.

data "aws_iam_policy_document" "assume" {
  for_each = {
    tasks     = "ecs-tasks.amazonaws.com"
    scheduler = "scheduler.amazonaws.com"
    logs      = "vpc-flow-logs.amazonaws.com"
    database  = "monitoring.rds.amazonaws.com"
  }

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = [each.value]
    }

    dynamic "condition" {
      for_each = each.key == "tasks" || each.key == "scheduler" ? [1] : []

      content {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [var.account_id]
      }
    }
  }
}

# --- ECS: fetches the image and the secrets, writes the logs -----------------------------------
resource "aws_iam_role" "execution" {
  name               = "${local.name}-execution"
  assume_role_policy = data.aws_iam_policy_document.assume["tasks"].json
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

data "aws_iam_policy_document" "secrets" {
  statement {
    sid       = "ReadsTheSecretsOfTheTasks"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [for secret in aws_secretsmanager_secret.this : secret.arn]
  }

  statement {
    sid       = "DecryptsThem"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.this.arn]
  }
}

resource "aws_iam_role_policy" "secrets" {
  name   = "secrets"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.secrets.json
}

# --- Web and beat: nothing --------------------------------------------------------------------
resource "aws_iam_role" "idle" {
  name               = "${local.name}-idle"
  assume_role_policy = data.aws_iam_policy_document.assume["tasks"].json
}

# --- Workers: read this account, assume the roles of the others, keep dumps ----------------------
resource "aws_iam_role" "worker" {
  name               = "${local.name}-worker"
  assume_role_policy = data.aws_iam_policy_document.assume["tasks"].json
}

data "aws_iam_policy_document" "worker" {
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
    for_each = length(var.collector_roles) > 0 ? [1] : []

    content {
      sid       = "CloudIntelAssumesReaders"
      actions   = ["sts:AssumeRole"]
      resources = var.collector_roles
    }
  }

  statement {
    sid       = "KeepsDumps"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["${aws_s3_bucket.backups.arn}/dumps/*"]
  }

  statement {
    sid       = "ListsDumps"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.backups.arn]
  }

  statement {
    sid       = "EncryptsDumps"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]
  }
}

resource "aws_iam_role_policy" "worker" {
  name   = "worker"
  role   = aws_iam_role.worker.id
  policy = data.aws_iam_policy_document.worker.json
}

# --- EventBridge Scheduler: starts runs, and no other task --------------------------------------
resource "aws_iam_role" "scheduler" {
  name               = "${local.name}-scheduler"
  assume_role_policy = data.aws_iam_policy_document.assume["scheduler"].json
}

data "aws_iam_policy_document" "scheduler" {
  statement {
    sid     = "StartsRuns"
    actions = ["ecs:RunTask"]
    resources = [
      aws_ecs_task_definition.task["command"].arn_without_revision,
      "${aws_ecs_task_definition.task["command"].arn_without_revision}:*",
    ]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [aws_ecs_cluster.this.arn]
    }
  }

  # The schedules are encrypted, and the role is who reads them.
  statement {
    sid       = "ReadsTheSchedules"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.this.arn]
  }

  statement {
    sid       = "HandsItItsRoles"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.execution.arn, aws_iam_role.idle.arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "scheduler" {
  name   = "scheduler"
  role   = aws_iam_role.scheduler.id
  policy = data.aws_iam_policy_document.scheduler.json
}

# --- The network's log and the database's monitoring -----------------------------------------------
resource "aws_iam_role" "flow_log" {
  name               = "${local.name}-flow-log"
  assume_role_policy = data.aws_iam_policy_document.assume["logs"].json
}

data "aws_iam_policy_document" "flow_log" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
    resources = ["${aws_cloudwatch_log_group.network.arn}:*"]
  }
}

resource "aws_iam_role_policy" "flow_log" {
  name   = "flow-log"
  role   = aws_iam_role.flow_log.id
  policy = data.aws_iam_policy_document.flow_log.json
}

resource "aws_iam_role" "database_monitoring" {
  name               = "${local.name}-database-monitoring"
  assume_role_policy = data.aws_iam_policy_document.assume["database"].json
}

resource "aws_iam_role_policy_attachment" "database_monitoring" {
  role       = aws_iam_role.database_monitoring.name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}
