//! What a server costs: CPU, memory and processes of a whole tree, read from /proc.

use std::collections::HashMap;
use std::fs;

/// A server's processes: the roots that we started and all that descend from them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree {
    /// Process ids.
    pub(crate) pids: Vec<u32>,
}

struct Stat {
    parent: u32,
    ticks_own: u64,
    ticks_reaped: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets and may hold anything, so count from behind it.
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let number = |place: usize| fields.get(place).and_then(|f| f.parse::<u64>().ok());
    Some(Stat {
        parent: u32::try_from(number(1)?).ok()?,
        ticks_own: number(11)? + number(12)?,
        ticks_reaped: number(13)? + number(14)?,
    })
}

impl Tree {
    /// `roots` and their descendants, now.
    pub(crate) fn of(roots: &[u32]) -> Self {
        let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            if let Some(stat) = stat(pid) {
                children.entry(stat.parent).or_default().push(pid);
            }
        }
        let mut pids = roots.to_vec();
        let mut next = 0;
        while let Some(pid) = pids.get(next).copied() {
            pids.extend(children.remove(&pid).unwrap_or_default());
            next += 1;
        }
        Self { pids }
    }

    /// CPU seconds used so far, by the living and by the dead whom a living parent has reaped.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        // SAFETY: sysconf has no preconditions.
        let ticks_per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
        let ticks: u64 = self.pids.iter().filter_map(|pid| stat(*pid)).map(|s| s.ticks_own + s.ticks_reaped).sum();
        ticks as f64 / ticks_per_second as f64
    }

    /// Proportional set size in MiB: shared pages are counted once.
    pub(crate) fn pss_mib(&self) -> f64 {
        let kib: u64 = self.pids.iter().filter_map(|pid| pss_kib(*pid)).sum();
        kib as f64 / 1024.0
    }
}

fn pss_kib(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find(|line| line.starts_with("Pss:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Asks a process to end, waits, and insists.
pub(crate) fn stop(child: &mut std::process::Child) {
    // SAFETY: a signal to a child that we have not reaped.
    unsafe { libc::kill(child.id() as i32, libc::SIGTERM) };
    for _ in 0..100 {
        if matches!(child.try_wait(), Ok(Some(_))) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let _ = child.kill();
    let _ = child.wait();
}
