environment           = "dev"
deletion_protection   = false
max_instances         = 2
worker_instances      = { io = 1, cpu = 1 }
database_tier         = "db-custom-1-3840"
database_availability = "ZONAL"
database_connections  = 100
backup_days           = 7
valkey_tier           = "BASIC"

settings = {
  LOG_LEVEL            = "DEBUG"
  AWS_DAILY_BUDGET_USD = "0.25"
}
