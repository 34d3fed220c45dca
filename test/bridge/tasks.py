"""A Celery application beside Watchpost: a worker that consumes events, and with `submit` a client that submits photos."""

import base64
import json
import os
import sys

from celery import Celery

app = Celery("tasks", broker=os.environ["BROKER"], backend="rpc://")


@app.task(name="tasks.on_event")
def on_event(event):
    # The worker writes it to its log, on stderr.
    print("event " + json.dumps(event))


def outcome_of(result):
    try:
        return result.get(timeout=60)
    except Exception as error:
        return {"error": str(error)}


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:
        photo = base64.b64encode(file.read()).decode()
    options = {"queue": "celery-photos"}
    sent = [
        app.send_task("watchpost.submit", kwargs={"image": photo, "camera": "yard"}, task_id="t1", **options),
        app.send_task("watchpost.submit", args=[photo], task_id="t2", **options),
        app.send_task("watchpost.submit", kwargs={"image": "?"}, task_id="t3", **options),
        app.send_task("another.task", task_id="t4", **options),
    ]
    print(json.dumps([outcome_of(result) for result in sent]))
