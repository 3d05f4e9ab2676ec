output "url" {
  description = "Where the web answers, once the host's DNS record points at `alias`."
  value       = "https://${var.host}"
}

output "alias" {
  description = "What the host's DNS record has to point at."
  value       = aws_lb.this.dns_name
}

output "image" {
  description = "The image that runs; what scripts/deploy.sh rolls back to. Empty where nothing runs yet."
  value       = var.run_services ? var.image : ""
}

output "repository" {
  description = "Where images are pushed."
  value       = aws_ecr_repository.images.repository_url
}

output "secrets" {
  description = "The secrets to put values into, by the setting that each is."
  value       = { for setting, secret in aws_secretsmanager_secret.this : setting => secret.name }
}

output "database" {
  description = "For DATABASE_URL: the server, and the secret in which RDS keeps the password."
  value = {
    endpoint = aws_db_instance.this.endpoint
    password = aws_db_instance.this.master_user_secret[0].secret_arn
  }
}

output "valkey" {
  description = "For REDIS_URL."
  value       = aws_elasticache_replication_group.this.primary_endpoint_address
}

output "worker_role" {
  description = "Whom the roles of watched accounts trust (modules/collector-role)."
  value       = aws_iam_role.worker.arn
}

output "cluster" {
  description = "Where scripts/deploy.sh runs the migrations."
  value       = aws_ecs_cluster.this.name
}

output "migrate_network" {
  description = "Where the migrations run, as `aws ecs run-task` takes it."
  value = join("", [
    "awsvpcConfiguration={subnets=[${join(",", aws_subnet.private[*].id)}],",
    "securityGroups=[${aws_security_group.tasks.id}],assignPublicIp=DISABLED}",
  ])
}
