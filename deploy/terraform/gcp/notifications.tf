# Where the platform's Pub/Sub channel publishes.
resource "google_pubsub_topic" "notifications" {
  #checkov:skip=CKV_GCP_83:Google's own keys encrypt what is short and masked before it is published
  name                       = "${local.name}-notifications"
  message_retention_duration = "86400s"

  depends_on = [google_project_service.used]
}

resource "google_pubsub_topic_iam_member" "runtime" {
  topic  = google_pubsub_topic.notifications.name
  role   = "roles/pubsub.publisher"
  member = google_service_account.runtime.member
}
