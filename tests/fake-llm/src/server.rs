//! The server: its routes and the handling of requests.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path as RoutePath, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::conversation::Conversation;
use crate::endpoint::{self, Ids};
use crate::operation::{ScriptedCall, call_for};
use crate::record::{Dialect, Record, RecordGuard, Records, ResponseEnd};
use crate::script::{Chosen, Step, choose};
use crate::stream::{self, Completion};

/// The largest request: instructions and tools of an agent take 200 KiB, its conversation grows.
const BODY_MAX: usize = 64 * 1024 * 1024;

/// The longest wait of a request for a workspace that its prompt names.
const PLACE_PATIENCE: Duration = Duration::from_secs(30);

/// A scripted model on a loopback port.
///
/// Dropping it shuts it down and cuts off all answers in progress.
#[derive(Debug)]
pub struct FakeLlm {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

#[derive(Debug)]
struct Shared {
    records: Arc<Records>,
    ids: Ids,
    places: watch::Sender<BTreeMap<String, PathBuf>>,
}

impl FakeLlm {
    /// Starts a model on a free port.
    ///
    /// # Errors
    /// If the system has no free port or cannot start a thread.
    pub fn start() -> io::Result<Self> {
        Self::listen(0)
    }

    /// Starts a model on this loopback port.
    ///
    /// # Errors
    /// If the port is in use.
    pub fn listen(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            records: Arc::default(),
            ids: Ids::default(),
            places: watch::Sender::default(),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("fake-llm")
            .enable_all()
            .build()?;
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        // With Nagle's algorithm, a frame would wait for the acknowledgement of the previous one. A
        // closed connection does not need the option.
        let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
        let routes = routes(Arc::clone(&shared));
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Ok(Self {
            address,
            shared,
            runtime: Some(runtime),
        })
    }

    /// Returns the base URL without a trailing slash: `http://127.0.0.1:PORT`.
    ///
    /// OpenAI's dialects are below `/v1`. Clients of Anthropic and Google add their paths.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sets the path of the workspace that prompts name as `[[workspace:NAME]]`.
    ///
    /// A request that needs it waits for it for up to 30 s.
    pub fn place(&self, name: &str, workspace: impl Into<PathBuf>) {
        let workspace = workspace.into();
        self.shared.places.send_modify(|places| {
            places.insert(name.to_owned(), workspace);
        });
    }

    /// Returns all records in order of arrival.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.shared.records.snapshot()
    }

    /// Waits up to `patience` for the first record that `wanted` accepts.
    #[must_use]
    pub fn wait_for(&self, patience: Duration, wanted: impl Fn(&Record) -> bool) -> Option<Record> {
        self.shared.records.wait_for(patience, wanted)
    }
}

impl Drop for FakeLlm {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn routes(shared: Arc<Shared>) -> Router {
    let dialect = |dialect: Dialect| {
        post(
            move |State(shared): State<Arc<Shared>>, uri: Uri, body: Bytes| async move {
                let asked = Asked::new(dialect, &uri, None, &body);
                shared.answer(asked).await
            },
        )
    };
    Router::new()
        .route("/v1/responses", dialect(Dialect::Responses))
        .route("/v1/chat/completions", dialect(Dialect::Chat))
        .route("/v1/messages", dialect(Dialect::Messages))
        .route("/v1/messages/count_tokens", post(count_tokens))
        .route("/v1/models", get(models))
        .route("/v1beta/models", get(gemini_models))
        .route("/v1beta/models/{call}", post(gemini))
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(shared)
}

async fn models(State(shared): State<Arc<Shared>>, uri: Uri) -> Json<Value> {
    shared.note(&uri).end(ResponseEnd::Whole);
    Json(endpoint::models())
}

async fn gemini_models(State(shared): State<Arc<Shared>>, uri: Uri) -> Json<Value> {
    shared.note(&uri).end(ResponseEnd::Whole);
    Json(endpoint::gemini_models())
}

async fn count_tokens(State(shared): State<Arc<Shared>>, uri: Uri, body: Bytes) -> Json<Value> {
    shared.note(&uri).end(ResponseEnd::Whole);
    Json(json!({"input_tokens": tokens(&body)}))
}

/// Serves `MODEL:generateContent` and the other methods of a model.
async fn gemini(
    State(shared): State<Arc<Shared>>,
    RoutePath(call): RoutePath<String>,
    uri: Uri,
    body: Bytes,
) -> Response {
    match call.rsplit_once(':') {
        Some((model, "generateContent" | "streamGenerateContent")) => {
            let asked = Asked::new(Dialect::Gemini, &uri, Some(model), &body);
            shared.answer(asked).await
        }
        Some((_, "countTokens")) => {
            shared.note(&uri).end(ResponseEnd::Whole);
            Json(json!({"totalTokens": tokens(&body)})).into_response()
        }
        _ => shared.refuse_path(&uri),
    }
}

async fn unknown(State(shared): State<Arc<Shared>>, method: Method, uri: Uri) -> Response {
    // Agents send this to check that the server is reachable.
    if method == Method::HEAD {
        return StatusCode::OK.into_response();
    }
    shared.refuse_path(&uri)
}

/// Estimates the number of tokens of a text.
fn tokens(body: &Bytes) -> usize {
    (body.len() / 4).max(1)
}

/// A request for an answer.
struct Asked {
    dialect: Dialect,
    path: String,
    /// The parsed body, or the reason why parsing failed.
    conversation: Result<Conversation, String>,
}

impl Asked {
    /// Parses a body. Gemini has the model and the streaming flag in the path.
    fn new(dialect: Dialect, uri: &Uri, model: Option<&str>, body: &Bytes) -> Self {
        let conversation = serde_json::from_slice(body)
            .map(|body: Value| {
                let mut conversation = dialect.read(&body);
                if let Some(model) = model {
                    model.clone_into(&mut conversation.model);
                    conversation.streamed = uri.path().ends_with(":streamGenerateContent");
                }
                conversation
            })
            .map_err(|error| format!("the body is not JSON: {error}"));
        Self {
            dialect,
            path: uri.to_string(),
            conversation,
        }
    }
}

impl Shared {
    /// Records a request that needs no answer of the model.
    fn note(&self, uri: &Uri) -> RecordGuard {
        self.records.begin(Record {
            path: uri.to_string(),
            ..Record::default()
        })
    }

