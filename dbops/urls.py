"""Routes of the automation, below /api/v1/database/automation/."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
