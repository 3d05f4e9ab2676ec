"""What other apps have to say when users are deleted: what they keep of them goes along."""

from django.dispatch import Signal

asked = Signal()
"""Sent with `users` before they are deleted; receivers return the reasons why not, a sentence each."""
leaving = Signal()
"""Sent with `user`, and who deletes them as `by`, in the transaction that does so and before it does."""
