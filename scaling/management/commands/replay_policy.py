"""`manage.py replay_policy`: what the rules would have decided about recorded CPU, as Markdown tables."""

import csv
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from scaling.models import Mode, ScalingPolicy
from scaling.replay import Step, replay

TRACES = "*cpu_utilization*.csv"
SUMMARY = (
    "series",
    "points",
    "days",
    "above 90 %",
    "below 10 %",
    "scale-ups",
    "scale-downs",
    "by IQR",
    "vetoed wishes",
)
DECISIONS = ("time (UTC)", "CPU", "level", "reason")


class Command(BaseCommand):
    help = (
        "Replay recorded CPU of instances (CSV files with the columns timestamp and value, in percent) by "
        "the default policy, as that of mocks of which nothing but CPU is known."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
        parser.add_argument(
            "--traces", type=Path, metavar="DIR", help=f"replay every {TRACES} of a folder, too"
        )
        parser.add_argument("--summary", action="store_true", help="leave out the tables of decisions")

    def handle(self, **options: Any) -> None:
        """Print a row for each series, then each one's decisions. Raises: CommandError for unusable files."""
        folder = options["traces"]
        files = [*options["files"], *(sorted(folder.glob(TRACES)) if folder else [])]
        if not files:
            raise CommandError(f"There is nothing to replay: name files, or a folder with {TRACES}.")
        policy = ScalingPolicy(mode=Mode.MOCK)
        replayed = {file.stem: list(replay(_cpu(file), policy)) for file in files}
        self._table(SUMMARY, (_summary(name, steps) for name, steps in replayed.items()))
        if not options["summary"]:
            for name, steps in replayed.items():
                self.stdout.write(f"\n### {name}\n\n")
                self._table(DECISIONS, (_decision(step) for step in steps if _is_action(step)))

    def _table(self, titles: Sequence[str], rows: Iterator[Sequence[str]]) -> None:
        for row in (titles, ["---"] * len(titles), *rows):
            self.stdout.write(f"| {' | '.join(row)} |")


def _cpu(file: Path) -> dict[datetime, float]:
    try:
        with file.open(newline="") as lines:
            rows = list(csv.DictReader(lines))
        cpu = {
            datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC): float(row["value"]) for row in rows
        }
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise CommandError(f"{file} is no CSV of timestamp and value: {error!r}.") from error
    if len(cpu) < 2:  # noqa: PLR2004  # no spacing without two
        raise CommandError(f"{file} has fewer than two points: the time between them is unknown.")
    return cpu


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _is_action(step: Step) -> bool:
    return step.level_after != step.level_before


def _summary(name: str, steps: Sequence[Step]) -> list[str]:
    actions = [step for step in steps if _is_action(step)]
    wishes = Counter(step.wish for step in actions)
    by_iqr = sum(step.rule == "iqr" for step in actions)
    vetoed = Counter(f"{_way(step)} {' + '.join(step.vetoes)}" for step in steps if step.vetoes)
    return [
        name,
        f"{len(steps):,}",
        f"{(steps[-1].at - steps[0].at).total_seconds() / 86_400:.1f}",
        f"{sum(step.cpu > 90 for step in steps) / len(steps):.1%}",  # noqa: PLR2004  # the column's title
        f"{sum(step.cpu < 10 for step in steps) / len(steps):.1%}",  # noqa: PLR2004
        *map(str, (wishes[1], wishes[-1], by_iqr)),
        ", ".join(f"{count:,} {kind}" for kind, count in vetoed.most_common()) or "none",
    ]


def _way(step: Step) -> str:
    return "up" if step.wish > 0 else "down"


def _decision(step: Step) -> list[str]:
    levels = f"{step.level_before} to {step.level_after}"
    return [f"{step.at:%Y-%m-%d %H:%M}", f"{step.cpu:.2f}%", levels, step.reason]
