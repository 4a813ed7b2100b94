//! The `symbot` program: hands over to the policy worker or to the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    // First of all, so that a worker starts without anything it does not need.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == symbot::policy::WORKER_ARGUMENT) {
        return symbot::policy::worker_main();
    }
    symbot::cli::main()
}
