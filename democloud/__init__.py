"""The demo cloud: a small AWS estate behind a local endpoint, for trying CloudIntel without an account.

It stands in for AWS, so it shares no code with the rest of the project: what CloudIntel collects from
it can be summed independently from `estate`, `load` and `billing`, which are pure.
"""
