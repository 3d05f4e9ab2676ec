"""Run the demo cloud: `python -m democloud --port 4566 --home .cloudintel`."""

import argparse
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from democloud import home, server, traces
from democloud.costexplorer import GROUPS_PER_PAGE
from democloud.estate import Estate
from democloud.world import World, generated


def main(arguments: Sequence[str] | None = None) -> None:
    """Found or restore the estate, then serve it until told to stop; a bad start is one line and a code."""
    logging.basicConfig(level=logging.INFO, format="{asctime} {levelname} {name}: {message}", style="{")
    options = _options(arguments)
    try:
        listener = server.bind(options.bind, options.port)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (")[0]
        raise SystemExit(f"democloud: port {options.port} on {options.bind}: {reason}") from error
    with listener:
        try:
            estate = home.kept_estate(options.home, now=server.utc_now(), seed=options.seed)
            world = _world(estate, options.traces)
        except (home.HomeError, traces.TraceError) as error:
            raise SystemExit(f"democloud: {error}") from error
        deliveries = server.Deliveries(estate, options.home)
        deliveries.make(server.utc_now().date())
        application = server.DemoCloud(world, deliveries, groups_per_page=options.groups_per_page)
        with server.make(application, listener) as running:
            server.stop_on_signals()
            print(f"The demo cloud answers at http://{options.bind}:{running.port}", flush=True)
            running.serve_forever()


def _world(estate: Estate, folder: str) -> World:
    return traces.replayed(estate, Path(folder)) if folder else generated(estate)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="democloud", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="0 takes any free port and says which")
    parser.add_argument(
        "--home", type=Path, required=True, help="where demo.json keeps the seed and the anchor"
    )
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument(
        "--traces",
        default=os.environ.get("CLOUDINTEL_TRACES", ""),
        help="replay the CSV files of this folder instead of the generated fleet",
    )
    parser.add_argument("--seed", type=int, help="of a new estate; a kept one keeps its own")
    parser.add_argument(
        "--groups-per-page", type=int, default=GROUPS_PER_PAGE, help="of Cost Explorer's answers"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
