"""What the API's description cannot say, since it is of this host and of this run."""

import copy
import itertools
import os
import re

import schemathesis

REPOSITORY = os.environ["AH_TEST_REPOSITORY"]
VARIABLE = os.environ["AH_TEST_VARIABLE"]
SESSIONS_MAX = 2

keys = itertools.count(1)
# Most questions for a session's events are for its history, which ends; every fourth is for the
# stream, which need not.
histories = itertools.count(1)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Lets every request that is good by its form be about what is here."""
    one_key_a_request(case)
    operation = case.operation.definition.raw.get("operationId")
    is_good = case.meta is not None and case.meta.generation.mode.is_positive
    if is_good and operation == "launch_task":
        case.body = on_this_host(copy.deepcopy(case.body))
    if operation == "session_events" and next(histories) % 4:
        case.headers["Accept"] = "application/json"


def one_key_a_request(case):
    """A key stands for one request, so one that is generated twice would be another's."""
    for name, value in (case.headers or {}).items():
        if name.lower() == "idempotency-key" and re.fullmatch("[A-Z0-9]{26}", str(value)):
            case.headers[name] = f"{next(keys):026}"


def on_this_host(task):
    """Names an agent, a repository and variables that there are."""
    for agent in task["agents"]:
        agent["type"] = "scenario"
        agent["settings"] = {"scenario": "permission"}
        agent["count"] = min(agent.get("count") or 1, SESSIONS_MAX)
        agent.pop("version", None)
        agent.pop("model", None)
    # Options that are not built yet are refused with 501.
    if task["repo"]["mode"] == "upload":
        task["repo"] = {"mode": "none"}
    if "runtime" in task:
        task["runtime"] = {"type": "local"}
    task.pop("delivery", None)
    task.pop("webhooks", None)
    if task["repo"]["mode"] == "git":
        task["repo"]["url"] = REPOSITORY
    if "env" in task:
        task["env"] = {VARIABLE: value for value in task["env"].values()}
    return task
