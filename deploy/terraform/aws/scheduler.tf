# The daily ETL and the weekly validation, started from outside as tasks of ECS: EventBridge has no token that
# POST /execute could check. The platform's own schedule starts the same runs for the same slots, and two starts
# for one slot are one run in the ledger, whichever comes first: nothing is collected, or paid for, twice.

locals {
  schedules = {
    daily-etl         = { when = "cron(30 4 ? * * *)", pipeline = "daily" }
    weekly-validation = { when = "cron(0 5 ? * MON *)", pipeline = "weekly-validation" }
  }
}

resource "aws_scheduler_schedule_group" "this" {
  name = local.name
}

resource "aws_scheduler_schedule" "this" {
  for_each = local.schedules

  name                         = "${local.name}-${each.key}"
  group_name                   = aws_scheduler_schedule_group.this.name
  schedule_expression          = each.value.when
  schedule_expression_timezone = "America/New_York"
  state                        = var.use_cloud_scheduler ? "ENABLED" : "DISABLED"
  kms_key_arn                  = aws_kms_key.this.arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_ecs_cluster.this.arn
    role_arn = aws_iam_role.scheduler.arn

    ecs_parameters {
      task_definition_arn = aws_ecs_task_definition.task["command"].arn_without_revision
      launch_type         = "FARGATE"

      network_configuration {
        subnets          = aws_subnet.private[*].id
        security_groups  = [aws_security_group.tasks.id]
        assign_public_ip = false
      }
    }

    # jsonencode writes the brackets as escapes, and then EventBridge would not put the time there.
    input = replace(replace(jsonencode({
      containerOverrides = [{
        name    = "command"
        command = ["python", "manage.py", "start", each.value.pipeline, "--slot", "<aws.scheduler.scheduled-time>"]
      }]
    }), "\\u003c", "<"), "\\u003e", ">")

    # As far as it can be said here: how often and for how long. The pauses between are EventBridge's own
    # (exponential, with jitter); 30 s doubling up to 600 s cannot be asked for. A run that has started is
    # retried by the ledger, with those pauses.
    retry_policy {
      maximum_retry_attempts       = 3
      maximum_event_age_in_seconds = 3600
    }
  }
}
