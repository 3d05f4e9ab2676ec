variable "account_id" {
  description = "The account that the platform runs in."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be 12 digits."
  }
}

variable "region" {
  description = "Where everything is."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be a region such as us-east-1."
  }
}

variable "environment" {
  description = "Which copy of the platform this is: a part of every name."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "production"], var.environment)
    error_message = "environment must be dev, staging or production."
  }
}

variable "image" {
  description = "The image that every process runs, with its tag or digest; never latest, so that it can be rolled back."
  type        = string

  validation {
    condition     = can(regex("^[^:@ ]+(:[0-9]+)?/[^:@ ]+(:|@sha256:)[A-Za-z0-9._-]+$", var.image)) && !endswith(var.image, ":latest")
    error_message = "image must be registry/name:tag or registry/name@sha256:…, and the tag must not be latest."
  }
}

variable "run_services" {
  description = "False for the first apply, which makes the registry, the servers and the secrets that the rest needs."
  type        = bool
  default     = true
}

variable "deletion_protection" {
  description = "Whether the database and the load balancer refuse to be deleted."
  type        = bool
  default     = true
}

# --- The web ---------------------------------------------------------------------------------
variable "host" {
  description = "The host name that the web answers to; its DNS record is made outside and points at the output `alias`."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", var.host))
    error_message = "host must be a domain name such as cloudintel.example.com."
  }
}

variable "certificate_arn" {
  description = "ACM's certificate for the host, in the same region."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:acm:", var.certificate_arn))
    error_message = "certificate_arn must be the ARN of a certificate of ACM."
  }
}

variable "allowed_cidrs" {
  description = "From which addresses the web can be reached."
  type        = set(string)
  default     = ["0.0.0.0/0"]

  validation {
    condition     = alltrue([for cidr in var.allowed_cidrs : can(cidrhost(cidr, 0))])
    error_message = "Each of allowed_cidrs must be a range such as 203.0.113.0/24."
  }
}

variable "web_tasks" {
  description = "Tasks of the web: at least, and at most."
  type        = object({ min = number, max = number })
  default     = { min = 1, max = 10 }

  validation {
    condition     = var.web_tasks.min >= 0 && var.web_tasks.min <= var.web_tasks.max && var.web_tasks.max <= 10
    error_message = "web_tasks must have 0 <= min <= max <= 10."
  }
}

# --- Workers ---------------------------------------------------------------------------------
variable "worker_io_tasks" {
  description = <<-TEXT
    Tasks of worker-io: at least, at least while the daily ETL runs, and at most. With a least of 0 there is none
    between 6:00 and 4:20 in New York: worker-critical then acts and tells, and collections wait.
  TEXT
  type        = object({ min = number, busy = number, max = number })
  default     = { min = 1, busy = 2, max = 10 }

  validation {
    condition = (
      var.worker_io_tasks.min >= 0 && var.worker_io_tasks.min <= var.worker_io_tasks.busy
      && var.worker_io_tasks.busy >= 1 && var.worker_io_tasks.busy <= var.worker_io_tasks.max
      && var.worker_io_tasks.max <= 10
    )
    error_message = "worker_io_tasks must have 0 <= min <= busy <= max <= 10, and busy at least 1."
  }
}

variable "etl_cpu" {
  description = "CPU units of web, worker-io and worker-cpu: 2048 are 2 vCPUs."
  type        = number
  default     = 2048

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096], var.etl_cpu)
    error_message = "etl_cpu must be one of Fargate's sizes: 256, 512, 1024, 2048, 4096."
  }
}

variable "etl_memory" {
  description = "Their memory in MiB."
  type        = number
  default     = 4096

  validation {
    condition     = var.etl_memory >= 512 && var.etl_memory <= 30720
    error_message = "etl_memory must be between 512 and 30720."
  }
}

# --- Schedules -------------------------------------------------------------------------------
variable "use_cloud_scheduler" {
  description = <<-TEXT
    Whether EventBridge Scheduler starts the daily ETL and the weekly validation, too. The platform's own schedule
    (beat) may stay as it is: both start the same slot, and that is one run.
  TEXT
  type        = bool
  default     = false
}

