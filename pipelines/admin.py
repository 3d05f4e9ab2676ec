"""The run ledger in the admin: what ran, how it ended and why, and a way to run it again."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.permissions import Role, asking, has_role
from core.admin import EmptyFilter, ReadOnlyAdmin, ReadOnlyInline, link_to, pretty
from core.errors import InvalidInputError
from pipelines import cancelling, history, ledger, overview, resuming
from pipelines.errors import RunConflictError
from pipelines.models import Run, Status, Step
from pipelines.quality.admin import QualityReportAdmin

__all__ = ["QualityReportAdmin"]  # Django finds pages in this module

_COLOURS = {
    Status.SUCCEEDED: "#1a7f37",
    Status.PARTIAL: "#b35900",
    Status.FAILED: "#c1121f",
    Status.RUNNING: "#0b5cad",
    Status.CANCELLED: "#6e7781",
}


def start_and_tell(
    request: HttpRequest, pipeline: str, *, scope: str = "all", params: dict[str, Any] | None = None
) -> None:
    """Start the pipeline for whoever asks, or find the run that is active, and show where it is."""
    try:
        run = ledger.start(pipeline, scope=scope, requested_by=asking(request), params=params)
    except (InvalidInputError, RunConflictError) as error:
        messages.error(request, str(error))
    else:
        _tell(request, run)


def _tell(request: HttpRequest, run: Run) -> None:
    messages.success(request, format_html("{} is {}.", link_to(run), run.status))


class _Outcome:
    """Columns that runs and their steps share."""

    @admin.display(description="status", ordering="status")
    def coloured_status(self, row: Run | Step) -> SafeString:
        """Show an outcome so that failures stand out."""
        colour = _COLOURS.get(Status(row.status), "inherit")
        return format_html('<b style="color: {}">{}</b>', colour, row.status)

    @admin.display(description="counts")
    def readable_counts(self, row: Run | Step) -> str:
        """Show what was counted, such as `created 3, updated 1`."""
        return ", ".join(f"{name} {count}" for name, count in row.counts.items() if count)

    @admin.display(description="outputs")
    def readable_outputs(self, row: Run | Step) -> str:
        """Show what came of it, such as `start 2026-03-01, days 30`."""
        return ", ".join(f"{name} {value}" for name, value in row.outputs.items())

    @admin.display(description="inputs")
    def readable_inputs(self, row: Run | Step) -> str:
        """Show what it begins from."""
        inputs = row.params if isinstance(row, Run) else row.inputs
        return ", ".join(f"{name} {value}" for name, value in inputs.items())

    @admin.display(description="attempts")
    def all_attempts(self, row: Run | Step) -> SafeString:
        """Show when each attempt began, how it ended, and why."""
        told = (
            (one["attempt"], f"{one['started_at']:%Y-%m-%d %H:%M:%S}" if one["started_at"] else "-", one)
            for one in history.attempts(row)
        )
        lines = ((number, began, one["outcome"], one["error"][:160]) for number, began, one in told)
        return format_html_join("", "<div>{}. {}: {} {}</div>", lines)


class PartFilter(EmptyFilter):
    """Tells the parts of other runs from the runs that were started."""

    title = "part of another run"
    parameter_name = "part"
    field = "parent"
    names = ("started by itself", "part of another")


class StepInline(_Outcome, ReadOnlyInline):
    """The steps of a run; of very many those that matter most."""

    model = Step
    verbose_name_plural = f"steps, of more than {overview.MOST_STEPS} those that matter most"
    fields = (
        "name",
        "coloured_status",
        "progress",
        "attempt",
        "retries",
        "lost_workers",
        "worker",
        "lease_until",
        "not_before",
        "started_at",
        "finished_at",
        "readable_inputs",
        "readable_outputs",
        "readable_counts",
        "all_attempts",
        "error",
    )
    readonly_fields = fields


class ChildInline(_Outcome, ReadOnlyInline):
    """The runs that a run consists of, in their order."""

    model = Run
    fk_name = "parent"
    verbose_name_plural = "consists of"
    fields = (
        "pipeline",
        "coloured_status",
        "attempt",
        "lost_workers",
        "started_at",
        "finished_at",
        "readable_counts",
        "aws_calls",
        "aws_cost_usd",
        "error",
    )
    readonly_fields = fields
    ordering = ("position",)


@admin.register(Run)
class RunAdmin(_Outcome, ReadOnlyAdmin):
    """The history of runs."""

    list_display = (
        "__str__",
        "coloured_status",
        "first_error",
        "created_at",
        "duration",
        "readable_counts",
        "aws_cost_usd",
        "trigger",
    )
    list_filter = ("status", "pipeline", "trigger", PartFilter)
    search_fields = ("pipeline", "scope", "error")
    date_hierarchy = "created_at"
    actions = ("start_again", "cancel", "resume")
    inlines = (ChildInline, StepInline)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "pipeline",
                    "scope",
                    "coloured_status",
                    "progress",
                    "all_steps",
                    "error",
                    "readable_counts",
                    "readable_outputs",
                    "all_attempts",
                )
            },
        ),
        ("When", {"fields": ("scheduled_for", "created_at", "started_at", "finished_at", "duration")}),
        ("Why", {"fields": ("trigger", "requested_by", "shown_params", "parent")}),
        ("AWS", {"fields": ("aws_calls", "aws_cost_usd")}),
        (
            "Worker",
            {
                "fields": (
                    "attempt",
                    "step_attempts",
                    "retries",
                    "lost_workers",
                    "worker",
                    "lease_until",
                    "fence",
                    "not_before",
                    "published_at",
                )
            },
        ),
    )
    readonly_fields = (
        "coloured_status",
        "progress",
        "all_steps",
        "readable_counts",
        "readable_outputs",
        "all_attempts",
        "shown_params",
        "duration",
    )

    def get_formset_kwargs(self, request: HttpRequest, obj: Run, inline: Any, prefix: str) -> dict[str, Any]:
        """Have a run's page show as many steps as a page can."""
        arguments = super().get_formset_kwargs(request, obj, inline, prefix)
        if isinstance(inline, StepInline):
            arguments["queryset"] = overview.foremost([obj.pk]).select_related("run")
        return arguments

    @admin.display(description="progress")
    def progress(self, run: Run) -> SafeString:
        """Show how far it is as a bar, and in numbers."""
        overview.prepare([run])
        found = overview.progress(run)
        if found.percent is None:
            return format_html("not planned yet")
        bar = '<progress max="100" value="{}"></progress> {} %, {} of {} steps'
        return format_html(bar, found.percent, found.percent, found.done, found.total)

    @admin.display(description="asked for")
    def shown_params(self, run: Run) -> SafeString:
        return pretty(run.params)

    @admin.display(description="steps")
    def all_steps(self, run: Run) -> SafeString:
        """Show how many steps there are of each status, and lead to them."""
        steps = reverse("admin:pipelines_step_changelist")
        return format_html_join(
            ", ",
            '<a href="{}?run__id__exact={}&amp;status__exact={}">{} {}</a>',
            ((steps, run.pk, status, status, number) for status, number in overview.counts(run).items()),
        )

    @admin.display(description="duration")
    def duration(self, run: Run) -> str:
        return "-" if run.duration_s is None else f"{run.duration_s:.1f} s"

    @admin.display(description="error")
    def first_error(self, run: Run) -> str:
        return run.error.partition("\n")[0][:160]

    def has_start_permission(self, request: HttpRequest) -> bool:
        return has_role(asking(request), Role.OPERATOR)

    @admin.action(description="Start again", permissions=["start"])
    def start_again(self, request: HttpRequest, chosen: QuerySet[Run]) -> None:
        """Start runs like these; of several for the same, the last one's like."""
        last = {(run.pipeline, run.scope): run for run in chosen.order_by("pipeline", "scope", "pk")}
        for (pipeline, scope), run in last.items():
            start_and_tell(request, pipeline, scope=scope, params=run.params)

    @admin.action(description="Cancel", permissions=["start"])
    def cancel(self, request: HttpRequest, chosen: QuerySet[Run]) -> None:
        self._each(request, chosen, lambda run: cancelling.cancel(run.pk, by=asking(request)))

    @admin.action(description="Resume", permissions=["start"])
    def resume(self, request: HttpRequest, chosen: QuerySet[Run]) -> None:
        self._each(request, chosen, lambda run: resuming.resume(run.pk))

    def _each(self, request: HttpRequest, chosen: QuerySet[Run], do: Callable[[Run], Run]) -> None:
        """Do it with each run, parents first, and tell what became of it."""
        for run in chosen.order_by("pk"):
            try:
                _tell(request, do(run))
            except (InvalidInputError, RunConflictError) as error:
                messages.error(request, str(error))


@admin.register(Step)
class StepAdmin(_Outcome, ReadOnlyAdmin):
    """The parts of runs, for finding one across all of them."""

    list_display = (
        "name",
        "run",
        "coloured_status",
        "attempt",
        "retries",
        "lost_workers",
        "lease_until",
        "not_before",
        "started_at",
        "readable_counts",
        "error",
    )
    list_filter = ("status", "run__pipeline")
    list_select_related = ("run",)
    search_fields = ("name", "error")
    show_full_result_count = False
