"""Where the answers are that are computed each night."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
