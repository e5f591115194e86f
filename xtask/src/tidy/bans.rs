//! What must not be in the tree: unfinished code, paths of one machine, registries of others, and a few crates.

use std::process::Command;

use anyhow::{Context, bail};

use super::Findings;
use super::tree::{File, Tree};

/// Words of unfinished code, with the reason.
const UNFINISHED: [(&str, &str); 3] = [
    ("todo!(", "unfinished code has no place here; say what is missing in docs/rfc.md or leave the entry out"),
    ("unimplemented!(", "unfinished code has no place here"),
    ("FIXME", "mend it, or open an issue"),
];

/// Absolute folders that exist on one person's machine only. Written in two halves, so that this file does not
/// find itself.
const HOMES: [(&str, &str); 5] =
    [("/ro", "ot"), ("/wo", "rk"), ("/ho", "me"), ("/Us", "ers"), ("/usr/loc", "al/cargo")];

/// Registries beside crates.io; Cargo.toml names crates, never hosts.
const REGISTRIES: [(&str, &str); 8] = [
    ("index.crat", "es.io"),
    ("static.crat", "es.io"),
    ("py", "pi.org"),
    ("pythonhosted", ".org"),
    ("registry.npm", "js.org"),
    ("artifact", "ory"),
    ("rsproxy", ".cn"),
    ("proxy.gol", "ang.org"),
];

/// Crates that must not be built into anything of ours: one TLS stack, one provider, all of it in this lock file.
const CRATES: [(&str, &str); 3] =
    [("openssl-sys", "TLS is rustls"), ("native-tls", "TLS is rustls"), ("ring", "the one provider is aws-lc-rs")];

pub(super) fn check(tree: &Tree, findings: &mut Findings) -> anyhow::Result<()> {
    for file in tree.files.iter().filter(|file| file.path != "Cargo.lock") {
        check_words(file, findings);
    }
    check_crates(tree, findings)
}

fn check_words(file: &File, findings: &mut Findings) {
    let is_this = file.path == "xtask/src/tidy/bans.rs";
    for (index, line) in file.text.lines().enumerate() {
        let mut add = |what: String| findings.add(format!("{}:{}", file.path, index + 1), what);
        for (word, why) in UNFINISHED {
            if file.path.ends_with(".rs") && !is_this && line.contains(word) {
                add(format!("`{word}`: {why}"));
            }
        }
        for (first, second) in HOMES {
            if names_folder(line, &format!("{first}{second}")) {
                add(format!("names a folder under {first}{second}: no absolute path of one machine"));
            }
        }
        for (first, second) in REGISTRIES {
            if line.contains(&format!("{first}{second}")) {
                add(format!("names the host {first}{second}: no registry has a place in the tree"));
            }
        }
    }
}

/// `folder/` as the beginning of a path, rather than inside of one.
fn names_folder(line: &str, folder: &str) -> bool {
    let is_start = |before: Option<char>| before.is_none_or(|c| !c.is_alphanumeric() && !"_-.~/*}".contains(c));
    let wanted = format!("{folder}/");
    line.match_indices(&wanted).any(|(at, _)| is_start(line.get(..at).and_then(|text| text.chars().next_back())))
}

/// Asks cargo what really is built: Cargo.lock also lists what no feature of ours brings in.
fn check_crates(tree: &Tree, findings: &mut Findings) -> anyhow::Result<()> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["tree", "--workspace", "--locked", "--edges", "normal,build,dev", "--prefix", "none", "--format", "{p}"])
        .current_dir(&tree.root)
        .output()
        .context("cargo tree")?;
    if !output.status.success() {
        bail!("cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    for (name, why) in CRATES {
        if text.lines().any(|line| line.split_whitespace().next() == Some(name)) {
            findings.add("Cargo.lock", format!("builds {name}: {why}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::names_folder;

    #[test]
    fn a_path_of_one_machine() {
        assert!(names_folder("cd /opt/x", "/opt"));
        assert!(names_folder("\"/opt/x\"", "/opt"));
        assert!(!names_folder("var/opt/x", "/opt"));
        assert!(!names_folder("/options", "/opt"));
    }
}
