environment         = "dev"
deletion_protection = false
web_tasks           = { min = 1, max = 2 }
worker_io_tasks     = { min = 0, busy = 1, max = 2 }
database_class      = "db.t4g.micro"
database_multi_az   = false
backup_days         = 7
valkey_node         = "cache.t4g.micro"
valkey_replica      = false
log_days            = 30

settings = {
  LOG_LEVEL            = "DEBUG"
  AWS_DAILY_BUDGET_USD = "0.25"
}
