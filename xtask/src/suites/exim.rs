//! Exim for the e2e suite. Debian lets no machine have two mail servers installed, and Postfix is the other one: so
//! Exim's packages are unpacked into the build folder, and never installed.

use std::path::{Path, PathBuf};

use super::shell::{Shell, has};
use super::tools::{install, is_root};

const PACKAGES: [&str; 1] = ["exim4-daemon-light"];
/// What it links, beside what every machine has.
const LIBRARIES: [&str; 6] = ["libgnutls-dane0", "libdb5.3", "libidn12", "libidn2-0", "libnsl2", "libpcre2-8-0"];

/// The program, installed or unpacked; `None` where it cannot be had.
pub(super) fn provide(root: &Path, may_install: bool) -> Option<PathBuf> {
    let installed = PathBuf::from("/usr/sbin/exim4");
    if installed.is_file() {
        return Some(installed);
    }
    let folder = root.join("target/tools/exim");
    let program = folder.join("usr/sbin/exim4");
    if !program.is_file() && may_install && has("apt-get") && has("dpkg") {
        println!("unpacking exim into {}", folder.display());
        unpack(&folder);
    }
    if runs(&program) {
        return Some(program);
    }
    if program.is_file() && may_install && is_root() {
        install(&LIBRARIES);
    }
    runs(&program).then_some(program)
}

fn unpack(folder: &Path) -> Option<()> {
    std::fs::create_dir_all(folder).ok()?;
    let mut arguments = vec!["download"];
    arguments.extend(PACKAGES);
    let download = || Shell::new(folder, "apt-get", &arguments).run().unwrap_or(false);
    if !download() {
        Shell::new(folder, "apt-get", &["update"]).run().ok()?;
        download();
    }
    for file in folder.read_dir().ok()?.flatten().map(|entry| entry.path()) {
        if file.extension().is_some_and(|extension| extension == "deb") {
            Shell::new(folder, "dpkg", &["-x", &file.to_string_lossy(), "."]).run().ok()?;
        }
    }
    Some(())
}

fn runs(program: &Path) -> bool {
    program.is_file() && Shell::new(Path::new("/"), &program.to_string_lossy(), &["-bV"]).output().is_some()
}
