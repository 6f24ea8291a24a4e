//! Commands about the command line itself.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// Print completions for a shell
///
/// Writes a script to standard output that completes the commands and options of `ah`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah completions bash > ~/.local/share/bash-completion/completions/ah
  ah completions zsh > ~/.zfunc/_ah
  ah completions fish > ~/.config/fish/completions/ah.fish")]
pub(crate) struct CompletionsArgs {
    /// Shell to complete for
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// Print manual pages
///
/// Writes the page of `ah`, or of one of its commands, to standard output in the format of man(7).
/// The option --folder writes the pages of all commands as files.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah man | man -l -
  ah man session list | man -l -
  ah man --folder ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Command of the page [default: ah itself]
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
    /// Write the pages of all commands into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub(crate) folder: Option<PathBuf>,
}
