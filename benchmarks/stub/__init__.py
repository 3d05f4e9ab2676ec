"""An AWS-protocol server for load and faults: N instances, paged, throttled, delayed and failing on demand.

It serves the calls that collection makes of EC2, STS, CloudWatch and Cost Explorer. Pages are rendered when
it starts and metric values are slices of prepared text, so that it leaves the machine to what is measured.
Every account and region holds the same estate.
"""
