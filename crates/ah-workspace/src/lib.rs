//! Isolated workspaces of a repository: provisioning, snapshots, diffs
