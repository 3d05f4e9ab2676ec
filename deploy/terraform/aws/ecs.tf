locals {
  celery  = ["python", "-m", "celery", "--quiet", "--app=cloudintel_project"]
  no_talk = ["--without-gossip", "--without-mingle", "--without-heartbeat"]

  worker_settings = { MALLOC_ARENA_MAX = "2", OPENBLAS_NUM_THREADS = "1" }

  io_may_be_gone = var.worker_io_tasks.min == 0

  # stop_s: after SIGTERM a worker gives back what it has not finished within 4 seconds.
  tasks = {
    # What fails its check is replaced, which helps no web that waits for the broker or for a worker.
    web = {
      command = ["/app/scripts/start-server.sh"], check = ["web", "/livez"], role = aws_iam_role.idle.arn
      cpu     = var.etl_cpu, memory = var.etl_memory, count = var.web_tasks.min, stop_s = 30
    }
    worker-critical = {
      command = concat(local.celery, [
        "worker", "--loglevel=INFO", "--hostname=worker-critical@%h", "--pool=prefork",
        # Where worker-io may be gone, it does what must not wait for it, and has processes for that.
        "--concurrency=${local.io_may_be_gone ? 4 : 2}",
        "--queues=${local.io_may_be_gone ? "critical,watch,actions,readings" : "critical,watch"}",
      ], local.no_talk)
      check = ["worker", "worker-critical"]
      role  = local.io_may_be_gone ? aws_iam_role.worker.arn : aws_iam_role.idle.arn
      cpu   = 512, memory = local.io_may_be_gone ? 2048 : 1024, count = 1, stop_s = 30
    }
    worker-io = {
      command = concat(local.celery, [
        "worker", "--loglevel=INFO", "--hostname=worker-io@%h", "--pool=threads", "--concurrency=8",
        "--queues=critical,actions,readings,aws",
      ], local.no_talk)
      check = ["worker", "worker-io"], role = aws_iam_role.worker.arn
      cpu   = var.etl_cpu, memory = var.etl_memory, count = var.worker_io_tasks.min, stop_s = 30
    }
    worker-cpu = {
      command = concat(local.celery, [
        "worker", "--loglevel=INFO", "--hostname=worker-cpu@%h", "--pool=prefork", "--concurrency=2",
        "--queues=etl,maintenance,alone",
      ], local.no_talk)
      check = ["worker", "worker-cpu"], role = aws_iam_role.worker.arn
      cpu   = var.etl_cpu, memory = var.etl_memory, count = 1, stop_s = 30
    }
    # Never two: they would send everything twice, which the ledger endures and nobody needs.
    beat = {
      command = concat(local.celery, ["beat", "--loglevel=INFO", "--pidfile="])
      check   = ["beat"], role = aws_iam_role.idle.arn
      cpu     = 256, memory = 512, count = 1, stop_s = 30
    }
    # Run once and not kept: scripts/deploy.sh migrates with it before what needs the new tables is started.
    migrate = {
      command = ["python", "manage.py", "migrate", "--no-input"], check = [], role = aws_iam_role.idle.arn
      cpu     = 512, memory = 1024, count = 0, stop_s = 120
    }
    # Run once as well, with the command that EventBridge Scheduler gives it.
    command = {
      command = ["python", "manage.py", "check"], check = [], role = aws_iam_role.idle.arn
      cpu     = 512, memory = 1024, count = 0, stop_s = 30
    }
  }

  services = { for name, task in local.tasks : name => task if length(task.check) > 0 }
}

resource "aws_ecs_cluster" "this" {
  name = local.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_task_definition" "task" {
  for_each = local.tasks

  family                   = "${local.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = each.value.role
  # The revision before stays, so that ECS can go back to it.
  skip_destroy = true

  # The image declares both as volumes, so that they belong to its user.
  volume {
    name = "data"
  }

  volume {
    name = "tmp"
  }

  container_definitions = jsonencode([merge({
    name                   = each.key
    image                  = var.image
    command                = each.value.command
    essential              = true
    readonlyRootFilesystem = true
    stopTimeout            = each.value.stop_s
    portMappings           = each.key == "web" ? [{ containerPort = 5000, protocol = "tcp" }] : []

    linuxParameters = {
      initProcessEnabled = true
      capabilities       = { drop = ["ALL"] }
    }

    mountPoints = [
      { sourceVolume = "data", containerPath = "/data", readOnly = false },
      { sourceVolume = "tmp", containerPath = "/tmp", readOnly = false },
    ]

    environment = [
      for name, value in merge(local.settings, startswith(each.key, "worker") ? local.worker_settings : {}) :
      { name = name, value = value }
    ]

    secrets = [
      for setting in local.secrets : { name = setting, valueFrom = aws_secretsmanager_secret.this[setting].arn }
    ]

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.tasks.name
        awslogs-region        = var.region
        awslogs-stream-prefix = each.key
      }
    }
    }, length(each.value.check) == 0 ? {} : {
    healthCheck = {
      command     = concat(["CMD", "python", "deploy/healthcheck.py"], each.value.check)
      interval    = 60
      timeout     = 15
      retries     = 3
      startPeriod = 60
    }
  })])
}

resource "aws_ecs_service" "service" {
  for_each = var.run_services ? local.services : {}

  name                   = each.key
  cluster                = aws_ecs_cluster.this.id
  task_definition        = aws_ecs_task_definition.task[each.key].arn
  desired_count          = each.value.count
  launch_type            = "FARGATE"
  platform_version       = "LATEST"
  enable_execute_command = false
  wait_for_steady_state  = true

  # Of beat there is none for a moment rather than two.
  deployment_maximum_percent         = each.key == "beat" ? 100 : 200
  deployment_minimum_healthy_percent = each.key == "beat" ? 0 : 100

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = aws_subnet.private[*].id
    security_groups  = [aws_security_group.tasks.id]
    assign_public_ip = false
  }

  dynamic "load_balancer" {
    for_each = each.key == "web" ? [1] : []

    content {
      target_group_arn = aws_lb_target_group.web.arn
      container_name   = "web"
      container_port   = 5000
    }
  }

  lifecycle {
    # The autoscaling below says how many.
    ignore_changes = [desired_count]

    # Where the circuit breaker has gone back, the service is steady, too.
    postcondition {
      condition     = self.task_definition == aws_ecs_task_definition.task[each.key].arn
      error_message = "ECS went back to ${self.task_definition}: the new tasks did not become healthy."
    }
  }

  depends_on = [aws_lb_listener.tls]
}
