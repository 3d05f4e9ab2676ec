environment      = "production"
max_instances    = 10
worker_instances = { io = 2, cpu = 1 }
optional_secrets = ["METRICS_TOKEN", "SMTP_URL"]

settings = {
  LOG_LEVEL            = "INFO"
  AWS_DAILY_BUDGET_USD = "1.00"
}
