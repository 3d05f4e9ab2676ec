output "url" {
  description = "Where the web answers."
  value       = local.urls["web"]
}

output "etl_url" {
  description = "Where Cloud Scheduler calls: OIDC_AUDIENCE, for calls from inside the project alone."
  value       = local.urls["etl"]
}

output "image" {
  description = "The image that runs; what scripts/deploy.sh rolls back to. Empty where nothing runs yet."
  value       = var.run_services ? var.image : ""
}

output "repository" {
  description = "Where images are pushed."
  value       = "${google_artifact_registry_repository.images.registry_uri}/cloudintel"
}

output "secrets" {
  description = "The secrets to add versions to, by the setting that each is."
  value       = { for setting, secret in google_secret_manager_secret.this : setting => secret.secret_id }
}

output "database" {
  description = "The database's private address, for DATABASE_URL."
  value       = google_sql_database_instance.this.private_ip_address
}

output "valkey" {
  description = "Valkey's private address, for REDIS_URL."
  value       = "${google_redis_instance.this.host}:${google_redis_instance.this.port}"
}

output "topic" {
  description = "For a channel of the kind Pub/Sub."
  value       = google_pubsub_topic.notifications.id
}

output "deployer" {
  description = "The service account of deployments."
  value       = google_service_account.deployer.email
}
