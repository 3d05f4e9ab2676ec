"""The same bytes through botocore alone and through botocore with the fast parsers installed."""

from functools import partial

import boto3
from botocore.parsers import create_parser

from collectors.aws import fastparse, fastxml

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"


class Both:
    """One operation of one service, parsed both ways as botocore's endpoint does it.

    Of EC2's answers the hook reads what is `wanted`, or every member that botocore knows.
    """

    def __init__(self, service, operation, wanted=None):
        self.operation = operation
        session = boto3.Session(aws_access_key_id="none", aws_secret_access_key="none")
        self.client = session.client(service, region_name="eu-west-1")
        self.model = self.client.meta.service_model.operation_model(operation)
        if service == "ec2":
            compiler = partial(fastxml.compiled, wanted=wanted or everything(self.model.output_shape))
            hook = fastparse._Handler("ec2", compiler)
            self.client.meta.events.register(f"before-parse.ec2.{operation}", hook)
        else:
            fastparse.install(self.client)

    def botocore(self, body, status=200):
        """The values that botocore's parser finds, or the type of what it raises."""
        return self._parsed({"status_code": status, "headers": HEADERS, "body": body})

    def hooked(self, body, status=200):
        """The values with the hooks installed, and whether the hook did the reading."""
        answer = {"status_code": status, "headers": HEADERS, "body": body}
        customised = {}
        service = self.model.service_model.service_id.hyphenize()
        self.client.meta.events.emit(
            f"before-parse.{service}.{self.operation}",
            operation_model=self.model,
            response_dict=answer,
            customized_response_dict=customised,
        )
        fast = answer["body"] is not body
        assert fast or not customised
        parsed = self._parsed(answer)
        if isinstance(parsed, dict):
            parsed.update(customised)
        return parsed, fast

    def _parsed(self, answer):
        try:
            parser = create_parser(self.model.service_model.resolved_protocol)
            return parser.parse(answer, self.model.output_shape)
        except Exception as error:  # noqa: BLE001 (whatever botocore raises is what is compared)
            return type(error)


def everything(shape):
    """What to want of a shape to have all its members."""
    if shape.type_name == "list":
        return everything(shape.member)
    if shape.type_name != "structure":
        return True
    return {name: everything(member) for name, member in shape.members.items()}


HEADERS = {"x-amzn-requestid": "id-1", "Content-Type": "text/xml"}


def assert_read_fast_and_equal(both, body):
    """Read a body both ways: the hook must have done it, and found the same."""
    parsed, fast = both.hooked(body)
    assert fast
    assert parsed == both.botocore(body)
    return parsed


def assert_left_to_botocore(both, body, status=200):
    """Read a body both ways: the hook must have kept its hands off, so the outcome is the same."""
    parsed, fast = both.hooked(body, status)
    assert not fast
    assert parsed == both.botocore(body, status)
    return parsed
