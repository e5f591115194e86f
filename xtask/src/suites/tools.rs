//! The programs that the suites need beside Rust and a C compiler: mail clients and servers that nobody here wrote, and
//! PostgreSQL. Installed by apt-get when we are root, named otherwise. No service is started by it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::shell::has;

/// A program, and the Debian package that has it.
struct Tool {
    program: &'static str,
    package: &'static str,
}

const TOOLS: [Tool; 17] = [
    Tool { program: "swaks", package: "swaks" },
    Tool { program: "curl", package: "curl" },
    Tool { program: "fetchmail", package: "fetchmail" },
    Tool { program: "mpop", package: "mpop" },
    Tool { program: "mbsync", package: "isync" },
    Tool { program: "offlineimap", package: "offlineimap3" },
    Tool { program: "neomutt", package: "neomutt" },
    Tool { program: "tmux", package: "tmux" },
    Tool { program: "python3", package: "python3" },
    Tool { program: "openssl", package: "openssl" },
    Tool { program: "postfix", package: "postfix" },
    Tool { program: "postmap", package: "postfix" },
    Tool { program: "dovecot", package: "dovecot-imapd" },
    Tool { program: "named", package: "bind9" },
    Tool { program: "dnssec-signzone", package: "bind9-utils" },
    Tool { program: "git", package: "git" },
    Tool { program: "cc", package: "gcc" },
];

/// What these programs need beside themselves: swaks speaks TLS and SASL through these, Dovecot POP3.
const COMPANIONS: [(&str, &str); 4] = [
    ("usr/share/perl5/Net/SSLeay.pm", "libnet-ssleay-perl"),
    ("usr/share/perl5/Authen/SASL.pm", "libauthen-sasl-perl"),
    ("usr/lib/dovecot/pop3", "dovecot-pop3d"),
    ("usr/lib/dovecot/lmtp", "dovecot-lmtpd"),
];

/// Packages that are not there after all was tried; empty on a machine that has everything.
pub(super) fn provide(may_install: bool) -> Vec<&'static str> {
    let missing = missing();
    if missing.is_empty() {
        return missing;
    }
    let command_line = format!("apt-get install --no-install-recommends {}", missing.join(" "));
    if may_install && has("apt-get") && is_root() {
        println!("installing: {}", missing.join(" "));
        install(&missing);
    } else {
        println!("missing; as root: {command_line}");
    }
    self::missing()
}

fn missing() -> Vec<&'static str> {
    let mut packages: Vec<&'static str> =
        TOOLS.iter().filter(|tool| !has(tool.program)).map(|tool| tool.package).collect();
    let is_lost = |path: &str| {
        let below = path.strip_prefix("usr/share/perl5/");
        !Path::new("/").join(path).exists() && !below.is_some_and(in_a_perl_folder)
    };
    packages.extend(COMPANIONS.iter().filter(|(path, _)| is_lost(path)).map(|(_, package)| *package));
    if postgres_folder().is_none() {
        packages.push("postgresql");
    }
    packages.dedup();
    packages
}

/// Perl modules that hold machine code live in a folder named for machine and version.
fn in_a_perl_folder(module: &str) -> bool {
    let folders = Path::new("/usr/lib").read_dir().into_iter().flatten().flatten();
    let perls = folders.flat_map(|folder| folder.path().join("perl5").read_dir().into_iter().flatten().flatten());
    let direct = perls.map(|folder| folder.path()).flat_map(|path| [path.join(module), path.join("5").join(module)]);
    direct.into_iter().any(|path| path.exists())
}

/// Debian keeps the server's programs of each PostgreSQL version in a folder of its own, outside of the path.
pub(super) fn postgres_folder() -> Option<PathBuf> {
    let versions = Path::new("/usr/lib/postgresql").read_dir().ok()?;
    let folders = versions.flatten().map(|version| version.path().join("bin"));
    folders.filter(|folder| folder.join("initdb").exists()).max()
}

/// The folder of `moto_server`, which stands in for S3 in the tests of storage; made in the build folder by Python's own
/// installer when the machine has none. `None` where that fails: then these tests say that they were left out.
pub(super) fn bucket_server(root: &Path, may_install: bool) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(found) = std::env::split_paths(&path).find(|folder| folder.join("moto_server").is_file()) {
        return Some(found);
    }
    let folder = root.join("target/tools/moto");
    let programs = folder.join("bin");
    let python = |program: &Path, arguments: &[&str]| {
        let command = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).status();
        command.is_ok_and(|status| status.success())
    };
    if !programs.join("moto_server").is_file() && may_install {
        let make = || python(Path::new("python3"), &["-m", "venv", &folder.to_string_lossy()]);
        println!("installing moto_server into {}", folder.display());
        if !make() && is_root() {
            install(&["python3-venv"]);
            make();
        }
        python(&programs.join("pip"), &["install", "--quiet", "moto[server]"]);
    }
    programs.join("moto_server").is_file().then_some(programs)
}

pub(super) fn is_root() -> bool {
    let id = Command::new("id").arg("-u").stderr(Stdio::null()).output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

pub(super) fn install(packages: &[&str]) {
    let apt = |arguments: &[&str]| {
        // Without a run level, Debian's scripts start no service.
        let command = Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("RUNLEVEL", "1")
            .stdin(Stdio::null())
            .status();
        command.is_ok_and(|status| status.success())
    };
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(packages);
    if !(apt(&["update"]) && apt(&arguments)) {
        println!("apt-get could not install everything");
    }
}
