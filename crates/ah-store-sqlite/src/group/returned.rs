//! The sessions that the writes of a group return.

use std::collections::HashMap;

use ah_rest_api_contract::{Receipt, Session, SessionId};
use ah_store::{SessionWrite, StoreError, Written};
use rusqlite::Connection;

use crate::direct;
use crate::rows::json_text;

/// The sessions that the writes of a group return, as of its commit.
#[derive(Default)]
pub(super) struct Returned<'a> {
    sessions: HashMap<SessionId, Session>,
    /// Each receipt as it was given, and with its session.
    receipts: Vec<(&'a Receipt, Receipt)>,
}

impl<'a> Returned<'a> {
    /// Reads the sessions after all changes of the group, and completes the receipts with them.
    pub(super) fn read(
        connection: &Connection,
        returns: &[(SessionId, Option<&'a Receipt>)],
    ) -> Result<Self, StoreError> {
        let mut returned = Self::default();
        for (id, receipt) in returns {
            let session = match returned.sessions.remove(id) {
                Some(session) => session,
                None => direct::session(connection, *id)?.session,
            };
            if let Some(begun) = receipt {
                let mut whole = Receipt::clone(begun);
                whole.bytes.extend(json_text(&session)?.into_bytes());
                returned.receipts.push((begun, whole));
            }
            returned.sessions.insert(*id, session);
        }
        Ok(returned)
    }

    /// Returns the completed receipts.
    pub(super) fn receipts(&self) -> Vec<&Receipt> {
        self.receipts.iter().map(|(_, whole)| whole).collect()
    }

    /// Adds to the result of `write` what was not known when the write was admitted: its session,
    /// or the rest of the receipt that it was refused for.
    pub(super) fn complete(&self, write: &SessionWrite, result: &mut Result<Written, StoreError>) {
        match result {
            Ok(written) if write.returns_session => {
                let session = self.sessions.get(&write.session);
                written.session = session.cloned().map(Box::new);
            }
            Err(StoreError::AlreadyDone(earlier)) => {
                let mut receipts = self.receipts.iter();
                if let Some((_, whole)) = receipts.find(|(begun, _)| **begun == **earlier) {
                    **earlier = whole.clone();
                }
            }
            _ => {}
        }
    }
}
