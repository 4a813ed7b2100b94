//! What sled does when something is wrong, as errors that say what to do: it returns some, and panics on others.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Once;

use crate::store::contract::StoreError;

thread_local! {
    /// True while this thread does something whose panics are answered as errors.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `act`; a panic of sled (it panics on files it does not understand) becomes an error, without the usual message.
pub(super) fn quietly<T>(act: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                usual(info);
            }
        }));
    });
    QUIET.set(true);
    let result = catch_unwind(AssertUnwindSafe(act));
    QUIET.set(false);
    result.unwrap_or_else(|panic| Err(panic_error(panic.as_ref())))
}

pub(super) fn panic_error(panic: &(dyn Any + Send)) -> StoreError {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason given");
    StoreError::Damaged(format!("sled cannot make sense of its files ({text})"))
}

pub(super) fn sled_error(error: ::sled::Error) -> StoreError {
    match error {
        ::sled::Error::Corruption { .. } | ::sled::Error::ReportableBug(_) => {
            StoreError::Damaged(format!("sled reports: {error}"))
        }
        other => StoreError::Failed(other.to_string()),
    }
}

/// Files in `blobs/` mean that sled has put a value outside the file that is synced.
pub(super) fn alarm_about_blobs(blobs: &Path) {
    let count = std::fs::read_dir(blobs).map_or(0, Iterator::count);
    if count > 0 {
        tracing::error!(
            "{} holds {count} files: values there are not safe against power cuts; make a backup and report this",
            blobs.display()
        );
    }
}
