environment       = "staging"
web_tasks         = { min = 1, max = 4 }
worker_io_tasks   = { min = 1, busy = 1, max = 4 }
database_class    = "db.t4g.medium"
database_multi_az = false
backup_days       = 14
valkey_replica    = false
log_days          = 90

settings = {
  LOG_LEVEL            = "INFO"
  AWS_DAILY_BUDGET_USD = "0.50"
}
