//! Memory of connections that have gone is given back to the machine: after a flood the process is as small as before.
//!
//! The C library keeps freed memory for itself until its last block is free; asked, it gives back what lies between.

use std::time::Duration;

/// How often is looked.
const EVERY: Duration = Duration::from_secs(30);

/// Connections that must have gone. Fewer are not worth the walk through the heap.
const GONE_MIN: usize = 500;

/// Runs for ever. `gone` says how many connections have gone since the last call.
pub(super) async fn give_back(gone: impl Fn() -> usize) {
    loop {
        tokio::time::sleep(EVERY).await;
        if gone() >= GONE_MIN {
            let _ = tokio::task::spawn_blocking(trim).await;
        }
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn trim() {
    // SAFETY: it only gives free pages back.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}
