"""Sending orders through a broker that is in trouble."""

import time

import pytest
from celery import Celery
from django.conf import settings

from pipelines import messages

TIMEOUT_S = 1.0


@pytest.fixture
def order(monkeypatch, valkey):
    """Order a task by our settings, but for a shorter patience; the connection is there already."""
    options = {**settings.CELERY_BROKER_TRANSPORT_OPTIONS, "socket_timeout": TIMEOUT_S}
    with Celery(set_as_current=False) as app:
        app.config_from_object("django.conf:settings", namespace="CELERY")
        app.conf.broker_transport_options = options
        monkeypatch.setattr(messages, "app", app)
        assert messages.order("nothing", queue="nowhere")
        yield lambda: messages.order("nothing", queue="nowhere")


def test_a_broker_that_hangs_is_waited_for_once(order, valkey):
    valkey.client_pause(int(10_000 * TIMEOUT_S), all=False)
    began = time.monotonic()
    try:
        assert not order()
    finally:
        valkey.client_unpause()
    assert time.monotonic() - began < 2 * TIMEOUT_S


def test_connections_that_broke_while_nothing_was_sent_lose_no_order(order, valkey):
    valkey.client_kill_filter(_type="normal", skipme=True)
    assert order()
    assert valkey.llen("nowhere") == 2
