resource "aws_lb" "this" {
  #checkov:skip=CKV2_AWS_28:The platform limits bodies, locks out guessers and answers one host; a WAF is the customer's choice
  name                       = local.name
  load_balancer_type         = "application"
  internal                   = false
  subnets                    = aws_subnet.public[*].id
  security_groups            = [aws_security_group.balancer.id]
  drop_invalid_header_fields = true
  enable_deletion_protection = var.deletion_protection
  # As long as the web lets a request take.
  idle_timeout = 3600

  access_logs {
    bucket  = aws_s3_bucket.access.id
    enabled = true
  }

  depends_on = [aws_s3_bucket_policy.access]
}

resource "aws_lb_listener" "tls" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.web.arn
  }
}

resource "aws_lb_target_group" "web" {
  #checkov:skip=CKV_AWS_378:TLS ends at the load balancer; behind it is the private network
  name                 = local.name
  vpc_id               = aws_vpc.this.id
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = 5000
  deregistration_delay = 30

  # The load balancer asks by address, which the web answers for no name but its own: a 400 says as well as a
  # 200 that it lives. The container's own check asks /readyz by its name.
  health_check {
    path                = "/livez"
    matcher             = "200,400"
    interval            = 15
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}
