"""What the stub's estate holds: the ids of its instances, and which of them report memory."""

from dataclasses import dataclass

PAGE = 1000
"""Instances whose ids share their first digits; also the largest page of EC2."""

# An id is "i-" and 17 hexadecimal digits: two for the region, five for the page, ten for the place on it.
_ID_LENGTH, _PAGE_BITS, _PLACE_BITS = 19, 20, 40
_PLACES = (1 << _PLACE_BITS) - 1

IMAGE_ID = "ami-0abcdef1234567890"


@dataclass(frozen=True, slots=True)
class Estate:
    """`instances` in each of the `regions`, all running, each with `volumes` EBS volumes.

    Every `memory_every`th instance has a CloudWatch agent; 0: none has.
    """

    instances: int
    regions: tuple[str, ...] = ("eu-west-1",)
    volumes: int = 1
    memory_every: int = 0

    def instance_id(self, region: str, number: int) -> str:
        """Return the id of an instance, counted from 0."""
        return f"i-{self.prefix(region, number // PAGE)}{number % PAGE:010x}"

    def prefix(self, region: str, page: int) -> str:
        """Return the seven digits that the ids of a page's instances begin with."""
        return f"{self.regions.index(region):02x}{page:05x}"

    def number(self, region: str, instance_id: str) -> int | None:
        """Return which instance of the region that is, None when it is none."""
        if len(instance_id) != _ID_LENGTH or region not in self.regions:
            return None
        try:
            token = int(instance_id[2:], 16)
        except ValueError:
            return None
        page, place = token >> _PLACE_BITS, token & _PLACES
        page -= self.regions.index(region) << _PAGE_BITS
        number = page * PAGE + place
        return number if place < PAGE and 0 <= number < self.instances else None

    def has_memory(self, number: int) -> bool:
        """Say whether the instance's agent publishes its memory."""
        return self.memory_every > 0 and number % self.memory_every == 0

    def memory_dimensions(self, region: str, number: int) -> dict[str, str]:
        """Return the dimensions of the instance's memory metric; every other agent adds the image."""
        image = {"ImageId": IMAGE_ID} if number // max(1, self.memory_every) % 2 else {}
        return {"InstanceId": self.instance_id(region, number), **image}
