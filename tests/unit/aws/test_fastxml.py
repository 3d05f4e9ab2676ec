"""EC2's XML means the same to lxml and to botocore, or it is left to botocore."""

from copy import deepcopy
from datetime import UTC, datetime

import pytest
from botocore.model import ServiceModel

from benchmarks import answers
from collectors.aws import fastxml
from collectors.aws.shapes import UnknownShapeError
from tests.unit.aws.both import NAMESPACE, Both, assert_left_to_botocore, assert_read_fast_and_equal


@pytest.fixture(scope="module")
def instances():
    return Both("ec2", "DescribeInstances")


@pytest.fixture(scope="module")
def volumes():
    return Both("ec2", "DescribeVolumes")


def page(content, *, end="<requestId>r-1</requestId>"):
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<DescribeInstancesResponse xmlns="{NAMESPACE}">'
        f"<reservationSet>{content}</reservationSet>{end}</DescribeInstancesResponse>"
    ).encode()


def instance(content):
    return page(f"<item><instancesSet><item>{content}</item></instancesSet></item>")


def only(parsed):
    return parsed["Reservations"][0]["Instances"][0]


def test_a_page_as_ec2_lays_it_out(instances):
    parsed = assert_read_fast_and_equal(instances, answers.describe_instances(25))
    assert len(parsed["Reservations"]) == 25
    assert parsed["ResponseMetadata"]["RequestId"] == "8f7724cf-496f-496e-8fe3-example"


def test_times_are_aware_and_in_utc(instances):
    body = instance("<launchTime>2026-03-01T08:15:07.250Z</launchTime>")
    found = only(assert_read_fast_and_equal(instances, body))["LaunchTime"]
    assert found == datetime(2026, 3, 1, 8, 15, 7, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "content",
    [
        "<launchTime>2026-03-01T08:15:07Z</launchTime>",
        "<launchTime>2026-03-01T08:15:07.123456Z</launchTime>",
        "<launchTime>2026-03-01T09:15:07+01:00</launchTime>",
        "<launchTime>Sun, 01 Mar 2026 08:15:07 GMT</launchTime>",
        "<launchTime>1772352907</launchTime>",
        "<launchTime>2026-03-01</launchTime>",
        "<ebsOptimized>true</ebsOptimized><enaSupport>false</enaSupport>",
        "<ebsOptimized>TRUE</ebsOptimized><enaSupport>1</enaSupport>",
        "<ebsOptimized/>",
        "<amiLaunchIndex>007</amiLaunchIndex>",
        "<amiLaunchIndex> -12 </amiLaunchIndex>",
        "<amiLaunchIndex>18446744073709551617</amiLaunchIndex>",
        "<keyName/>",
        "<keyName></keyName>",
        "<keyName>   </keyName>",
        "<keyName>\n\t </keyName>",
        f"<keyName>{' ' * 1000}</keyName>",
        f"<keyName>{' ' * 1000}x</keyName>",
        "<keyName> &#32; </keyName>",
        "<keyName>&#13;&#10;</keyName>",
        "<keyName>a &lt; b &amp;&amp; c &gt; &quot;d&quot; &apos;</keyName>",
        "<keyName>what?! 100 % of ]]</keyName>",
        "<keyName>Größe 東京 \U0001f680 &#x1F680;</keyName>",
        "<tagSet/>",
        "<tagSet><item><key>Name</key><value/></item><item><key/><value>x</value></item></tagSet>",
        "<tagSet>\n  <item>\n    <key>a</key>\n    <value> b </value>\n  </item>\n</tagSet>",
        "<placement/>",
        "<placement>\n</placement>",
        "<monitoring><state>pending</state></monitoring>",
        "<newcomer><deep><er>1</er></deep></newcomer><keyName>k</keyName>",
        '<keyName lang="en">k</keyName>',
        "<capacityReservationSpecification><capacityReservationTarget/></capacityReservationSpecification>",
        "",
    ],
)
def test_equal_values(instances, content):
    assert_read_fast_and_equal(instances, instance(content))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(page(""), id="no reservations"),
        pytest.param(page("<item/>"), id="empty reservation"),
        pytest.param(page("", end=""), id="no request id"),
        pytest.param(page("", end="<requestId/>"), id="empty request id"),
        pytest.param(page("", end="<requestId>1</requestId><requestId>2</requestId>"), id="two request ids"),
        pytest.param(page("", end="<nextToken>a+/=</nextToken>"), id="next token"),
        pytest.param(page("").replace(f' xmlns="{NAMESPACE}"'.encode(), b""), id="no namespace"),
        pytest.param(
            page("").replace(b'<?xml version="1.0" encoding="UTF-8"?>', b"<?xml version='1.0'?>"),
            id="no encoding",
        ),
        pytest.param(page("").replace(b'<?xml version="1.0" encoding="UTF-8"?>\n', b""), id="no declaration"),
        pytest.param(page("").replace(b"2016-11-15", b"2030-01-01"), id="another version"),
    ],
)
def test_equal_pages(instances, body):
    assert_read_fast_and_equal(instances, body)