# --- Servers ---------------------------------------------------------------------------------
variable "database_class" {
  description = "RDS's machine."
  type        = string
  default     = "db.m7g.large"

  validation {
    condition     = startswith(var.database_class, "db.")
    error_message = "database_class must be a class such as db.m7g.large."
  }
}

variable "database_multi_az" {
  description = "Whether there is a standby in another zone."
  type        = bool
  default     = true
}

variable "database_disk_gb" {
  description = "The disk that the database begins with, and up to which it grows by itself."
  type        = object({ min = number, max = number })
  default     = { min = 20, max = 200 }

  validation {
    condition     = var.database_disk_gb.min >= 20 && var.database_disk_gb.max > var.database_disk_gb.min
    error_message = "database_disk_gb must have 20 <= min < max."
  }
}

variable "backup_days" {
  description = "For how many days backups, and points in time between them, are kept."
  type        = number
  default     = 30

  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35
    error_message = "backup_days must be between 1 and 35."
  }
}

variable "valkey_node" {
  description = "ElastiCache's node. It only carries messages."
  type        = string
  default     = "cache.t4g.small"

  validation {
    condition     = startswith(var.valkey_node, "cache.")
    error_message = "valkey_node must be a type such as cache.t4g.small."
  }
}

variable "valkey_replica" {
  description = "Whether Valkey has a replica in another zone that takes over."
  type        = bool
  default     = true
}

variable "valkey_token" {
  description = "Valkey's password, by TF_VAR_valkey_token; it is in the state, since the provider takes it no other way."
  type        = string
  sensitive   = true

  validation {
    condition     = can(regex("^[A-Za-z0-9]{32,128}$", var.valkey_token))
    error_message = "valkey_token must be 32 to 128 letters and digits, since it is a part of a URL."
  }
}

variable "network_cidr" {
  description = "The addresses of the network."
  type        = string
  default     = "10.30.0.0/16"

  validation {
    condition     = can(cidrsubnet(var.network_cidr, 4, 15))
    error_message = "network_cidr must be a range that can be parted into 16, such as 10.30.0.0/16."
  }
}

variable "zones" {
  description = "The letters of two availability zones of the region."
  type        = list(string)
  default     = ["a", "b"]

  validation {
    condition     = length(distinct(var.zones)) == 2 && alltrue([for zone in var.zones : can(regex("^[a-z]$", zone))])
    error_message = "zones must be two different letters, such as a and b."
  }
}

variable "log_days" {
  description = "For how many days logs are kept."
  type        = number
  default     = 365

  validation {
    condition     = contains([30, 90, 180, 365, 400, 731], var.log_days)
    error_message = "log_days must be one of CloudWatch's: 30, 90, 180, 365, 400, 731."
  }
}

# --- The platform's settings -----------------------------------------------------------------
variable "settings" {
  description = "Settings of the README's table, by name; secrets are not among them."
  type        = map(string)
  default     = {}

  validation {
    condition = length(setintersection(keys(var.settings), [
      "DATABASE_URL", "REDIS_URL", "CLOUDINTEL_SECRET_KEY", "JWT_SECRET_KEY", "METRICS_TOKEN", "SMTP_URL"
    ])) == 0
    error_message = "Secrets belong into Secrets Manager: name those to use in optional_secrets."
  }
}

variable "optional_secrets" {
  description = "Which secrets there are besides the four that the platform cannot do without."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.optional_secrets, ["METRICS_TOKEN", "SMTP_URL"])) == 0
    error_message = "optional_secrets may name METRICS_TOKEN and SMTP_URL."
  }
}

variable "collector_roles" {
  description = "The roles of the watched accounts that the workers may assume (modules/collector-role)."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.collector_roles : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/[^*]+$", arn))])
    error_message = "Each of collector_roles must be the ARN of one role, without a wildcard."
  }
}
