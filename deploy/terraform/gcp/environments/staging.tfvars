environment           = "staging"
max_instances         = 4
worker_instances      = { io = 1, cpu = 1 }
database_availability = "ZONAL"
database_connections  = 200
backup_days           = 14
valkey_tier           = "BASIC"

settings = {
  LOG_LEVEL            = "INFO"
  AWS_DAILY_BUDGET_USD = "0.50"
}
