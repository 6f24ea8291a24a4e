//! What the model was asked, and how each answer ended.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// A way of speaking to a model.
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

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It was sent as a whole.
    Whole,
    /// It was an error with this status.
    Refused(u16),
    /// The script broke it off.
    Broken,
    /// Whoever asked went away before its end.
    Disconnected,
}

/// A request, and what became of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Record {
    /// How many requests came before it.
    pub number: usize,
    /// The path, with its query.
    pub path: String,
    /// The dialect of a request for an answer; nothing for lists of models and the like.
    pub dialect: Option<Dialect>,
    /// Which model was asked for.
    pub model: String,
    /// The tools that were offered. None are with an agent's side requests.
    pub tools: Vec<String>,
    /// The newest thing that the user said.
    pub prompt: String,
    /// The script that was chosen; nothing without a marker.
    pub script: Option<String>,
    /// Which step of it, from 0.
    pub step: usize,
    /// The tools that were called.
    pub calls: Vec<String>,
    /// Whether it was a stream.
    pub streamed: bool,
    /// How many frames of the stream were taken.
    pub frames: usize,
    /// Why the request could not be answered as the script says, in words.
    pub problem: Option<String>,
    /// How it ended; nothing as long as it goes on.
    pub ending: Option<Ending>,
}

/// All records of a server.
#[derive(Debug, Default)]
pub(crate) struct Records {
    // Only ever held to look or to change one entry.
    all: Mutex<Vec<Record>>,
    changed: Condvar,
}

impl Records {
    /// Notes a request. It ends as disconnected, unless the attendance says otherwise.
    pub(crate) fn begin(self: &Arc<Self>, mut record: Record) -> Attendance {
        let mut all = self.locked();
        let number = all.len();
        record.number = number;
        all.push(record);
        self.changed.notify_all();
        Attendance {
            records: Arc::clone(self),
            number,
        }
    }

    pub(crate) fn snapshot(&self) -> Vec<Record> {
        self.locked().clone()
    }

    /// The first record that `wanted` recognises, waited for as long as `patience` allows.
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

/// The attendance of one request; when it is dropped, the request is over.
#[derive(Debug)]
pub(crate) struct Attendance {
    records: Arc<Records>,
    number: usize,
}

impl Attendance {
    pub(crate) fn change(&self, change: impl FnOnce(&mut Record)) {
        if let Some(record) = self.records.locked().get_mut(self.number) {
            change(record);
        }
        self.records.changed.notify_all();
    }

    pub(crate) fn end(&self, ending: Ending) {
        self.change(|record| record.ending = Some(ending));
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        self.change(|record| {
            record.ending.get_or_insert(Ending::Disconnected);
        });
    }
}
