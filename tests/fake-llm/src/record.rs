//! Records of requests and of the ends of their answers.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// An API of language models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// OpenAI's Responses, `POST /v1/responses`.
    Responses,
    /// OpenAI's Chat Completions, `POST /v1/chat/completions`.
    Chat,
    /// Anthropic's Messages, `POST /v1/messages`.
    Messages,
    /// Google's Gemini, `POST /v1beta/models/MODEL:generateContent` and the like.
    Gemini,
}

/// The end of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseEnd {
    /// It was sent completely.
    Whole,
    /// It was an error with this status.
    Refused(u16),
    /// The script cut it off.
    Broken,
    /// The client disconnected before its end.
    Disconnected,
}

/// A request and the fate of its answer.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Record {
    /// The number of requests before it.
    pub number: usize,
    /// The path, with its query.
    pub path: String,
    /// The dialect; `None` for requests without an answer of the model, such as lists of models.
    pub dialect: Option<Dialect>,
    /// The requested model.
    pub model: String,
    /// The offered tools. Side requests of an agent offer none.
    pub tools: Vec<String>,
    /// The newest message of the user.
    pub prompt: String,
    /// The selected script; `None` without a marker.
    pub script: Option<String>,
    /// The step of the script, from 0.
    pub step: usize,
    /// The called tools.
    pub calls: Vec<String>,
    /// True if it was a stream.
    pub streamed: bool,
    /// The number of frames taken from the stream.
    pub frames: usize,
    /// The reason why the script could not be followed.
    pub problem: Option<String>,
    /// The end of the answer; `None` while it is in progress.
    pub ending: Option<ResponseEnd>,
}

/// The records of a server.
#[derive(Debug, Default)]
pub(crate) struct Records {
    // Protects the list; held to read, or to change one entry.
    all: Mutex<Vec<Record>>,
    changed: Condvar,
}

impl Records {
    /// Adds a record. Its answer counts as disconnected until the guard sets another end.
    pub(crate) fn begin(self: &Arc<Self>, mut record: Record) -> RecordGuard {
        let mut all = self.locked();
        let number = all.len();
        record.number = number;
        all.push(record);
        self.changed.notify_all();
        RecordGuard {
            records: Arc::clone(self),
            number,
        }
    }

    pub(crate) fn snapshot(&self) -> Vec<Record> {
        self.locked().clone()
    }

    /// Waits up to `patience` for the first record that `wanted` accepts.
    pub(crate) fn wait_for(
        &self,
        patience: Duration,
        wanted: impl Fn(&Record) -> bool,
    ) -> Option<Record> {
        let begun = Instant::now();
        let mut all = self.locked();
        loop {
            if let Some(found) = all.iter().find(|record| wanted(record)) {
                return Some(found.clone());
            }
            let left = patience.checked_sub(begun.elapsed())?;
            all = self
                .changed
                .wait_timeout(all, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn locked(&self) -> MutexGuard<'_, Vec<Record>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A guard that ends the record of a request on drop.
#[derive(Debug)]
pub(crate) struct RecordGuard {
    records: Arc<Records>,
    number: usize,
}

impl RecordGuard {
    pub(crate) fn change(&self, change: impl FnOnce(&mut Record)) {
        if let Some(record) = self.records.locked().get_mut(self.number) {
            change(record);
        }
        self.records.changed.notify_all();
    }

    pub(crate) fn end(&self, ending: ResponseEnd) {
        self.change(|record| record.ending = Some(ending));
    }
}

impl Drop for RecordGuard {
    fn drop(&mut self) {
        self.change(|record| {
            record.ending.get_or_insert(ResponseEnd::Disconnected);
        });
    }
}
