//! `ah agent confine`: the process that confines itself and becomes an agent.

use std::process::ExitCode;

use crate::args::ConfineArgs;

/// Tries protections, or becomes an agent. Returns only if that fails, or after a trial.
pub(crate) fn run(args: &ConfineArgs) -> ExitCode {
    if let Some(protections) = &args.trial {
        return match ah_sandbox::try_protections(protections) {
            Ok(()) => ExitCode::SUCCESS,
            Err(reason) => {
                eprintln!("{reason}");
                ExitCode::FAILURE
            }
        };
    }
    let (Some(sandbox), Some(report)) = (&args.sandbox, args.report) else {
        // The command line requires both.
        return ExitCode::FAILURE;
    };
    ah_sandbox::confine(sandbox, report, &args.command)
}
