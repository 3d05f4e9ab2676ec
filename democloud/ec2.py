"""EC2 by moto's server application, filled with the world's instances and volumes.

moto draws its ids at random. Those of instances and volumes are ours; its generator is seeded for the
rest (VPCs, network interfaces, addresses), so that a restart shows the same estate.
"""

from datetime import UTC, datetime

from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.availability_zones_and_regions import Region, RegionsAndZonesBackend
from moto.ec2.models.instances import Instance as MotoInstance
from moto.moto_api._internal import mock_random
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug import Request, Response

from democloud.estate import ACCOUNTS, REGIONS, ROOT_DEVICE, Account, Instance, Volume
from democloud.protocol import AwsError
from democloud.world import World

_IMAGE_ID = "ami-760aaa0f"


class Ec2:
    """moto's EC2 behind a call that names the account."""

    def __init__(self, world: World) -> None:
        """Fill moto's memory, which this process has once."""
        _open_regions()
        mock_random.seed(world.estate.seed)
        for account in ACCOUNTS:
            for region in account.regions:
                ec2_backends[account.account_id][region].reset()
        for instance in world.instances:
            _launch(instance)
        for volume in world.volumes:
            _create(volume)
        self._application = DomainDispatcherApplication(create_backend_app)

    def answer(self, request: Request, account: Account) -> Response:
        """Answer an EC2 operation as that account.

        Raises: AwsError for operations that moto does not have.
        """
        request.environ["HTTP_X_MOTO_ACCOUNT_ID"] = account.account_id
        try:
            return Response.from_app(self._application, request.environ)
        except NotImplementedError as error:
            raise AwsError("InvalidAction", str(error)) from error


def _open_regions() -> None:
    """Let DescribeRegions tell of the demo's regions alone, as if the account had enabled no others."""
    RegionsAndZonesBackend.regions = [
        Region(region, f"ec2.{region}.amazonaws.com", "opt-in-not-required") for region in REGIONS
    ]


def _backend(resource: Instance | Volume) -> EC2Backend:
    return ec2_backends[resource.account_id][resource.region]


def _naive(moment: datetime) -> datetime:
    """moto keeps naive UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def _launch(instance: Instance) -> None:
    reservation = _backend(instance).run_instances(
        _IMAGE_ID,
        1,
        None,
        [],
        instance_type=instance.instance_type,
        is_instance_type_default=False,
        region_name=instance.region,
        placement=instance.zone,
        block_device_mappings=[],
    )
    launched = reservation.instances[0]
    launched.id = instance.instance_id
    launched.launch_time = _naive(instance.launched_at)
    launched.monitoring_state = "enabled" if instance.detailed_monitoring else "disabled"
    for interface in launched.nics.values():
        interface.attach_time = launched.launch_time
    launched.add_tags(dict(instance.tags))
    if instance.stopped_at:
        _stop(launched, instance.stopped_at)


def _stop(launched: MotoInstance, stopped_at: datetime) -> None:
    launched.stop()
    launched._reason = f"User initiated ({stopped_at:%Y-%m-%d %H:%M:%S} GMT)"  # noqa: SLF001 - moto has no clock


def _create(volume: Volume) -> None:
    backend = _backend(volume)
    created = backend.create_volume(volume.size_gib, volume.zone, volume_type=volume.volume_type)
    del backend.volumes[created.id]
    created.id = volume.volume_id
    created.create_time = _naive(volume.created_at)
    backend.volumes[created.id] = created
    created.add_tags(dict(volume.tags))
    if volume.instance_id:
        _attach(backend, volume)


def _attach(backend: EC2Backend, volume: Volume) -> None:
    is_root = volume.device == ROOT_DEVICE
    attachment = backend.attach_volume(
        volume.volume_id, volume.instance_id, volume.device, delete_on_termination=is_root
    )
    if attachment is None:
        raise LookupError(f"moto did not attach {volume.volume_id} to {volume.instance_id}")
    attachment.attach_time = _naive(volume.created_at)
    attachment.instance.block_device_mapping[volume.device].attach_time = _naive(volume.created_at)
