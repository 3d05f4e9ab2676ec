resource "aws_cloudwatch_log_group" "tasks" {
  #checkov:skip=CKV_AWS_338:A variable says how long, which the environments set; production keeps a year
  name              = "/cloudintel/${var.environment}/tasks"
  retention_in_days = var.log_days
  kms_key_id        = aws_kms_key.this.arn
}

resource "aws_cloudwatch_log_group" "network" {
  #checkov:skip=CKV_AWS_338:A variable says how long, which the environments set; production keeps a year
  name              = "/cloudintel/${var.environment}/network"
  retention_in_days = var.log_days
  kms_key_id        = aws_kms_key.this.arn
}
