"""What answers are made from, and what is computed each night."""

from analytics.models.computations import Computation, Subject
from analytics.models.versions import Dataset, DataVersion

__all__ = ["Computation", "DataVersion", "Dataset", "Subject"]
