//! Floors: an edge between crates goes down, never up, never sideways.
//!
//! Cargo forbids circles; this forbids the rest. Edges for tests (`dev-dependencies`) may go down or stay on a floor's
//! own level below, but never up either: a test that needs the floor above belongs there.

use super::Findings;
use super::tree::{Crate, Tree};

/// The house as it stands, and why each crate is where it is, is told in ARCHITECTURE.md.
const FLOORS: [(&str, i64); 17] = [
    ("envelope", 0),
    ("message", 1),
    ("protocol", 1),
    ("journal", 1),
    ("mailauth", 2),
    ("filter", 2),
    ("storage", 3),
    ("net", 3),
    ("directory", 4),
    ("mailstore", 5),
    ("queue", 5),
    ("mhs", 6),
    ("access", 6),
    ("web", 6),
    ("angelia", 7),
    ("e2e", 8),
    ("bench", 8),
];

/// The highest floor whose crates are pure: bytes and values, no I/O.
const PURE_FLOOR_MAX: i64 = 2;

/// What a pure crate says at its top, so that no received byte can bring it down.
const PURE_ATTRIBUTES: [&str; 2] = [
    "#![forbid(unsafe_code)]",
    "deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::string_slice, clippy::panic)",
];

/// What would tie a pure crate to a runtime, a socket or a disk.
const IMPURE: [&str; 8] =
    ["tokio", "tokio-rustls", "rustls", "rusqlite", "socket2", "hickory-resolver", "object_store", "libc"];

pub(super) fn check(tree: &Tree, findings: &mut Findings) -> anyhow::Result<()> {
    for member in &tree.crates {
        let place = format!("{}/Cargo.toml", member.folder);
        let Some(floor) = member.floor else {
            findings.add(place, "says no [package.metadata] floor");
            continue;
        };
        match FLOORS.iter().find(|(name, _)| *name == member.name) {
            Some((_, wanted)) if *wanted == floor => {}
            Some((_, wanted)) => findings.add(&place, format!("stands on floor {floor}, the house has it on {wanted}")),
            None => {
                findings.add(&place, "is unknown to the house: name it in xtask/src/tidy/floors.rs and ARCHITECTURE.md")
            }
        }
        check_edges(member, floor, tree, findings);
        if floor <= PURE_FLOOR_MAX {
            check_purity(member, tree, findings);
        }
    }
    Ok(())
}

fn check_edges(member: &Crate, floor: i64, tree: &Tree, findings: &mut Findings) {
    let place = format!("{}/Cargo.toml", member.folder);
    for name in member.dependencies.iter().chain(&member.dev_dependencies) {
        let Some(below) = tree.crates.iter().find(|other| other.name == *name) else { continue };
        if below.floor.is_some_and(|other| other >= floor) {
            let theirs = below.floor.unwrap_or_default();
            findings.add(&place, format!("floor {floor} leans on {name} of floor {theirs}: edges go down only"));
        }
    }
}

fn check_purity(member: &Crate, tree: &Tree, findings: &mut Findings) {
    for name in member.dependencies.iter().filter(|name| IMPURE.contains(&name.as_str())) {
        findings.add(format!("{}/Cargo.toml", member.folder), format!("a pure crate cannot lean on {name}"));
    }
    let path = format!("{}/src/lib.rs", member.folder);
    let text = tree.file(&path).map(|file| file.text.as_str()).unwrap_or_default();
    // rustfmt may break a long attribute over lines.
    let squeezed: String = text.split_whitespace().collect();
    for attribute in PURE_ATTRIBUTES {
        let wanted: String = attribute.split_whitespace().collect();
        if !squeezed.replace(",)", ")").contains(&wanted) {
            findings.add(&path, format!("lacks {attribute}"));
        }
    }
}
