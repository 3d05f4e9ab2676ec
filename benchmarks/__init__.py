"""Measurements of CloudIntel against what it replaces or builds on; `make bench` runs them."""
