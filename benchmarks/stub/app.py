"""The ASGI application: it counts each call, lets it go wrong where told so, and answers after the latency.

Beside AWS's protocol: `GET /livez`; `GET /stub/calls` says how many calls of each action came and which
refusals they met; `GET /stub/desired` says what Auto Scaling groups were set to, one after the other;
`POST /stub/reset` begins anew, with the behaviour that its JSON body names.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import orjson

from benchmarks.stub import costs, faults, limits, sts
from benchmarks.stub.autoscaling import AutoScaling
from benchmarks.stub.cloudwatch import CloudWatch
from benchmarks.stub.ec2 import Ec2
from benchmarks.stub.estate import Estate
from benchmarks.stub.faults import Fault
from benchmarks.stub.limits import Rate
from benchmarks.stub.protocol import Answer, Call, Handler, call_of, json_answer, refusal
from democloud.protocol import AwsError, Json

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the stub treats its callers."""

    latency_ms: float = 0.0
    seed: int = 1
    faults: tuple[Fault, ...] = ()
    rates: dict[str, Rate] = field(default_factory=lambda: dict(limits.PUBLISHED))

    def with_(self, told: Json) -> "Behaviour":
        """Return another behaviour: `faults` as they are written, `rates` as calls a second by action."""
        changes: dict[str, Any] = {name: told[name] for name in ("latency_ms", "seed") if name in told}
        if "faults" in told:
            changes["faults"] = tuple(map(Fault.parse, told["faults"]))
        if "rates" in told:
            changes["rates"] = self.rates | {name: Rate(rate, rate) for name, rate in told["rates"].items()}
        return replace(self, **changes)


class Stub:
    """One AWS, with the same estate in every account."""

    def __init__(self, estate: Estate, behaviour: Behaviour) -> None:
        self._usual = behaviour
        self._cloudwatch = CloudWatch(estate)
        self._autoscaling = AutoScaling()
        self._handlers: dict[str, dict[str, Handler]] = {
            "autoscaling": self._autoscaling.actions,
            "ec2": Ec2(estate).actions,
            "monitoring": self._cloudwatch.actions,
            "sts": {"GetCallerIdentity": sts.caller_identity, "AssumeRole": sts.assume_role},
            "ce": {"GetCostAndUsage": costs.get_cost_and_usage},
        }
        self._reset({})

    def _reset(self, told: Json) -> None:
        self._behaviour = self._usual.with_(told)
        self._limits = limits.Limits(self._behaviour.rates)
        self._autoscaling.was_set.clear()
        self._calls: Counter[str] = Counter()
        self._refused: defaultdict[str, Counter[str]] = defaultdict(Counter)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        body = await _body(receive)
        answer = self._control(scope, body)
        if answer is None:
            answer = await self._aws(dict(scope["headers"]), body)
        if answer is None:
            # The caller hears nothing until it gives up.
            await receive()
            return
        await _send(send, answer)

    def _control(self, scope: Message, body: bytes) -> Answer | None:
        match scope["method"], scope["path"]:
            case "GET", "/livez":
                return json_answer(b"{}")
            case "GET", "/stub/calls":
                return json_answer(orjson.dumps({"calls": self._calls, "refused": self._refused}))
            case "GET", "/stub/desired":
                return json_answer(orjson.dumps(self._autoscaling.was_set))
            case "POST", "/stub/reset":
                self._reset(orjson.loads(body or b"{}"))
                return json_answer(b"{}")
        return None

    async def _aws(self, headers: dict[bytes, bytes], body: bytes) -> Answer | None:
        """Answer as AWS after the latency; None is silence."""
        await asyncio.sleep(self._behaviour.latency_ms / 1000)
        try:
            call = call_of(headers, body)
        except AwsError as error:
            return refusal(error, "ec2" if b"x-amz-target" not in headers else "json")
        self._calls[call.action] += 1
        try:
            return self._answer(call, self._strike(call))
        except AwsError as error:
            self._refused[call.action][error.code] += 1
            return refusal(error, call.service)

    def _strike(self, call: Call) -> str:
        """Return the kind of fault that this call meets, "" for none. Raises: AwsError for a refusal."""
        number = self._calls[call.action]
        struck = (
            fault.kind
            for fault in self._behaviour.faults
            if fault.strikes(call, number, self._behaviour.seed)
        )
        kind = next(struck, "")
        if not kind and not self._limits.allows(call):
            kind = "throttle"
        if error := faults.refusal(kind, call.service):
            raise error
        return kind

    def _answer(self, call: Call, fault: str) -> Answer | None:
        handler = self._handlers.get(call.service, {}).get(call.action)
        if handler is None:
            raise AwsError("InvalidAction", f"The stub has no {call.service}:{call.action}")
        if fault == faults.TIMEOUT:
            self._refused[call.action][fault] += 1
            return None
        if fault == faults.PARTIAL and call.action == "GetMetricData":
            handler = partial(self._cloudwatch.get_metric_data, partial=True)
        try:
            answer = handler(call)
        except (KeyError, TypeError, ValueError) as error:
            raise AwsError("ValidationError", f"A parameter is missing or malformed: {error}") from error
        if fault:
            self._refused[call.action][fault] += 1
        return answer.torn() if fault == faults.TORN else answer


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _send(send: Send, answer: Answer) -> None:
    length = str(len(answer.body)).encode()
    headers = [(b"content-type", answer.content_type), (b"content-length", length), *answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
