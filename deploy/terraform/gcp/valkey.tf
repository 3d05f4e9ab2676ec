# Only carries messages. Google generates the password; the provider reads it into the state, which is why the
# state's bucket has to be private.
resource "google_redis_instance" "this" {
  name                    = local.name
  region                  = var.region
  tier                    = var.valkey_tier
  memory_size_gb          = 1
  redis_version           = "REDIS_7_2"
  authorized_network      = google_compute_network.this.id
  connect_mode            = "PRIVATE_SERVICE_ACCESS"
  auth_enabled            = true
  transit_encryption_mode = "SERVER_AUTHENTICATION"

  # What is queued must not be thrown away for want of memory.
  redis_configs = {
    maxmemory-policy = "noeviction"
  }

  depends_on = [google_service_networking_connection.services]
}
