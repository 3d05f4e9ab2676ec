resource "aws_elasticache_subnet_group" "this" {
  name       = local.name
  subnet_ids = aws_subnet.private[*].id
}

resource "aws_elasticache_parameter_group" "this" {
  name   = local.name
  family = "valkey8"

  # What is queued must not be thrown away for want of memory.
  parameter {
    name  = "maxmemory-policy"
    value = "noeviction"
  }
}

# Only carries messages: the ledger sends again what is lost with it.
resource "aws_elasticache_replication_group" "this" {
  replication_group_id       = local.name
  description                = "Messages of ${local.name}"
  engine                     = "valkey"
  engine_version             = "8.0"
  node_type                  = var.valkey_node
  num_cache_clusters         = var.valkey_replica ? 2 : 1
  automatic_failover_enabled = var.valkey_replica
  multi_az_enabled           = var.valkey_replica
  parameter_group_name       = aws_elasticache_parameter_group.this.name
  subnet_group_name          = aws_elasticache_subnet_group.this.name
  security_group_ids         = [aws_security_group.servers.id]
  auth_token                 = var.valkey_token
  auth_token_update_strategy = "ROTATE"
  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  at_rest_encryption_enabled = true
  kms_key_id                 = aws_kms_key.this.arn
  auto_minor_version_upgrade = true
  apply_immediately          = true
}
