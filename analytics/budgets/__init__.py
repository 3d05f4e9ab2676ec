"""Budgets of months: the rules, who is told what, and the endpoints."""
