//! Giving back memory that only the start of a worker needed. Beside [`super::inherited`] the one place in the policy code
//! that needs `unsafe`.
//!
//! Loading the standard library and the SDK reads through most of the program: the frozen modules, the code that unpacks
//! them. A warm worker needs little of that again, yet the pages stay mapped and count as its memory. [`ReadOnly::find`] notes
//! the parts of the program that nothing can have written to, while `/proc` can still be read; [`release`] unmaps their pages
//! once the worker is warm. What is used again is mapped again from the page cache, without a system call.

use std::ops::Range;

/// Address ranges of files that are mapped to be read or executed, without a page of the process's own.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ReadOnly(Vec<Range<usize>>);

impl ReadOnly {
    /// Those of this process; none where the system does not tell.
    #[must_use]
    pub fn find() -> Self {
        Self::parse(&std::fs::read_to_string("/proc/self/smaps").unwrap_or_default())
    }

    /// From the text of `/proc/PID/smaps`, see proc(5). A mapping counts when it is not writable, comes from a file, and
    /// has no anonymous page: relocated constants are not writable either, but they are nowhere but in memory.
    fn parse(text: &str) -> Self {
        let mut found = Vec::new();
        let mut candidate = None;
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            let first = words.next().unwrap_or_default();
            if let Some(field) = first.strip_suffix(':') {
                if field == "Anonymous" && words.next() == Some("0") {
                    found.extend(candidate.take());
                }
                continue;
            }
            let permissions = words.next().unwrap_or_default();
            let from_file = words.nth(2).is_some_and(|inode| inode != "0");
            candidate = (matches!(permissions, "r--p" | "r-xp") && from_file)
                .then(|| range(first))
                .flatten();
        }
        Self(found)
    }
}

fn range(text: &str) -> Option<Range<usize>> {
    let (start, end) = text.split_once('-')?;
    let number = |text| usize::from_str_radix(text, 16).ok();
    Some(number(start)?..number(end)?)
}

/// Unmaps the pages of these ranges, and gives free heap back. Must come before anything that makes a mapping of this
/// program writable (nothing does).
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub fn release(ranges: &ReadOnly) {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes and returns numbers; it touches free memory of the allocator only, under its locks.
    unsafe {
        libc::malloc_trim(0);
    }
    for range in &ranges.0 {
        // SAFETY: the range was a private file mapping without write permission and without a page that differs from the
        // file; nothing in a worker makes such mappings writable or unmaps them. Dropping its pages changes no content: the
        // next access maps the same page of the file again. Failure leaves things as they are.
        unsafe {
            libc::madvise(
                range.start as *mut libc::c_void,
                range.len(),
                libc::MADV_DONTNEED,
            );
        }
    }
}

/// Elsewhere the kernel decides.
#[cfg(not(target_os = "linux"))]
pub fn release(_: &ReadOnly) {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const SMAPS: &str = "\
5600-5700 r--p 00000000 fe:00 2000261                    /opt/symbot
Rss:               11212 kB
Anonymous:             0 kB
5700-5900 r-xp 00001000 fe:00 2000261                    /opt/symbot
Rss:               16068 kB
Anonymous:             0 kB
5900-5a00 r--p 00002000 fe:00 2000261                    /opt/symbot
Rss:                 800 kB
Anonymous:           800 kB
5a00-5b00 rw-p 00003000 fe:00 2000261                    /opt/symbot
Anonymous:             0 kB
7fd1-7fd2 r--p 00000000 00:00 0
Anonymous:             0 kB
7fd3-7fd4 r--s 00000000 fe:00 77                         /usr/share/shared
Anonymous:             0 kB
7ffe-7fff r-xp 00000000 00:00 0                          [vdso]
Anonymous:             0 kB
";

    #[test]
    fn only_untouched_parts_of_files_count() {
        assert_eq!(
            ReadOnly::parse(SMAPS),
            ReadOnly(vec![0x5600..0x5700, 0x5700..0x5900])
        );
        assert_eq!(ReadOnly::parse("5600-5700 r--p"), ReadOnly::default());
        assert_eq!(ReadOnly::parse(""), ReadOnly::default());
    }

    /// A unit test's process is one like any other: its constants and its code are still there.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_goes_on_after_its_pages_were_unmapped() {
        let ranges = ReadOnly::find();
        assert!(!ranges.0.is_empty());
        release(&ranges);
        assert_eq!(ReadOnly::parse(SMAPS).0.len(), 2);
        assert_eq!(format!("{:.3}", 2.0_f64.sqrt()), "1.414");
    }
}
