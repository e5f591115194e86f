//! Other people's programs: run with a limit of time, their output kept for the moment that a test fails.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a client may take for one letter, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// The program under test.
pub fn angelia() -> Command {
    Command::new(program())
}

/// Where `cargo xtask test` has built it; else where a plain `cargo build` puts it.
pub fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("ANGELIA_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join("angelia");
    assert!(path.exists(), "build the program first: cargo build --package angelia ({})", path.display());
    path
}

/// How a program ended.
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// It ended with 0; else the test fails and shows why.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "\n--- stdout\n{}\n--- stderr\n{}", self.out, self.err);
        self
    }

    /// It ended with another code than 0.
    #[track_caller]
    pub fn failed(self) -> Self {
        assert_ne!(self.code, Some(0), "\n--- stdout\n{}\n--- stderr\n{}", self.out, self.err);
        self
    }

    /// It said this, on either output.
    #[track_caller]
    pub fn said(self, text: &str) -> Self {
        let said = self.out.contains(text) || self.err.contains(text);
        assert!(said, "{text:?} was not said\n--- stdout\n{}\n--- stderr\n{}", self.out, self.err);
        self
    }
}

/// Runs a program to its end.
#[track_caller]
pub fn run(command: &mut Command) -> Ran {
    run_with(command, b"")
}

/// The same with this on its standard input.
#[track_caller]
pub fn run_with(command: &mut Command, input: &[u8]) -> Ran {
    let (mut out, mut err, mut stdin) = (file(), file(), file());
    std::io::Write::write_all(&mut stdin, input).unwrap();
    stdin.rewind().unwrap();
    command.stdin(stdin).stdout(out.try_clone().unwrap()).stderr(err.try_clone().unwrap());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
    let code = wait(&mut child, PATIENCE);
    let ran = Ran { code: code.unwrap_or(None), out: text(&mut out), err: text(&mut err) };
    assert!(code.is_some(), "{command:?} took too long\n--- stdout\n{}\n--- stderr\n{}", ran.out, ran.err);
    ran
}

/// Its exit code; `None` when it did not end in time and was killed.
#[allow(clippy::option_option, reason = "a program killed by a signal has no code")]
fn wait(child: &mut Child, patience: Duration) -> Option<Option<i32>> {
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status.code());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

fn file() -> File {
    tempfile::tempfile().unwrap()
}

fn text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits until `done` says something; the test fails when it does not in time.
#[track_caller]
pub fn until<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = done() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A child that is ended with the test: asked first, then killed.
pub struct Running {
    child: Child,
}

impl Running {
    /// Starts it, with its output in this file.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let log = File::create(log).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Self { child: command.spawn().unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program())) }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// No chance to tidy up.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub fn signal(&self, signal: i32) {
        let pid = i32::try_from(self.child.id()).unwrap();
        // SAFETY: a plain system call; the process is our child and was not waited for.
        unsafe { libc::kill(pid, signal) };
    }

    /// SIGTERM, and its exit code.
    pub fn end(&mut self) -> Option<i32> {
        self.signal(libc::SIGTERM);
        wait(&mut self.child, Duration::from_secs(30)).expect("it did not end at SIGTERM")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_running() {
            self.signal(libc::SIGTERM);
            let _ = wait(&mut self.child, Duration::from_secs(10));
        }
    }
}

/// Everything in a Maildir or an mbox below this folder, as one text for each file.
pub fn files_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if let Ok(bytes) = std::fs::read(entry.path()) {
                found.push(String::from_utf8_lossy(&bytes).into_owned());
            }
        }
    }
    found
}

/// Whether this is root: some servers start as nobody else, and nobody else can be several users.
pub fn is_root() -> bool {
    // SAFETY: a plain system call.
    unsafe { libc::geteuid() == 0 }
}

/// A key and a certificate that it has signed itself, for this name: `key.pem` and `certificate.pem` in the folder.
pub fn self_signed(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-nodes", "-days", "7", "-subj", &format!("/CN={name}")]).args(curve);
    run(openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate)).succeeded();
    (key, certificate)
}

/// A file that only its owner may read: some clients refuse any other with a password in it.
pub fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
