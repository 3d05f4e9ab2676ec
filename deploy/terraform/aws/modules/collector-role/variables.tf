variable "name" {
  description = "The role's name."
  type        = string
  default     = "CloudIntelReader"

  validation {
    condition     = can(regex("^[A-Za-z0-9+=,.@_-]{1,64}$", var.name))
    error_message = "name must be a role's name of at most 64 characters."
  }
}

variable "trusted_arn" {
  description = "CloudIntel's own identity: the output `worker_role`."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[^*]+$", var.trusted_arn))
    error_message = "trusted_arn must be the ARN of one role or user, without a wildcard."
  }
}

variable "external_id" {
  description = "The external id that CloudIntel made for this account."
  type        = string

  validation {
    condition     = can(regex("^cloudintel-[0-9a-f]{32}$", var.external_id))
    error_message = "external_id must be the one that CloudIntel shows: cloudintel- and 32 digits of base 16."
  }
}

variable "billing_files" {
  description = "Where the account's billing files are, if CloudIntel is to read them: a bucket, and a prefix without slashes around it."
  type        = object({ bucket = string, prefix = string })
  default     = null

  validation {
    condition = var.billing_files == null ? true : (
      can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.billing_files.bucket))
      && can(regex("^[^/*]([^*]*[^/*])?$", var.billing_files.prefix))
    )
    error_message = "billing_files must have a bucket and a prefix, neither with a wildcard."
  }
}
