# ECS scales on CPU, and by the clock: it cannot ask the ledger, as the chart's KEDA does. So worker-io goes to
# `min`, zero if need be, by the clock, and what is started meanwhile waits until the clock, or a person, brings
# it back. Where it is to follow the backlog from zero, use the chart.

locals {
  scaled = {
    web       = var.web_tasks
    worker-io = { min = var.worker_io_tasks.min, max = var.worker_io_tasks.max }
  }
}

resource "aws_appautoscaling_target" "this" {
  for_each = var.run_services ? local.scaled : {}

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.service[each.key].name}"
  min_capacity       = each.value.min
  max_capacity       = each.value.max

  lifecycle {
    # The clock changes it, below.
    ignore_changes = [min_capacity]
  }
}

# Workers are added where CPU stays above 80 %.
resource "aws_appautoscaling_policy" "cpu" {
  for_each = aws_appautoscaling_target.this

  name               = "${local.name}-${each.key}-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = each.value.service_namespace
  scalable_dimension = each.value.scalable_dimension
  resource_id        = each.value.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = 80
    scale_out_cooldown = 60
    scale_in_cooldown  = 600

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}

resource "aws_appautoscaling_scheduled_action" "worker_io" {
  for_each = {
    for name, action in {
      # Ready before the daily ETL at 4:30, and until its hour of retries is over.
      up   = { schedule = "cron(20 4 * * ? *)", min = var.worker_io_tasks.busy, max = var.worker_io_tasks.max }
      down = { schedule = "cron(0 6 * * ? *)", min = var.worker_io_tasks.min, max = var.worker_io_tasks.max }
    } : name => action if var.run_services
  }

  name               = "${local.name}-worker-io-${each.key}"
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = aws_appautoscaling_target.this["worker-io"].resource_id
  schedule           = each.value.schedule
  timezone           = "America/New_York"

  scalable_target_action {
    min_capacity = each.value.min
    max_capacity = each.key == "down" && each.value.min == 0 ? 0 : each.value.max
  }
}
