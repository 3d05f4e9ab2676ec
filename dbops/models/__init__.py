"""What the automation of the database remembers."""

from dbops.models.learning import LoadHour, Prediction, ThresholdChange
from dbops.models.maintenance import BackupCheck, Maintenance, MaintenanceNote, Optimization
from dbops.models.observations import (
    DatabaseCounters,
    Observation,
    RelationHour,
    Statement,
    StatementHour,
)
from dbops.models.pool import Action, Cause, PoolEvent, PoolState

__all__ = [
    "Action",
    "BackupCheck",
    "Cause",
    "DatabaseCounters",
    "LoadHour",
    "Maintenance",
    "MaintenanceNote",
    "Observation",
    "Optimization",
    "PoolEvent",
    "PoolState",
    "Prediction",
    "RelationHour",
    "Statement",
    "StatementHour",
    "ThresholdChange",
]
