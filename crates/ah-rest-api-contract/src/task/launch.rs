//! Validated task requests.

use serde::{Serialize, Serializer};
use serde_json::Value;
use validator::Validate;

use super::{CreateTask, Priority, RepoConfig, RepoMode, RuntimeType, WorkDeliveryMode};
use crate::{ExecutorId, FieldErrors, IdempotencyKey, PromptContent, RepositorySource};

const PROMPT_BYTES_MAX: usize = 256 * 1024;
const SESSIONS_MAX: u32 = 200;
const SETTINGS_BYTES_MAX: usize = 1024 * 1024;

/// A validated task request, created from a [`CreateTask`], with an optional idempotency key.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskLaunchParams {
    request: CreateTask,
    source: Option<RepositorySource>,
    key: Option<IdempotencyKey>,
}

impl TaskLaunchParams {
    /// Starts a task of one session; [`TaskLaunchParamsBuilder::build`] validates it.
    #[must_use]
    pub fn builder(
        prompt: impl Into<PromptContent>,
        repo: RepoConfig,
        agent_type: impl Into<String>,
    ) -> TaskLaunchParamsBuilder {
        TaskLaunchParamsBuilder {
            request: CreateTask::new(prompt, repo, agent_type),
            key: None,
        }
    }

    /// Launches the task at most once per key and caller. For 24 hours, a further launch under the
    /// same key returns the task of the first one. With another request it fails with
    /// [`ErrorKind::IdempotencyMismatch`](crate::ErrorKind::IdempotencyMismatch).
    ///
    /// The key is not part of the request: it is neither serialized nor compared with it.
    #[must_use]
    pub fn with_idempotency_key(mut self, key: IdempotencyKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Returns the idempotency key, if there is one.
    #[must_use]
    pub const fn idempotency_key(&self) -> Option<&IdempotencyKey> {
        self.key.as_ref()
    }

    /// Returns the request.
    #[must_use]
    pub const fn request(&self) -> &CreateTask {
        &self.request
    }

    /// Returns the executor that the task requests, if it does.
    #[must_use]
    pub fn requested_host(&self) -> Option<&ExecutorId> {
        self.request.workspace.as_ref()?.execution_host_id.as_ref()
    }

    /// Returns the address of the repository; `None` if the task has none.
    #[must_use]
    pub const fn source(&self) -> Option<&RepositorySource> {
        self.source.as_ref()
    }
}

/// A task is serialized as the request from which it was built.
impl Serialize for TaskLaunchParams {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.request.serialize(serializer)
    }
}

// The JSON of a validated task is that of its request.
#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for TaskLaunchParams {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        CreateTask::schema()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for TaskLaunchParams {
    fn name() -> std::borrow::Cow<'static, str> {
        CreateTask::name()
    }

    fn schemas(schemas: &mut crate::openapi::NamedSchemas) {
        CreateTask::schemas(schemas);
    }
}

impl TryFrom<CreateTask> for TaskLaunchParams {
    type Error = FieldErrors;

    fn try_from(request: CreateTask) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        if let Err(found) = request.validate() {
            errors.absorb("", &found);
        }
        if request.runtime.runtime_type == RuntimeType::Unknown {
            errors.add(
                "runtime.type",
                "must be `local`, `devcontainer` or `disabled`",
            );
        }
        if request.priority == Priority::Unknown {
            errors.add("priority", "must be `normal` or `high`");
        }
        if let Some(delivery) = &request.delivery
            && delivery.mode == WorkDeliveryMode::Unknown
        {
            errors.add("delivery.mode", "must be `pr`, `branch` or `patch`");
        }
        request.prompt.check("prompt", &mut errors);
        if request.prompt.size_bytes() > PROMPT_BYTES_MAX {
            errors.add(
                "prompt",
                format!("must have at most {PROMPT_BYTES_MAX} bytes"),
            );
        }
        request.permissions.check("permissions", &mut errors);
        let sessions: u64 = request
            .agents
            .iter()
            .map(|agent| u64::from(agent.count))
            .sum();
        if sessions > u64::from(SESSIONS_MAX) {
            errors.add(
                "agents",
                format!("must launch at most {SESSIONS_MAX} sessions"),
            );
        }
        for (index, agent) in request.agents.iter().enumerate() {
            let size = Value::Object(agent.settings.clone()).to_string().len();
            if size > SETTINGS_BYTES_MAX {
                errors.add(
                    format!("agents[{index}].settings"),
                    format!("must have at most {SETTINGS_BYTES_MAX} bytes of JSON"),
                );
            }
        }
        let source = match request.repo.mode {
            RepoMode::Git => request
                .repo
                .url
                .as_deref()
                .and_then(|url| RepositorySource::parse(url).ok()),
            RepoMode::None | RepoMode::Upload | RepoMode::Unknown => None,
        };
        errors.into_result(Self {
            request,
            source,
            key: None,
        })
    }
}

/// Builds a [`TaskLaunchParams`].
#[derive(Clone, Debug)]
pub struct TaskLaunchParamsBuilder {
    request: CreateTask,
    key: Option<IdempotencyKey>,
}

impl TaskLaunchParamsBuilder {
    /// Changes the request before validation.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut CreateTask)) -> Self {
        change(&mut self.request);
        self
    }

    /// Sets the idempotency key; see [`TaskLaunchParams::with_idempotency_key`].
    #[must_use]
    pub fn idempotency_key(mut self, key: IdempotencyKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Validates the request.
    ///
    /// # Errors
    /// Names every invalid field.
    pub fn build(self) -> Result<TaskLaunchParams, FieldErrors> {
        let params = TaskLaunchParams::try_from(self.request)?;
        Ok(TaskLaunchParams {
            key: self.key,
            ..params
        })
    }
}
