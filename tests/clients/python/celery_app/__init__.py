"""The Celery app under test: `celery -A celery_app worker`. Its settings come from CELERY_TEST_SETTINGS, as JSON."""

import json
import os

from celery import Celery

import celery_app.tasks  # noqa: F401 - registers the shared tasks


def make_app(settings: dict) -> Celery:
    """Return an app with these settings, and the tasks of `celery_app.tasks`."""
    app = Celery("celery_app", set_as_current=False)
    app.conf.update(broker_connection_retry_on_startup=True, worker_prefetch_multiplier=4, **settings)
    return app


if "CELERY_TEST_SETTINGS" in os.environ:
    app = make_app(json.loads(os.environ["CELERY_TEST_SETTINGS"]))
    app.set_default()
