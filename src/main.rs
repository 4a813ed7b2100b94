//! The executable. `worker` comes first: such a process must not start a runtime or read a setting.

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args_os()
        .nth(1)
        .is_some_and(|word| word == "worker")
    {
        std::process::exit(symbot::policy::worker::main());
    }
    symbot::allocator::keep_memory_flat();
    symbot::cli::main()
}
