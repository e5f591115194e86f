//! The maps tell the truth: ARCHITECTURE.md names every crate and its folders, and every path in docs/flow.md,
//! README.md and ARCHITECTURE.md is there.

use std::collections::BTreeSet;

use super::Findings;
use super::tree::Tree;

const MAP: &str = "ARCHITECTURE.md";
const WITH_PATHS: [&str; 4] = [MAP, "README.md", "docs/flow.md", "docs/rfc.md"];
const NEEDED: [&str; 6] = [MAP, "README.md", "CHANGELOG.md", "docs/flow.md", "docs/rfc.md", "deny.toml"];

/// What a text in backticks must begin with to be taken for a path of ours.
const TOPS: [&str; 9] = ["crates/", "docs/", "etc/", "e2e/", "fuzz/", "bench/", "xtask/", ".ci/", ".config/"];

pub(super) fn check(tree: &Tree, findings: &mut Findings) {
    for path in NEEDED {
        if tree.file(path).is_none() {
            findings.add(path, "is missing");
        }
    }
    check_map(tree, findings);
    for path in WITH_PATHS {
        check_paths(path, tree, findings);
    }
}

fn check_map(tree: &Tree, findings: &mut Findings) {
    let Some(map) = tree.file(MAP) else { return };
    for folder in folders(tree) {
        if !map.text.contains(&format!("`{folder}/`")) {
            findings.add(MAP, format!("does not name `{folder}/`"));
        }
    }
}

/// Every crate, and every folder directly under its `src/`.
fn folders(tree: &Tree) -> BTreeSet<String> {
    let mut folders = BTreeSet::new();
    for member in &tree.crates {
        folders.insert(member.folder.clone());
        let source = format!("{}/src/", member.folder);
        for file in tree.rust_files().filter(|file| !file.is_test()) {
            let inner = file.path.strip_prefix(&source).and_then(|rest| rest.split_once('/'));
            if let Some((folder, _)) = inner {
                folders.insert(format!("{source}{folder}"));
            }
        }
    }
    folders
}

fn check_paths(document: &str, tree: &Tree, findings: &mut Findings) {
    let Some(file) = tree.file(document) else { return };
    for (index, line) in file.text.lines().enumerate() {
        for path in line.split('`').skip(1).step_by(2).filter(|text| is_path(text)) {
            if !tree.exists(path) {
                findings.add(format!("{document}:{}", index + 1), format!("names `{path}`, which is not there"));
            }
        }
    }
}

/// A path of ours, whole: no pattern, no command line.
fn is_path(text: &str) -> bool {
    TOPS.iter().any(|top| text.starts_with(top)) && !text.contains(|c: char| c.is_whitespace() || "*{}<>$".contains(c))
}
