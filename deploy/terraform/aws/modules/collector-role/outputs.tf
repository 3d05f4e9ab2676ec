output "role_arn" {
  description = "What to enter as the account's role in CloudIntel, and to add to `collector_roles`."
  value       = aws_iam_role.this.arn
}
