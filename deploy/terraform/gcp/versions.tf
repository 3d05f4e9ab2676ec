terraform {
  # 1.11 is the first with write-only arguments, and what `terraform fmt` is checked with.
  required_version = ">= 1.11.0"

  required_providers {
    google = {
      source = "hashicorp/google"
      # 7 knows worker pools and invoker_iam_disabled without the beta provider.
      version = "~> 7.0"
    }
  }

  # The bucket and the prefix come with `terraform init -backend-config=…`, as scripts/deploy.sh gives them.
  backend "gcs" {}
}

provider "google" {
  project        = var.project_id
  region         = var.region
  default_labels = { app = "cloudintel", environment = var.environment }
}
