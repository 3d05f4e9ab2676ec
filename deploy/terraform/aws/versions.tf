terraform {
  # 1.11 is the first with write-only arguments, and what `terraform fmt` is checked with.
  required_version = ">= 1.11.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }

  # Bucket, key and region come with `terraform init -backend-config=…`, as scripts/deploy.sh gives them.
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = { App = "cloudintel", Environment = var.environment }
  }
}
