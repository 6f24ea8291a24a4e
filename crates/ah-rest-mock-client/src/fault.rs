//! Faults on demand: what a method answers with instead of doing its work, and when.

use ah_rest_api_contract::{ErrorKind, TaskManagerError};
use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::Ids;

/// Declares [`Method`]: the methods in brackets, and those of the operations table.
macro_rules! methods {
    ([$($own:ident),*]
        manager { $(
            $id:ident $method:ident $path:literal $parameters:tt
            $(query $query:ty as $wire:ty,)?
            $(body $body:ty,)?
            $(fields $request:ident $fields:tt,)?
            -> $status:literal $answer:ty, errors $errors:tt, $action:ident, $summary:literal;
        )* }
        client $client:tt
        own $other:tt
    ) => { pastey::paste! {
        /// A method of [`TaskManager`](ah_rest_api_contract::TaskManager).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Method {
            $(#[doc = concat!("`", stringify!($own), "`")] [<$own:camel>],)*
            $(#[doc = concat!("`", stringify!($id), "`")] [<$id:camel>],)*
        }

        impl Method {
            /// Every method that returns a result.
            pub const ALL: &'static [Self] =
                &[$(Self::[<$own:camel>],)* $(Self::[<$id:camel>]),*];

            /// The name of the method.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::[<$own:camel>] => stringify!($own),)*
                    $(Self::[<$id:camel>] => stringify!($id)),*
                }
            }
        }
    } };
}

ah_rest_api_contract::for_each_operation!(methods [
    task_events_stream, all_events, list_events, get_initial_tasks, save_draft_task,
    delete_draft_task
]);

/// An error that a method answers with, instead of doing anything.
#[derive(Clone, Debug)]
pub struct Fault {
    kind: ErrorKind,
    after: u64,
    times: Option<u64>,
    probability: f64,
}

impl Fault {
    /// An error of this kind, at every call.
    #[must_use]
    pub const fn new(kind: ErrorKind) -> Self {
        Self {
            kind,
            after: 0,
            times: None,
            probability: 1.0,
        }
    }

    /// Only after so many calls of the method went well.
    #[must_use]
    pub const fn after(mut self, calls: u64) -> Self {
        self.after = calls;
        self
    }

    /// At most so many times.
    #[must_use]
    pub const fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// With this probability at each call, 0 to 1, drawn by the mock's seed.
    #[must_use]
    pub const fn with_probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }
}

/// What the mock's methods are like besides their work.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conditions {
    latency: BTreeMap<Method, Duration>,
    faults: Vec<Armed>,
}

#[derive(Clone, Debug)]
struct Armed {
    method: Method,
    fault: Fault,
    calls: u64,
    failed: u64,
}

impl Conditions {
    pub(crate) fn set_latency(&mut self, method: Method, latency: Duration) {
        self.latency.insert(method, latency);
    }

    pub(crate) fn latency(&self, method: Method) -> Duration {
        self.latency.get(&method).copied().unwrap_or_default()
    }

    pub(crate) fn arm(&mut self, method: Method, fault: Fault) {
        self.faults.push(Armed {
            method,
            fault,
            calls: 0,
            failed: 0,
        });
    }

    pub(crate) fn clear(&mut self) {
        self.faults.clear();
    }

    /// A call of `method`, which fails if a fault says so.
    pub(crate) fn call(&mut self, method: Method, ids: &mut Ids) -> Result<(), TaskManagerError> {
        for armed in self.faults.iter_mut().filter(|it| it.method == method) {
            armed.calls += 1;
            let fault = &armed.fault;
            if armed.calls > fault.after
                && fault.times.is_none_or(|times| armed.failed < times)
                && (fault.probability >= 1.0 || ids.happens(fault.probability))
            {
                armed.failed += 1;
                return Err(TaskManagerError::new(
                    fault.kind,
                    format!(
                        "the mock is configured to fail this call of `{}`",
                        method.as_str()
                    ),
                ));
            }
        }
        Ok(())
    }
}
