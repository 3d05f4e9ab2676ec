"""Billing files: how one is read, and how costs are written as one."""
