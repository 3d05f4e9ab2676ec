variable "project_id" {
  description = "The Google Cloud project."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be 6 to 30 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "region" {
  description = "Where everything is."
  type        = string
  default     = "us-east1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region such as us-east1, not a zone."
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
  description = "Whether Terraform refuses to delete the database and the services."
  type        = bool
  default     = true
}

# --- The web ---------------------------------------------------------------------------------
variable "cpu" {
  description = "vCPUs of each instance; Cloud Run knows 1, 2, 4 and 8."
  type        = string
  default     = "2"

  validation {
    condition     = contains(["1", "2", "4", "8"], var.cpu)
    error_message = "cpu must be 1, 2, 4 or 8."
  }
}

variable "memory" {
  description = "Memory of each instance."
  type        = string
  default     = "4Gi"

  validation {
    condition     = can(regex("^[1-9][0-9]*(Mi|Gi)$", var.memory))
    error_message = "memory must be a quantity such as 4Gi."
  }
}

variable "min_instances" {
  description = "How many instances of each web service stay when nobody asks."
  type        = number
  default     = 0

  validation {
    condition     = var.min_instances >= 0 && var.min_instances <= var.max_instances
    error_message = "min_instances must be between 0 and max_instances."
  }
}

variable "max_instances" {
  description = "How many instances each web service has at most."
  type        = number
  default     = 10

  validation {
    condition     = var.max_instances >= 1 && var.max_instances <= 100
    error_message = "max_instances must be between 1 and 100."
  }
}

variable "timeout_s" {
  description = "How long a request may take; Cloud Run's longest is an hour."
  type        = number
  default     = 3600

  validation {
    condition     = var.timeout_s >= 1 && var.timeout_s <= 3600
    error_message = "timeout_s must be between 1 and 3600."
  }
}

variable "web_concurrency" {
  description = "How many requests an instance answers at once: gunicorn's 2 processes of 8 threads."
  type        = number
  default     = 16

  validation {
    condition     = var.web_concurrency >= 1 && var.web_concurrency <= 1000
    error_message = "web_concurrency must be between 1 and 1000."
  }
}

variable "hosts" {
  description = "Host names that the web answers to, besides those that Cloud Run gives it."
  type        = list(string)
  default     = []
}

# --- Workers ---------------------------------------------------------------------------------
variable "worker_instances" {
  description = "Instances of the worker pools that may be more than one, 0 to 10 each."
  type        = object({ io = number, cpu = number })
  default     = { io = 1, cpu = 1 }

  validation {
    condition     = alltrue([for count in values(var.worker_instances) : count >= 0 && count <= 10])
    error_message = "Each of worker_instances must be between 0 and 10."
  }
}

# --- Schedules -------------------------------------------------------------------------------
variable "use_cloud_scheduler" {
  description = <<-TEXT
    Who starts the daily ETL and the weekly validation: false, the platform's own schedule (beat), with Cloud
    Scheduler's jobs paused; true, Cloud Scheduler, and then the two schedules have to be disabled in the admin.
  TEXT
  type        = bool
  default     = false
}

# --- Servers ---------------------------------------------------------------------------------
variable "database_tier" {
  description = "Cloud SQL's machine."
  type        = string
  default     = "db-custom-2-7680"
}

variable "database_availability" {
  description = "ZONAL, or REGIONAL with a standby in another zone."
  type        = string
  default     = "REGIONAL"

  validation {
    condition     = contains(["ZONAL", "REGIONAL"], var.database_availability)
    error_message = "database_availability must be ZONAL or REGIONAL."
  }
}

variable "database_disk_gb" {
  description = "The disk that the database begins with; it grows by itself."
  type        = number
  default     = 20

  validation {
    condition     = var.database_disk_gb >= 10
    error_message = "database_disk_gb must be at least 10."
  }
}

variable "database_connections" {
  description = "max_connections; each instance of the web may use 16, each worker some 10."
  type        = number
  default     = 400

  validation {
    condition     = var.database_connections >= 100
    error_message = "database_connections must be at least 100."
  }
}

variable "backup_days" {
  description = "How many daily backups are kept; points in time between them for up to 7 days."
  type        = number
  default     = 30

  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 365
    error_message = "backup_days must be between 1 and 365."
  }
}

variable "valkey_tier" {
  description = "Memorystore's tier: BASIC, or STANDARD_HA with a replica. It only carries messages."
  type        = string
  default     = "STANDARD_HA"

  validation {
    condition     = contains(["BASIC", "STANDARD_HA"], var.valkey_tier)
    error_message = "valkey_tier must be BASIC or STANDARD_HA."
  }
}

variable "network_cidr" {
  description = "Addresses of the subnet, of which the connector takes the last /28."
  type        = string
  default     = "10.20.0.0/24"

  validation {
    condition     = can(cidrsubnet(var.network_cidr, 4, 15)) && endswith(var.network_cidr, "/24")
    error_message = "network_cidr must be a /24, such as 10.20.0.0/24."
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
    error_message = "Secrets belong into Secret Manager: name those to use in optional_secrets."
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

variable "use_aws_keys" {
  description = "Whether the workers that ask AWS get an access key from Secret Manager."
  type        = bool
  default     = true
}

variable "deployers" {
  description = "Who may act as the deployer, such as a workload identity pool's principalSet://…"
  type        = set(string)
  default     = []
}
