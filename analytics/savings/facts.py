"""The types of instances that AWS has, read offline from the answers of DescribeInstanceTypes that moto has.

`collectors.aws.instance_types.from_api` translates an answer of the API itself in the same way.
"""

import gzip
import json
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from collectors.aws.instance_types import InstanceFacts, from_api


@cache
def catalogue() -> Mapping[str, InstanceFacts]:
    """Return the types that moto knows, by name; read when first asked for, in a few tenths of a second."""
    found = find_spec("moto")
    if found is None or found.origin is None:
        return {}
    path = Path(found.origin).parent / "ec2" / "resources" / "instance_types.json.gz"
    with gzip.open(path) as file:
        return {name: from_api(raw) for name, raw in json.load(file).items()}
