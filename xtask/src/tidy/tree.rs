//! The tree as tidy sees it: the files that git would commit, and the workspace's crates.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// One file of the tree, read as text.
pub(crate) struct File {
    /// From the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    /// Whether it only holds tests: `tests.rs`, or anything below a `tests/` folder.
    pub(crate) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }
}

/// One crate under `crates/`.
pub(crate) struct Crate {
    pub(crate) name: String,
    /// `crates/envelope`
    pub(crate) folder: String,
    pub(crate) floor: Option<i64>,
    /// Names of its dependencies, of the workspace or not; those for tests apart.
    pub(crate) dependencies: Vec<String>,
    pub(crate) dev_dependencies: Vec<String>,
}

/// Everything that the rules look at.
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    pub(crate) files: Vec<File>,
    pub(crate) crates: Vec<Crate>,
}

impl Tree {
    /// Reads the tree at `root`; binary files are left out.
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let listing = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .context("tidy asks git for the list of files")?;
        if !listing.status.success() {
            bail!("git ls-files: {}", String::from_utf8_lossy(&listing.stderr));
        }
        let mut paths: Vec<String> =
            String::from_utf8(listing.stdout)?.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
        paths.sort();
        paths.dedup();
        let read = |path: String| std::fs::read_to_string(root.join(&path)).ok().map(|text| File { path, text });
        let files: Vec<File> = paths.into_iter().filter_map(read).collect();
        let crates =
            files.iter().filter(|file| is_manifest_of_a_crate(&file.path)).map(read_crate).collect::<Result<_, _>>()?;
        Ok(Self { root: root.to_owned(), files, crates })
    }

    /// Every Rust source.
    pub(crate) fn rust_files(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    /// The file at `path`, if it is there.
    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether a file or a folder stands at `path`.
    pub(crate) fn exists(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let below = format!("{path}/");
        self.files.iter().any(|file| file.path == path || file.path.starts_with(&below))
    }
}

fn is_manifest_of_a_crate(path: &str) -> bool {
    path.strip_prefix("crates/")
        .and_then(|rest| rest.strip_suffix("/Cargo.toml"))
        .is_some_and(|name| !name.contains('/'))
}

fn read_crate(file: &File) -> anyhow::Result<Crate> {
    let manifest: toml::Table = file.text.parse().with_context(|| file.path.clone())?;
    let package = manifest.get("package").and_then(|value| value.as_table()).context("no [package]")?;
    let name = package.get("name").and_then(|value| value.as_str()).context("no package name")?;
    let floor = package.get("metadata").and_then(|value| value.get("floor")).and_then(|value| value.as_integer());
    let names = |section: &str| -> Vec<String> {
        let table = manifest.get(section).and_then(|value| value.as_table());
        table.map(|table| table.keys().cloned().collect()).unwrap_or_default()
    };
    let mut dependencies = names("dependencies");
    dependencies.extend(names("build-dependencies"));
    Ok(Crate {
        name: name.to_owned(),
        folder: file.path.trim_end_matches("/Cargo.toml").to_owned(),
        floor,
        dependencies,
        dev_dependencies: names("dev-dependencies"),
    })
}
