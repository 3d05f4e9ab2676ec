"""What sessions of the database call themselves."""

AUTOMATION = "cloudintel-automation"
"""Those that keep the database in order, so that they are told apart from those that users wait for."""
