//! Closing descriptors that whoever started the bot left open. Beside [`super::footprint`] the one place in the policy code
//! that needs `unsafe`.

/// Closes every descriptor above standard error. Must run before this process has opened anything.
///
/// The bot's own descriptors are close-on-exec; this is for those that the bot itself inherited.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub fn close_all() {
    const FIRST: libc::c_uint = 3;
    // SAFETY: `close_range` touches no memory. It is the first thing a worker does, before any thread, file or socket
    // exists, so no descriptor above 2 has an owner in this process. Failure (kernels before 5.9) leaves things as
    // they are, and the seccomp filter still refuses to read or write other descriptors than 0, 1 and 2.
    unsafe {
        libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, 0);
    }
}

/// Elsewhere close-on-exec has to do.
#[cfg(not(target_os = "linux"))]
pub fn close_all() {}
