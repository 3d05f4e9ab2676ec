"""The autoscaler in the admin: what is managed and by which policy, what was decided and done, the switch."""

from scaling.admin import control, decisions, instances  # noqa: F401 - they register themselves
