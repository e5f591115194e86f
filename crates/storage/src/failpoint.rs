//! Named places where a test may kill the process or make a call fail. Compiled away in release builds.
//!
//! `ANGELIA_FAILPOINT=before-commit` kills the process at its first passing, `before-commit:7` at its seventh.
//! `ANGELIA_FAILPOINT=body-write=enospc` makes a call fail; so do `=eio` and `=short`.

/// A passing of the place `name`: dies there if a test said so.
#[cfg(debug_assertions)]
pub(crate) fn pass(name: &str) {
    if armed(name, None) {
        // No destructor runs and nothing is flushed: what a power cut leaves of a process.
        std::process::abort();
    }
}

/// An error that a test wants at the place `name`.
#[cfg(debug_assertions)]
pub(crate) fn error(name: &str) -> std::io::Result<()> {
    if armed(name, Some("enospc")) {
        return Err(std::io::Error::from(std::io::ErrorKind::StorageFull));
    }
    if armed(name, Some("eio")) {
        return Err(std::io::Error::other("input/output error (wanted by a test)"));
    }
    Ok(())
}

/// Whether a test wants a call at `name` to do only half of what was asked.
#[cfg(debug_assertions)]
pub(crate) fn short(name: &str) -> bool {
    armed(name, Some("short"))
}

#[cfg(debug_assertions)]
fn armed(name: &str, fault: Option<&str>) -> bool {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Wanted {
        name: String,
        fault: Option<String>,
        passings: AtomicU64,
    }
    static WANTED: OnceLock<Option<Wanted>> = OnceLock::new();
    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("ANGELIA_FAILPOINT").ok()?;
        let (text, count) = match text.split_once(':') {
            Some((text, count)) => (text.to_owned(), count.parse().ok()?),
            None => (text, 1),
        };
        let (name, fault) = match text.split_once('=') {
            Some((name, fault)) => (name.to_owned(), Some(fault.to_owned())),
            None => (text, None),
        };
        Some(Wanted { name, fault, passings: AtomicU64::new(count) })
    });
    let Some(wanted) = wanted else { return false };
    wanted.name == name
        && wanted.fault.as_deref() == fault
        && wanted.passings.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) == Ok(1)
}

/// A passing of the place `name`: nothing, in a release build.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub(crate) fn pass(_name: &str) {}

/// No error, in a release build.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub(crate) fn error(_name: &str) -> std::io::Result<()> {
    Ok(())
}

/// Never, in a release build.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub(crate) fn short(_name: &str) -> bool {
    false
}
