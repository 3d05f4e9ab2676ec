"""Answers of AWS as they come over the wire, of any size and always the same for the same arguments."""

import random
from collections.abc import Iterator

EC2_NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
_TYPES = ("t3.micro", "m5.large", "c6i.2xlarge", "r6g.xlarge", "g5.12xlarge")
_STATES = ((16, "running"), (16, "running"), (16, "running"), (80, "stopped"))
_INSTANCE = """
        <item>
            <reservationId>r-{token}</reservationId>
            <ownerId>123456789012</ownerId>
            <groupSet/>
            <instancesSet>
                <item>
                    <instanceId>i-{token}</instanceId>
                    <imageId>ami-0abcdef1234567890</imageId>
                    <instanceState>
                        <code>{code}</code>
                        <name>{state}</name>
                    </instanceState>
                    <privateDnsName>ip-10-0-{high}-{low}.eu-west-1.compute.internal</privateDnsName>
                    <dnsName>ec2-54-194-{high}-{low}.eu-west-1.compute.amazonaws.com</dnsName>
                    <reason/>
                    <keyName>operations</keyName>
                    <amiLaunchIndex>0</amiLaunchIndex>
                    <productCodes/>
                    <instanceType>{type}</instanceType>
                    <launchTime>{day}T08:{minute:02}:07.000Z</launchTime>
                    <placement>
                        <availabilityZone>eu-west-1{zone}</availabilityZone>
                        <groupName/>
                        <tenancy>default</tenancy>
                    </placement>
                    <monitoring>
                        <state>disabled</state>
                    </monitoring>
                    <subnetId>subnet-0f1e2d3c4b5a69788</subnetId>
                    <vpcId>vpc-0123456789abcdef0</vpcId>
                    <privateIpAddress>10.0.{high}.{low}</privateIpAddress>
                    <ipAddress>54.194.{high}.{low}</ipAddress>
                    <sourceDestCheck>true</sourceDestCheck>
                    <groupSet>
                        <item>
                            <groupId>sg-0a1b2c3d4e5f60718</groupId>
                            <groupName>web</groupName>
                        </item>
                    </groupSet>
                    <architecture>x86_64</architecture>
                    <rootDeviceType>ebs</rootDeviceType>
                    <rootDeviceName>/dev/xvda</rootDeviceName>
                    <blockDeviceMapping>
                        <item>
                            <deviceName>/dev/xvda</deviceName>
                            <ebs>
                                <volumeId>vol-{token}</volumeId>
                                <status>attached</status>
                                <attachTime>{day}T08:{minute:02}:08.000Z</attachTime>
                                <deleteOnTermination>true</deleteOnTermination>
                            </ebs>
                        </item>
                    </blockDeviceMapping>
                    <virtualizationType>hvm</virtualizationType>
                    <clientToken>{token}-client</clientToken>
                    <tagSet>{tags}
                    </tagSet>
                    <hypervisor>xen</hypervisor>
                    <networkInterfaceSet>
                        <item>
                            <networkInterfaceId>eni-{token}</networkInterfaceId>
                            <subnetId>subnet-0f1e2d3c4b5a69788</subnetId>
                            <vpcId>vpc-0123456789abcdef0</vpcId>
                            <description/>
                            <ownerId>123456789012</ownerId>
                            <status>in-use</status>
                            <macAddress>02:00:00:00:{high:02x}:{low:02x}</macAddress>
                            <privateIpAddress>10.0.{high}.{low}</privateIpAddress>
                            <privateDnsName>ip-10-0-{high}-{low}.eu-west-1.compute.internal</privateDnsName>
                            <sourceDestCheck>true</sourceDestCheck>
                            <groupSet>
                                <item>
                                    <groupId>sg-0a1b2c3d4e5f60718</groupId>
                                    <groupName>web</groupName>
                                </item>
                            </groupSet>
                            <attachment>
                                <attachmentId>eni-attach-{token}</attachmentId>
                                <deviceIndex>0</deviceIndex>
                                <networkCardIndex>0</networkCardIndex>
                                <status>attached</status>
                                <attachTime>{day}T08:{minute:02}:07.000Z</attachTime>
                                <deleteOnTermination>true</deleteOnTermination>
                            </attachment>
                            <association>
                                <publicIp>54.194.{high}.{low}</publicIp>
                                <publicDnsName>ec2-54-194-{high}-{low}.eu-west-1.compute.amazonaws.com</publicDnsName>
                                <ipOwnerId>amazon</ipOwnerId>
                            </association>
                            <privateIpAddressesSet>
                                <item>
                                    <privateIpAddress>10.0.{high}.{low}</privateIpAddress>
                                    <privateDnsName>ip-10-0-{high}-{low}.eu-west-1.compute.internal</privateDnsName>
                                    <primary>true</primary>
                                    <association>
                                        <publicIp>54.194.{high}.{low}</publicIp>
                                        <publicDnsName>ec2-54-194-{high}-{low}.eu-west-1.compute.amazonaws.com</publicDnsName>
                                        <ipOwnerId>amazon</ipOwnerId>
                                    </association>
                                </item>
                            </privateIpAddressesSet>
                            <ipv6AddressesSet/>
                            <interfaceType>interface</interfaceType>
                        </item>
                    </networkInterfaceSet>
                    <iamInstanceProfile>
                        <arn>arn:aws:iam::123456789012:instance-profile/web</arn>
                        <id>AIPAEXAMPLEEXAMPLEXYZ</id>
                    </iamInstanceProfile>
                    <ebsOptimized>true</ebsOptimized>
                    <enaSupport>true</enaSupport>
                    <cpuOptions>
                        <coreCount>4</coreCount>
                        <threadsPerCore>2</threadsPerCore>
                    </cpuOptions>
                    <capacityReservationSpecification>
                        <capacityReservationPreference>open</capacityReservationPreference>
                    </capacityReservationSpecification>
                    <hibernationOptions>
                        <configured>false</configured>
                    </hibernationOptions>
                    <metadataOptions>
                        <state>applied</state>
                        <httpTokens>required</httpTokens>
                        <httpPutResponseHopLimit>2</httpPutResponseHopLimit>
                        <httpEndpoint>enabled</httpEndpoint>
                        <httpProtocolIpv6>disabled</httpProtocolIpv6>
                        <instanceMetadataTags>disabled</instanceMetadataTags>
                    </metadataOptions>
                    <enclaveOptions>
                        <enabled>false</enabled>
                    </enclaveOptions>
                    <platformDetails>Linux/UNIX</platformDetails>
                    <usageOperation>RunInstances</usageOperation>
                    <usageOperationUpdateTime>{day}T08:{minute:02}:07.000Z</usageOperationUpdateTime>
                    <privateDnsNameOptions>
                        <hostnameType>ip-name</hostnameType>
                        <enableResourceNameDnsARecord>true</enableResourceNameDnsARecord>
                        <enableResourceNameDnsAAAARecord>false</enableResourceNameDnsAAAARecord>
                    </privateDnsNameOptions>
                    <maintenanceOptions>
                        <autoRecovery>default</autoRecovery>
                    </maintenanceOptions>
                    <currentInstanceBootMode>legacy-bios</currentInstanceBootMode>
                </item>
            </instancesSet>
        </item>"""
