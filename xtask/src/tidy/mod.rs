//! `cargo xtask tidy`: the rules of the house that a machine can keep.
//!
//! Each file here is one family of rules. A rule takes the [`Tree`] and adds [`Finding`]s; it never changes a file.

mod bans;
mod config;
mod floors;
mod maps;
mod rfc;
mod shape;
mod tree;

use std::path::Path;

use tree::Tree;

/// One breach of one rule.
pub(crate) struct Finding {
    /// From the root; with `:line` where there is one.
    place: String,
    /// What is wrong and what to do.
    what: String,
}

/// Findings on their way to the printer.
#[derive(Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.0.push(Finding { place: place.into(), what: what.into() });
    }
}

/// Runs every rule; true when the house is in order, or that part of it which lies under `paths`.
pub(crate) fn run(root: &Path, paths: &[String]) -> anyhow::Result<bool> {
    let tree = Tree::read(root)?;
    let mut findings = Findings::default();
    floors::check(&tree, &mut findings)?;
    shape::check(&tree, &mut findings);
    maps::check(&tree, &mut findings);
    rfc::check(&tree, &mut findings);
    config::check(&tree, &mut findings);
    bans::check(&tree, &mut findings)?;
    if !paths.is_empty() {
        findings.0.retain(|finding| paths.iter().any(|path| finding.place.starts_with(path.as_str())));
    }
    for finding in &findings.0 {
        println!("{}: {}", finding.place, finding.what);
    }
    let files = tree.rust_files().count();
    if findings.0.is_empty() {
        println!("tidy: {files} Rust files, nothing to say");
    } else {
        println!("tidy: {files} Rust files, {} findings", findings.0.len());
    }
    Ok(findings.0.is_empty())
}
