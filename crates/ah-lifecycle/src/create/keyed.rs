//! Launches with an idempotency key, of which each key launches one task.

use ah_rest_api_contract::{
    AlreadyDone, Caller, ErrorKind, LaunchedTask, RECEIPT_LIFETIME, Receipt, ReceiptTemplate,
    TaskLaunchParams, TaskManagerError, Timestamp,
};
use sha2::{Digest as _, Sha256};

/// A launch that is carried out at most once, because its receipt has the key of its parameters.
///
/// The receipt contains the launched task as JSON.
#[derive(Clone, Debug)]
pub struct KeyedLaunch {
    principal: String,
    template: ReceiptTemplate,
}

impl KeyedLaunch {
    /// Returns the launch of `params` for `caller`. `None` if the parameters have no key, or if the
    /// caller keeps a receipt of its own, which has the same effect.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if the request cannot be serialized as JSON.
    pub fn of(
        caller: &Caller,
        params: &TaskLaunchParams,
        now: Timestamp,
    ) -> Result<Option<Self>, TaskManagerError> {
        let (Some(key), None) = (params.idempotency_key(), &caller.receipt) else {
            return Ok(None);
        };
        let principal = caller.principal.clone();
        let template = ReceiptTemplate {
            key: format!("{principal}\nlaunch_task\n{key}"),
            fingerprint: fingerprint(params)?,
            prefix: Vec::new(),
            expires_at: now.plus(RECEIPT_LIFETIME),
        };
        Ok(Some(Self {
            principal,
            template,
        }))
    }

    /// Returns the key of the receipt.
    #[must_use]
    pub fn receipt_key(&self) -> &str {
        &self.template.key
    }

    /// Returns the caller to launch the task for, whose receipt is kept with the task.
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller {
            principal: self.principal.clone(),
            receipt: Some(self.template.clone()),
        }
    }

    /// Returns the task of the receipt.
    ///
    /// # Errors
    /// [`ErrorKind::IdempotencyMismatch`] if the receipt is of another request, and
    /// [`ErrorKind::Internal`] if it cannot be read.
    pub fn replay(&self, receipt: &Receipt) -> Result<LaunchedTask, TaskManagerError> {
        if receipt.fingerprint != self.template.fingerprint {
            return Err(TaskManagerError::new(
                ErrorKind::IdempotencyMismatch,
                "the idempotency key was used for another task; use a new key for a new task",
            ));
        }
        serde_json::from_slice(&receipt.bytes).map_err(|error| {
            TaskManagerError::new(
                ErrorKind::Internal,
                "failed to read the receipt of a launch",
            )
            .caused_by(error)
        })
    }

    /// Returns the result of the launch. If another launch with this key was first, its task is the
    /// result.
    ///
    /// # Errors
    /// The error of the launch, or that of [`KeyedLaunch::replay`].
    pub fn settle(
        &self,
        result: Result<LaunchedTask, TaskManagerError>,
    ) -> Result<LaunchedTask, TaskManagerError> {
        let error = match result {
            Ok(launched) => return Ok(launched),
            Err(error) => error,
        };
        match AlreadyDone::receipt_in(&error) {
            Some(receipt) => self.replay(receipt),
            None => Err(error),
        }
    }
}

/// Returns a digest of the request. It contains no secret of the request.
fn fingerprint(params: &TaskLaunchParams) -> Result<String, TaskManagerError> {
    let json = serde_json::to_vec(params).map_err(|error| {
        TaskManagerError::new(ErrorKind::Internal, "failed to encode the task").caused_by(error)
    })?;
    let digest = Sha256::digest(json);
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}