def test_a_text_too_long_for_the_usual_limits_of_libxml2(instances):
    assert_read_fast_and_equal(instances, instance(f"<keyName>{'x' * 11_000_000}</keyName>"))


def test_volumes(volumes):
    body = (
        f'<DescribeVolumesResponse xmlns="{NAMESPACE}"><requestId>r</requestId><volumeSet><item>'
        "<volumeId>vol-1</volumeId><size>8</size><encrypted>true</encrypted><iops>3000</iops>"
        "<createTime>2026-03-01T08:15:07.250Z</createTime><attachmentSet><item><device>/dev/xvda</device>"
        "<deleteOnTermination>true</deleteOnTermination></item></attachmentSet><tagSet/></item></volumeSet>"
        "</DescribeVolumesResponse>"
    ).encode()
    parsed = assert_read_fast_and_equal(volumes, body)
    assert parsed["Volumes"][0]["Iops"] == 3000


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not XML", id="not XML"),
        pytest.param(b"<html><body>Service Unavailable</body></html>", id="HTML"),
        pytest.param(answers.describe_instances(3)[:-500], id="torn"),
        pytest.param(instance("<keyName>\n <x/></keyName>"), id="text with a child"),
        pytest.param(instance("<keyName>a<!-- b -->c</keyName>"), id="comment"),
        pytest.param(instance("<keyName><![CDATA[a < b]]></keyName>"), id="CDATA"),
        pytest.param(instance("<keyName>a<?b c?>d</keyName>"), id="processing instruction"),
        pytest.param(instance("<keyName>a\r\nb</keyName>"), id="carriage return"),
        pytest.param(instance("<amiLaunchIndex>many</amiLaunchIndex>"), id="no integer"),
        pytest.param(instance("<amiLaunchIndex/>"), id="empty integer"),
        pytest.param(instance("<launchTime>soon</launchTime>"), id="no time"),
        pytest.param(instance('<keyName xmlns="http://example.com/">a</keyName>'), id="other namespace"),
        pytest.param(
            instance('<a:keyName xmlns:a="http://example.com/">a</a:keyName>'), id="prefixed namespace"
        ),
        pytest.param(instance("<a:keyName>a</a:keyName>"), id="unbound prefix"),
        pytest.param(page("<a:item/>"), id="unbound prefix in a list"),
        pytest.param(page("").replace(b"DescribeInstancesResponse", b"SomethingElse"), id="unknown root"),
        pytest.param(page("").replace(b"UTF-8", b"ISO-8859-1").replace(b"r-1", b"\xe4"), id="other encoding"),
        pytest.param(page("").replace(b"r-1", b"&#1;"), id="forbidden reference"),
        pytest.param(page("").replace(b"r-1", b"\x00"), id="NUL"),
        pytest.param(page("").replace(b'"1.0"', b'"1.1"'), id="XML 1.1"),
        pytest.param("\ufeff".encode() + page(""), id="byte order mark"),
    ],
)
def test_what_it_does_not_know_is_left_to_botocore(instances, body):
    assert_left_to_botocore(instances, body)


def test_a_member_twice_is_left_to_botocore(instances):
    # botocore hands out its own nodes there, which nothing can be compared with.
    assert not instances.hooked(instance("<keyName>a</keyName><keyName>b</keyName>"))[1]


