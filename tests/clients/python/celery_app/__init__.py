"""The Celery app under test: `celery -A celery_app worker`. Its settings come from CELERY_TEST_SETTINGS, as JSON."""

import json
import os

from celery import Celery

import celery_app.tasks  # noqa: F401 - registers the shared tasks
from celery_app.routes import routed_queues


def make_app(settings: dict, routes_prefix: str | None = None) -> Celery:
    """Return an app with these settings, the tasks of `celery_app.tasks` and, if asked for, routed queues."""
    app = Celery("celery_app", set_as_current=False)
    app.conf.update(broker_connection_retry_on_startup=True, **settings)
    if routes_prefix:
        app.conf.task_queues = routed_queues(routes_prefix)
    return app


if "CELERY_TEST_SETTINGS" in os.environ:
    app = make_app(json.loads(os.environ["CELERY_TEST_SETTINGS"]), os.environ.get("CELERY_TEST_ROUTES"))
    app.set_default()