_TAG = """
                        <item>
                            <key>{key}</key>
                            <value>{value}</value>
                        </item>"""


def describe_instances(instances: int, *, seed: int = 1) -> bytes:
    """Return the body of a DescribeInstances page, laid out and indented as EC2 does."""
    chance = random.Random(seed)  # noqa: S311 (not for secrets: the same page for the same seed)
    items = "".join(_instance(number, chance) for number in range(instances))
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<DescribeInstancesResponse xmlns="{EC2_NAMESPACE}">\n'
        "    <requestId>8f7724cf-496f-496e-8fe3-example</requestId>\n"
        f"    <reservationSet>{items}\n    </reservationSet>\n</DescribeInstancesResponse>"
    ).encode()


def _instance(number: int, chance: random.Random) -> str:
    return instance(number, chance, token=f"{chance.getrandbits(68):017x}", state=chance.choice(_STATES))


def instance(
    number: int, chance: random.Random, *, token: str, state: tuple[int, str] = (16, "running")
) -> str:
    """Return one reservation with one instance; `token` is its id after the hyphen."""
    tags = {
        "Name": f"web-{number}",
        "team": chance.choice(("payments", "search", "R&amp;D")),
        "env": chance.choice(("production", "staging")),
        "cost-centre": str(chance.randrange(1000, 9999)),
        "aws:autoscaling:groupName": "web",
    }
    return _INSTANCE.format(
        token=token,
        code=state[0],
        state=state[1],
        type=chance.choice(_TYPES),
        day=f"2026-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}",
        minute=chance.randrange(60),
        zone=chance.choice("abc"),
        high=number // 250 % 250,
        low=number % 250 + 4,
        tags="".join(_TAG.format(key=key, value=value) for key, value in tags.items()),
    )


def get_metric_data(queries: int, points: int, *, seed: int = 1) -> bytes:
    """Return the body of a GetMetricData page in CloudWatch's JSON, `points` to each of `queries`."""
    chance = random.Random(seed)  # noqa: S311 (not for secrets: the same page for the same seed)
    results = ",".join(_metric(number, points, chance) for number in range(queries))
    return f'{{"Messages":[],"MetricDataResults":[{results}]}}'.encode()


def _metric(number: int, points: int, chance: random.Random) -> str:
    times = ",".join(_epochs(points))
    values = ",".join(repr(chance.uniform(0, 100)) for _ in range(points))
    return (
        f'{{"Id":"q{number}","Label":"CPUUtilization","StatusCode":"Complete",'
        f'"Timestamps":[{times}],"Values":[{values}]}}'
    )


def _epochs(points: int) -> Iterator[str]:
    """Yield times five minutes apart as CloudWatch writes them: seconds, in exponent form."""
    return (f"{(1_790_000_000 + 300 * number) / 1e9:.7f}E9" for number in range(points))