    fn refuse_path(&self, uri: &Uri) -> Response {
        let problem = format!("there is no {}", uri.path());
        let guard = self.note(uri);
        guard.change(|record| record.problem = Some(problem.clone()));
        guard.end(ResponseEnd::Refused(404));
        let body = json!({"error": {"message": problem, "type": "not_found_error"}});
        (StatusCode::NOT_FOUND, Json(body)).into_response()
    }

    async fn answer(&self, asked: Asked) -> Response {
        let dialect = asked.dialect;
        let guard = self.records.begin(Record {
            path: asked.path,
            dialect: Some(dialect),
            ..Record::default()
        });
        let chosen = asked.conversation.and_then(|conversation| {
            guard.change(|record| {
                record.model.clone_from(&conversation.model);
                record.tools = conversation
                    .tools
                    .iter()
                    .map(|it| it.name.clone())
                    .collect();
                record.prompt = conversation.newest_prompt().unwrap_or_default().to_owned();
                record.streamed = conversation.streamed;
            });
            Ok((choose(&conversation)?, conversation))
        });
        let answer = match chosen {
            Ok((chosen, conversation)) => {
                guard.change(|record| {
                    record.script.clone_from(&chosen.script);
                    record.step = chosen.index;
                });
                self.resolve(chosen, &conversation)
                    .await
                    .map(|answer| (answer, conversation.streamed))
            }
            Err(problem) => Err(problem),
        };
        match answer {
            Ok((answer, streamed)) => self.respond(dialect, &answer, streamed, guard),
            Err(problem) => {
                guard.change(|record| record.problem = Some(problem.clone()));
                let error = dialect.error(400, "invalid_request_error", &problem);
                refusal(error, &guard)
            }
        }
    }

    /// Turns the step into an answer, with its operations as tool calls.
    async fn resolve(&self, chosen: Chosen, asked: &Conversation) -> Result<Completion, String> {
        let Step {
            think,
            text,
            operations,
            call_id,
            delay_ms,
            fault,
            usage,
        } = chosen.step;
        let workspace = if operations.is_empty() {
            None
        } else {
            self.workspace(asked).await?
        };
        let calls: Result<Vec<ScriptedCall>, String> = operations
            .iter()
            .map(|operation| call_for(operation, &asked.tools, workspace.as_deref()))
            .collect();
        Ok(Completion {
            model: asked.model.clone(),
            think: if asked.thinks { think } else { String::new() },
            text,
            calls: calls?,
            call_id,
            usage,
            delay: Duration::from_millis(delay_ms),
            fault,
        })
    }

    /// Returns the workspace that the newest prompt with such a marker names.
    async fn workspace(&self, asked: &Conversation) -> Result<Option<PathBuf>, String> {
        for prompt in asked.prompts().rev() {
            if let Some(path) = marked(prompt, "cwd") {
                return Ok(Some(PathBuf::from(path)));
            }
            if let Some(name) = marked(prompt, "workspace") {
                return self.place_of(name).await.map(Some);
            }
        }
        Ok(None)
    }

    async fn place_of(&self, name: &str) -> Result<PathBuf, String> {
        let mut places = self.places.subscribe();
        let known = places.wait_for(|places| places.contains_key(name));
        match tokio::time::timeout(PLACE_PATIENCE, known).await {
            Ok(Ok(places)) => Ok(places[name].clone()),
            Ok(Err(_)) | Err(_) => Err(format!("no path was set for the workspace `{name}`")),
        }
    }

    fn respond(
        &self,
        dialect: Dialect,
        answer: &Completion,
        streamed: bool,
        guard: RecordGuard,
    ) -> Response {
        guard.change(|record| {
            record.calls = answer.calls.iter().map(|call| call.name.clone()).collect();
        });
        match answer.fault {
            Some(fault) if !fault.is_of_the_stream() => refusal(dialect.refusal(fault), &guard),
            _ if streamed => {
                let frames = dialect.frames(answer, &self.ids);
                stream::response(frames, answer, "text/event-stream", guard)
            }
            _ => {
                let whole = dialect.whole(answer, &self.ids);
                let halves = stream::halves(&whole);
                stream::response(halves, answer, "application/json", guard)
            }
        }
    }
}

fn refusal((status, body): (u16, Value), guard: &RecordGuard) -> Response {
    guard.end(ResponseEnd::Refused(status));
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let headers = [
        (header::CONTENT_TYPE.as_str(), "application/json"),
        (header::RETRY_AFTER.as_str(), "1"),
        // The clients of OpenAI and Anthropic honour it.
        ("x-should-retry", "false"),
    ];
    (status, headers, Body::from(body.to_string())).into_response()
}

/// Finds the value of `[[name:value]]` in a prompt.
fn marked<'a>(prompt: &'a str, name: &str) -> Option<&'a str> {
    let opening = format!("[[{name}:");
    let (_, rest) = prompt.rsplit_once(&opening)?;
    rest.split_once("]]").map(|(what, _)| what)
}
