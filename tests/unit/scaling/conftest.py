"""How hypothesis looks for counterexamples: by their number, not by the time that a busy machine takes."""

from hypothesis import settings

settings.register_profile("rules", deadline=None)
settings.load_profile("rules")
