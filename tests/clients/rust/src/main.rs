//! A session from its launch to its end, with a client that progenitor generated from the document in
//! OpenAPI 3.0.

use anyhow::{Context as _, bail, ensure};
use client::types;
use futures::StreamExt as _;

mod client {
    progenitor::generate_api!(
        spec = "openapi-3.0.json",
        interface = Builder,
        tags = Merged
    );
}

/// An id of no session.
const UNKNOWN: &str = "01JZAAAAAAAAAAAAAAAAAAAAA1";

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let (url, key) = (std::env::var("AH_TEST_URL")?, std::env::var("AH_TEST_KEY")?);
    let mut headers = reqwest::header::HeaderMap::new();
    headers.insert("x-api-key", key.parse()?);
    let http = reqwest::Client::builder()
        .default_headers(headers)
        .build()?;
    let api = client::Client::new_with_client(&url, http);

    // Create.
    let task: types::CreateTask = serde_json::from_value(serde_json::json!({
        "prompt": "Count the files here and write the number into COUNT.md",
        "repo": {"mode": "none"},
        "agents": [{"type": "scenario", "settings": {"scenario": "permission"}}],
    }))?;
    let launched = api.launch_task().body(task).send().await.map_err(failed)?;
    let session = launched.session_ids.first().context("no session")?.clone();

    // Stream, and answer.
    let stream = api
        .stream_session_events()
        .id(session.clone())
        .send()
        .await
        .map_err(failed)?;
    let mut stream = stream.into_inner();
    let (mut text, mut streamed, mut answered, mut status) = (Vec::new(), Vec::new(), 0, None);
    while let Some(chunk) = stream.next().await {
        text.extend(chunk?);
        while let Some(end) = text.windows(2).position(|pair| pair == b"\n\n") {
            let frame: Vec<u8> = text.drain(..end + 2).collect();
            let frame = String::from_utf8(frame)?;
            let Some(data) = frame.lines().find_map(|line| line.strip_prefix("data: ")) else {
                continue;
            };
            let event: serde_json::Value = serde_json::from_str(data)?;
            streamed.push(event["seq"].as_u64().context("no seq")?);
            match serde_json::from_str(data)? {
                types::SessionEvent::PermissionRequestEvent(asked) => {
                    let option = asked.options.first().context("no option")?.id.clone();
                    let answer = serde_json::json!({"optionId": option});
                    let answer: types::PermissionAnswer = serde_json::from_value(answer)?;
                    api.answer_permission()
                        .id(session.clone())
                        .request_id(asked.request_id)
                        .body(answer)
                        .send()
                        .await
                        .map_err(failed)?;
                    answered += 1;
                }
                types::SessionEvent::StatusEvent(change) => {
                    status = Some(change.status.to_string())
                }
                _ => {}
            }
        }
    }
    ensure!(answered > 0, "the agent asked for nothing");
    ensure!(
        status.as_deref() == Some("completed"),
        "the session is {status:?}"
    );
    let expected: Vec<u64> = (1..=streamed.len() as u64).collect();
    ensure!(streamed == expected, "{streamed:?}");

    // Page.
    let mut paged = 0;
    let mut page = std::num::NonZeroU32::new(1);
    while let Some(number) = page {
        let events = api.session_events().id(session.clone());
        let events = events.sort(types::SessionEventsSort::Asc).per_page(2u32);
        let events = events
            .page(u64::from(number.get()))
            .send()
            .await
            .map_err(failed)?;
        paged += events.items.len();
        page = events
            .next_page
            .and_then(|next| std::num::NonZeroU32::new(next as u32));
    }
    ensure!(
        paged == streamed.len(),
        "{paged} of {} events",
        streamed.len()
    );

    // Problem.
    let unknown: types::SessionId = UNKNOWN.parse()?;
    match api.get_session().id(unknown).send().await {
        Ok(_) => bail!("there is a session {UNKNOWN}"),
        Err(error) => ensure!(problem(error).await?.type_.to_string() == "/errors/not-found"),
    }
    println!("{} events, {answered} answered", streamed.len());
    Ok(())
}

/// Returns the problem of a failed request.
async fn problem(
    error: progenitor_client::Error<progenitor_client::ByteStream>,
) -> anyhow::Result<types::Problem> {
    let response = match error {
        progenitor_client::Error::ErrorResponse(response) => response,
        other => return Err(failed(other)),
    };
    let mut body = Vec::new();
    let mut chunks = response.into_inner();
    while let Some(chunk) = chunks.next().await {
        body.extend(chunk?);
    }
    Ok(serde_json::from_slice(&body)?)
}

fn failed<E>(error: progenitor_client::Error<E>) -> anyhow::Error {
    anyhow::anyhow!("the request failed with the status {:?}", error.status())
}
