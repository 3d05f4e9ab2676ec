"""Run the stub: `python -m benchmarks.stub --port 4566 --instances 1000 --latency-ms 50`."""

import argparse
import gc
import socket
from collections.abc import Sequence

import uvicorn

from benchmarks.stub.app import Behaviour, Stub
from benchmarks.stub.estate import Estate


def main(arguments: Sequence[str] | None = None) -> None:
    """Render the estate, then serve it until told to stop; the address is printed when it answers."""
    options = _options(arguments)
    estate = Estate(
        options.instances, tuple(options.regions.split(",")), options.volumes, options.memory_every
    )
    behaviour = Behaviour().with_(
        {"latency_ms": options.latency_ms, "seed": options.seed, "faults": options.fault}
    )
    with socket.create_server((options.bind, options.port), backlog=256) as listener:
        stub = Stub(estate, behaviour)
        gc.collect()
        gc.freeze()
        print(f"The stub answers at http://{options.bind}:{listener.getsockname()[1]}", flush=True)
        config = uvicorn.Config(
            stub,
            loop="uvloop",
            http="httptools",
            interface="asgi3",
            lifespan="off",
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        uvicorn.Server(config).run(sockets=[listener])


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.stub", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="0 takes any free port and says which")
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--instances", type=int, default=1000, help="in each account and region")
    parser.add_argument("--volumes", type=int, default=1, choices=(0, 1), help="of each instance")
    parser.add_argument("--memory-every", type=int, default=0, help="each so-manieth instance has an agent")
    parser.add_argument("--regions", default="eu-west-1", help="joined by commas")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="before each answer")
    parser.add_argument("--seed", type=int, default=1, help="of the faults")
    parser.add_argument(
        "--fault", action="append", default=[], help="KIND[@ACTION or REGION]=SHARE, =#2,#5 or =page3"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
