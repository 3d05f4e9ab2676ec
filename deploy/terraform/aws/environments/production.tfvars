environment       = "production"
web_tasks         = { min = 2, max = 10 }
worker_io_tasks   = { min = 1, busy = 2, max = 10 }
database_multi_az = true
valkey_replica    = true
optional_secrets  = ["METRICS_TOKEN", "SMTP_URL"]

settings = {
  LOG_LEVEL            = "INFO"
  AWS_DAILY_BUDGET_USD = "1.00"
}
