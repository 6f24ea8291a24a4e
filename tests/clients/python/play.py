"""A session from its launch to its end, with a client that openapi-python-client generated.

`models` is what datamodel-code-generator made of the same document; every answer is parsed with it.
"""

import os

import httpx
import models
from ah_client import AuthenticatedClient
from ah_client.api.sessions import (
    answer_permission,
    get_session,
    prompt_session,
    session_events,
)
from ah_client.api.tasks import launch_task
from ah_client.models import (
    AgentSelection,
    AgentSelectionSettings,
    CreateTask,
    LaunchedTask,
    PageSessionEvent,
    Permission,
    PermissionAnswerSelected,
    Problem,
    PromptRequest,
    RepoConfigNone,
    SessionEventsSort,
)
from httpx_sse import connect_sse

URL, KEY = os.environ["AH_TEST_URL"], os.environ["AH_TEST_KEY"]
UNKNOWN = "01JZAAAAAAAAAAAAAAAAAAAAA1"


def body(response):
    """The parsed answer, after a check that the other generator's type reads it too."""
    kind = type(response.parsed).__name__
    getattr(models, kind).model_validate_json(response.content)
    return response.parsed


with AuthenticatedClient(base_url=URL, token=KEY, timeout=httpx.Timeout(30)) as client:
    settings = AgentSelectionSettings()
    settings["scenario"] = "permission"
    task = CreateTask(
        prompt="Count the files here and write the number into COUNT.md",
        repo=RepoConfigNone(mode="none"),
        agents=[AgentSelection(type_="scenario", settings=settings)],
    )
    launched = body(launch_task.sync_detailed(client=client, body=task))
    assert isinstance(launched, LaunchedTask)
    session = launched.session_ids[0]

    streamed, answered, status = [], 0, None
    stream = f"/api/v1/sessions/{session}/events/stream"
    with connect_sse(client.get_httpx_client(), "GET", stream) as source:
        for frame in source.iter_sse():
            if not frame.data:
                continue
            event = models.SessionEvent.model_validate_json(frame.data).root
            streamed.append(event.seq.root)
            if event.type == "permission_request":
                option = next(it for it in event.options if str(it.kind.value).startswith("allow"))
                answer = answer_permission.sync_detailed(
                    session,
                    event.request_id.root,
                    client=client,
                    body=PermissionAnswerSelected(option_id=option.id),
                )
                assert isinstance(body(answer), Permission), answer
                answered += 1
            if event.type == "status":
                status = event.status.value
    assert answered and status == "completed", (answered, status)
    assert streamed == list(range(1, len(streamed) + 1)), streamed

    paged, page = [], 1
    while page:
        events = body(
            session_events.sync_detailed(
                session, client=client, sort=SessionEventsSort.ASC, per_page=2, page=page
            )
        )
        assert isinstance(events, PageSessionEvent)
        paged += [event.seq for event in events.items]
        page = events.next_page or None
    assert paged == streamed, (paged, streamed)

    missing = body(get_session.sync_detailed(UNKNOWN, client=client))
    assert isinstance(missing, Problem) and missing.type_.value == "/errors/not-found"
    late = prompt_session.sync_detailed(session, client=client, body=PromptRequest(prompt="Again"))
    assert isinstance(body(late), Problem) and late.parsed.type_.value == "/errors/gone"
    print(f"{len(streamed)} events, {answered} answered")
