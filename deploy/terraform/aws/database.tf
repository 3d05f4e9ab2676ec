resource "aws_db_subnet_group" "this" {
  name       = local.name
  subnet_ids = aws_subnet.private[*].id
}

resource "aws_db_parameter_group" "this" {
  name_prefix = "${local.name}-"
  family      = "postgres18"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  # What the database's automation counts with.
  parameter {
    name         = "shared_preload_libraries"
    value        = "pg_stat_statements"
    apply_method = "pending-reboot"
  }

  parameter {
    name  = "log_statement"
    value = "ddl"
  }

  # -1: statements that are slow may hold data, and are not logged.
  parameter {
    name  = "log_min_duration_statement"
    value = "-1"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_161:The platform logs in with a password over TLS
  #checkov:skip=CKV_AWS_157:A variable says so, which the environments set; production has a standby
  identifier            = local.name
  engine                = "postgres"
  engine_version        = "18"
  instance_class        = var.database_class
  allocated_storage     = var.database_disk_gb.min
  max_allocated_storage = var.database_disk_gb.max
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = aws_kms_key.this.arn
  db_name               = "cloudintel"
  username              = "cloudintel"
  # RDS makes the password and keeps it in Secrets Manager.
  manage_master_user_password   = true
  master_user_secret_kms_key_id = aws_kms_key.this.arn
  multi_az                      = var.database_multi_az
  db_subnet_group_name          = aws_db_subnet_group.this.name
  parameter_group_name          = aws_db_parameter_group.this.name
  vpc_security_group_ids        = [aws_security_group.servers.id]
  publicly_accessible           = false
  ca_cert_identifier            = "rds-ca-rsa2048-g1"
  backup_retention_period       = var.backup_days
  # Before the daily ETL, which is at 8:30 or 9:30 UTC, and after the nightly maintenance.
  backup_window                   = "06:00-06:30"
  maintenance_window              = "sun:06:30-sun:07:30"
  copy_tags_to_snapshot           = true
  auto_minor_version_upgrade      = true
  deletion_protection             = var.deletion_protection
  skip_final_snapshot             = !var.deletion_protection
  final_snapshot_identifier       = "${local.name}-last"
  performance_insights_enabled    = true
  performance_insights_kms_key_id = aws_kms_key.this.arn
  monitoring_interval             = 60
  monitoring_role_arn             = aws_iam_role.database_monitoring.arn
  enabled_cloudwatch_logs_exports = ["postgresql", "upgrade"]
}