def test_entities_are_not_expanded(instances):
    doctype = b'<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
    body = page("").replace(b"<Describe", doctype + b"<Describe", 1).replace(b"r-1", b"&b;")
    assert_left_to_botocore(instances, body)


def test_no_file_is_read(instances, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    doctype = f'<!DOCTYPE d [<!ENTITY f SYSTEM "file://{secret}">]>'.encode()
    body = page("").replace(b"<Describe", doctype + b"<Describe", 1).replace(b"r-1", b"&f;")
    assert "hidden" not in str(assert_left_to_botocore(instances, body))


def test_errors_are_left_to_botocore(instances):
    body = b"<Response><Errors><Error><Code>Denied</Code></Error></Errors><RequestID>r</RequestID></Response>"
    assert assert_left_to_botocore(instances, body, 403)["Error"]["Code"] == "Denied"


def test_another_protocol_is_left_to_botocore(instances, monkeypatch):
    monkeypatch.setattr(instances.model.service_model, "resolved_protocol", "query", raising=False)
    assert_left_to_botocore(instances, page(""))


@pytest.mark.parametrize(
    "member",
    [
        {"shape": "Map"},
        {"shape": "Blob"},
        {"shape": "Flat"},
        {"shape": "Text", "xmlAttribute": True},
        {"shape": "Text", "location": "header"},
        {"shape": "Union"},
    ],
    ids=["map", "blob", "flattened list", "attribute", "header", "union"],
)
def test_a_shape_it_does_not_know_is_refused(member):
    with pytest.raises(UnknownShapeError):
        fastxml.compiled(shape(member), {"Member": {}})


def test_what_is_not_wanted_is_not_read():
    parse = fastxml.compiled(shape({"shape": "Rows"}), {})
    assert parse(b"<Output><Member><r><c>odd</c></r></Member></Output>")[0] == {}


@pytest.mark.parametrize(
    "rest",
    ["", "<Bulk>x</Bulk>", "<Bulk>a</Bulk><Bulk/><Bulk></Bulk>", "<Bulk><odd</Bulk>", "<Bulk\n>b</Bulk>"],
)
def test_what_is_unread_is_cut_out(rest):
    parse = fastxml.compiled(shape({"shape": "Text"}), {"Member": True}, unread="Bulk")
    body = f"<Output>{rest}<Member>m</Member>{rest}<requestId>r</requestId></Output>".encode()
    assert parse(body) == ({"Member": "m"}, b"<Output><requestId>r</requestId></Output>")


@pytest.mark.parametrize("bulk", ["<Bulk>", "<Bulk><Bulk></Bulk></Bulk>", "<Bulk><!-- </Bulk> --></Bulk>"])
def test_what_is_unread_must_end_where_it_seems_to(bulk):
    parse = fastxml.compiled(shape({"shape": "Text"}), {"Member": True}, unread="Bulk")
    with pytest.raises(UnknownShapeError):
        parse(f"<Output>{bulk}<Member>m</Member></Output>".encode())


def test_lists_of_lists_of_numbers():
    parse = fastxml.compiled(shape({"shape": "Rows", "locationName": "rows"}), {"Member": True})
    body = b"<Output><rows><r><c>1</c><c>2</c></r><r/></rows></Output>"
    assert parse(body)[0] == {"Member": [[1, 2], []]}


def shape(member):
    """An output shape with one member."""
    shapes = deepcopy(SHAPES)
    shapes["Output"]["members"]["Member"] = member
    return ServiceModel({"metadata": {}, "shapes": shapes}).shape_for("Output")


SHAPES = {
    "Output": {"type": "structure", "members": {}},
    "Text": {"type": "string"},
    "Number": {"type": "integer"},
    "Blob": {"type": "blob"},
    "Map": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Text"}},
    "Flat": {"type": "list", "member": {"shape": "Text"}, "flattened": True},
    "Row": {"type": "list", "member": {"shape": "Number"}},
    "Rows": {"type": "list", "member": {"shape": "Row"}},
    "Union": {"type": "structure", "union": True, "members": {"A": {"shape": "Text"}}},
}
