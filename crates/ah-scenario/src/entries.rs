//! The names of the entries of a timeline.

/// The supported entries. Of all others, only the name is reported.
pub(crate) const ENTRIES: &[&str] = &[
    "agentActions",
    "userActions",
    "ifGranted",
    "ifDenied",
    "llmResponse",
    "think",
    "assistant",
    "agentToolUse",
    "agentEdits",
    "agentPlan",
    "agentPermissionRequest",
    "agentFileReads",
    "userInputs",
    "baseTimeDelta",
    "advanceMs",
    "log",
    "status",
    "progress",
    "usage",
    "assert",
    "complete",
    "error",
    "exit",
    "crash",
    "hang",
];

/// The entries that are for other programs. They are read and not played.
pub(crate) const NOT_PLAYED: &[&str] = &[
    "initialize",
    "sessionStart",
    "setMode",
    "setModel",
    "userEdits",
    "userCommand",
    "userCancelSession",
    "screenshot",
    "merge",
    "applyPatch",
];
