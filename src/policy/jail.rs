//! What a worker may not do, enforced by the kernel: no files, no network, no processes, bounded memory and time.
//!
//! Two steps. [`enter`] comes first, on the main thread, so that every later thread inherits it: resource limits and an
//! empty Landlock rule set. [`seal`] comes when the interpreter is warm: a seccomp allow-list for all threads, and no
//! further descriptors. Only Linux has Landlock and seccomp; elsewhere the limits hold, and the parts that are missing
//! are reported so that the bot can say so at its start.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Address space of a worker. An idle one maps about 200 MB (binary, stacks, heap); a handler that needs more than the
/// rest is a memory bomb.
const ADDRESS_SPACE_MAX_BYTES: u64 = 640 << 20;
/// CPU time of a worker's whole life; it retires long before, see `worker::RETIRE_AFTER_CPU`.
const CPU_MAX_SECONDS: u64 = 1800;
/// Standard input, output and error are all a worker needs.
const DESCRIPTORS_MAX: u64 = 3;

/// Sets a limit, or keeps a lower one that symbot itself was started with: only root may raise those.
fn limit(resource: Resource, most: u64) -> Result<(), String> {
    let most = getrlimit(resource)
        .maximum
        .map_or(most, |already| already.min(most));
    setrlimit(
        resource,
        Rlimit {
            current: Some(most),
            maximum: Some(most),
        },
    )
    .map_err(|error| format!("resource limit {resource:?}: {error}"))
}

/// Limits that hold from the start. Returns the names of the parts that this system lacks.
///
/// # Errors
/// When a limit is refused.
pub fn enter() -> Result<Vec<String>, String> {
    limit(Resource::Core, 0)?;
    limit(Resource::Cpu, CPU_MAX_SECONDS)?;
    limit(Resource::Fsize, 0)?;
    #[cfg(not(target_os = "macos"))]
    limit(Resource::As, ADDRESS_SPACE_MAX_BYTES)?;
    landlock()
}

/// The rest, once no further thread, descriptor or file is needed. Returns the names of missing parts.
///
/// # Errors
/// When a limit is refused.
pub fn seal() -> Result<Vec<String>, String> {
    limit(Resource::Nofile, DESCRIPTORS_MAX)?;
    seccomp()
}

#[cfg(target_os = "linux")]
fn landlock() -> Result<Vec<String>, String> {
    use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetStatus, Scope};
    let abi = ABI::V6;
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(abi)))
        .and_then(|rules| rules.scope(Scope::from_all(abi)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(|error| format!("Landlock: {error}"))?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Vec::new(),
        RulesetStatus::PartiallyEnforced => vec!["part of Landlock".to_owned()],
        RulesetStatus::NotEnforced => vec!["Landlock".to_owned()],
    })
}

#[cfg(not(target_os = "linux"))]
fn landlock() -> Result<Vec<String>, String> {
    Ok(vec!["Landlock".to_owned()])
}

#[cfg(not(target_os = "linux"))]
fn seccomp() -> Result<Vec<String>, String> {
    Ok(vec!["seccomp".to_owned()])
}

#[cfg(target_os = "linux")]
fn seccomp() -> Result<Vec<String>, String> {
    let Ok(architecture) = std::env::consts::ARCH.try_into() else {
        return Ok(vec!["seccomp".to_owned()]);
    };
    let filter = filter(architecture).map_err(|error| format!("seccomp: {error}"))?;
    match seccompiler::apply_filter_all_threads(&filter) {
        Ok(()) => Ok(Vec::new()),
        Err(seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error))
            if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS)) =>
        {
            Ok(vec!["seccomp".to_owned()])
        }
        Err(error) => Err(format!("seccomp: {error}")),
    }
}

/// The system calls that a warm interpreter makes: memory, its pipe, time, randomness, locks, its own end. All others
/// fail with EPERM.
#[cfg(target_os = "linux")]
fn filter(
    architecture: seccompiler::TargetArch,
) -> Result<seccompiler::BpfProgram, seccompiler::BackendError> {
    use seccompiler::{
        SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule,
    };
    let on = |argument, operator, value| {
        SeccompCondition::new(argument, Dword, operator, value)
            .and_then(|condition| SeccompRule::new(vec![condition]))
    };
    let own_process = u64::from(std::process::id());
    let not_executable = |argument| {
        on(
            argument,
            SeccompCmpOp::MaskedEq(u64::from(libc::PROT_EXEC.unsigned_abs())),
            0,
        )
    };
    let free = [
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_futex,
        libc::SYS_sched_yield,
        libc::SYS_clock_gettime,
        libc::SYS_clock_getres,
        libc::SYS_clock_nanosleep,
        libc::SYS_nanosleep,
        libc::SYS_gettimeofday,
        libc::SYS_getrandom,
        libc::SYS_getpid,
        libc::SYS_getppid,
        libc::SYS_gettid,
        libc::SYS_sigaltstack,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_rt_sigaction,
        libc::SYS_restart_syscall,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];
    let mut rules: std::collections::BTreeMap<i64, Vec<SeccompRule>> =
        free.into_iter().map(|call| (call, Vec::new())).collect();
    rules.insert(libc::SYS_read, vec![on(0, SeccompCmpOp::Eq, 0)?]);
    let outputs = || {
        Ok::<_, seccompiler::BackendError>(vec![
            on(0, SeccompCmpOp::Eq, 1)?,
            on(0, SeccompCmpOp::Eq, 2)?,
        ])
    };
    rules.insert(libc::SYS_write, outputs()?);
    rules.insert(libc::SYS_writev, outputs()?);
    rules.insert(libc::SYS_mmap, vec![not_executable(2)?]);
    rules.insert(libc::SYS_mprotect, vec![not_executable(2)?]);
    // `abort` and the stack-overflow handler end the process by a signal to itself.
    rules.insert(
        libc::SYS_tgkill,
        vec![on(0, SeccompCmpOp::Eq, own_process)?],
    );
    SeccompFilter::new(
        rules,
        SeccompAction::Errno(libc::EPERM.unsigned_abs()),
        SeccompAction::Allow,
        architecture,
    )?
    .try_into()
}
