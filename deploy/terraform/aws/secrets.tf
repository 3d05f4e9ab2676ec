# Secrets without their values: these are put outside, so that no state and no plan has them.
resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57:What they open is changed by people, with the server that it opens
  for_each = local.secrets

  name                    = "${local.name}/${lower(replace(each.key, "_", "-"))}"
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = 7
}
