//! How the C library's allocator keeps memory. The bot runs for months, so what counts is that memory stays where it is.
//!
//! glibc gives threads heaps of their own, up to eight for each processor, and none of them returns what another could use.
//! It also learns from a freed block of 8 MB (sled's write buffers) to take the next one from a heap, where it may leave a
//! hole. Under load the bot's memory grew from 82 to 134 MB between 60,000 and 140,000 commits while what was in use grew by
//! 10 MB; with one heap it went from 69 to 85 MB (docs/performance.md). One heap cost a few percent of the throughput when many
//! people asked at once.

/// Blocks of this size and more are mapped by themselves, and unmapped when they are freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MAPPED_FROM_BYTES: libc::c_int = 1 << 20;

/// Makes this process use one heap, and map large blocks. Must come before the first thread is started. Where there is another C
/// library, nothing is done.
#[allow(unsafe_code)]
pub fn keep_memory_flat() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: takes and returns numbers, and no other thread is there yet. A refusal (0) leaves things as they are.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_FROM_BYTES);
    }
}
