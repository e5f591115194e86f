//! Clients that nobody here wrote: Python's imaplib, curl, mbsync.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};

use crate::support::House;

impl House {
    /// Runs a program to its end, its home in our folder.
    async fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.args(arguments).env("HOME", self.folder.path()).stdin(Stdio::null());
        let program = program.to_owned();
        let run = move || command.output().unwrap_or_else(|error| panic!("{program} must be installed: {error}"));
        tokio::task::spawn_blocking(run).await.unwrap()
    }

    /// Runs one that must succeed; what it said.
    async fn succeed(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.run(program, arguments).await;
        let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{program} {arguments:?}: {}\n{said}\n{complained}", output.status);
        said.into_owned()
    }

    /// A file that only its owner may read, as these programs want it.
    fn file(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

const IMAPLIB: &str = r#"
import imaplib, ssl, sys, time
port, tls_port, cert = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
context = ssl.create_default_context(cafile=cert)

def ok(answer):
    assert answer[0] == "OK", answer
    return answer[1]

a = imaplib.IMAP4("localhost", port, timeout=20)
assert "LOGINDISABLED" in a.capabilities, a.capabilities
a.starttls(context)
assert "AUTH=PLAIN" in a.capabilities, a.capabilities
try:
    a.login("anna@athens.test", "wrong")
    raise SystemExit("let in")
except imaplib.IMAP4.error as error:
    assert "AUTHENTICATIONFAILED" in str(error), error
a.authenticate("PLAIN", lambda _: b"\0anna@athens.test\0secret")
letter = b"From: kostas@patras.test\r\nSubject: hello\r\n\r\nfirst line\r\n"
ok(a.append("INBOX", r"(\Flagged)", imaplib.Time2Internaldate(time.time()), letter))
ok(a.append("INBOX", None, None, letter.replace(b"hello", b"second")))
assert ok(a.select("INBOX")) == [b"2"]
assert ok(a.search(None, "FLAGGED")) == [b"1"]
assert ok(a.uid("SEARCH", None, "SUBJECT", '"second"')) == [b"2"]
data = ok(a.fetch("1", "(FLAGS BODY.PEEK[])"))
assert data[0][1] == letter, data
ok(a.create("Ablage/2026"))
ok(a.copy("1:2", "Ablage/2026"))
ok(a.store("1", "+FLAGS", r"(\Deleted)"))
assert ok(a.expunge()) == [b"1"]
assert ok(a.status("Ablage/2026", "(MESSAGES UNSEEN)")) == [b'"Ablage/2026" (MESSAGES 2 UNSEEN 2)']
names = ok(a.list())
assert any(b"\\Sent" in name for name in names) and any(b"Ablage/2026" in name for name in names), names
ok(a.namespace())

b = imaplib.IMAP4_SSL("localhost", tls_port, ssl_context=context, timeout=20)
ok(b.login("anna@athens.test", "secret"))
assert ok(b.select("INBOX", readonly=True)) == [b"1"]
if hasattr(b, "idle"):
    with b.idle(duration=20) as idler:
        ok(a.append("INBOX", None, None, letter))
        kind, data = next(idler)
        assert (kind, data) == ("EXISTS", [b"2"]), (kind, data)
assert b.logout()[0] == "BYE"
ok(a.close())
assert a.logout()[0] == "BYE"
print("done")
"#;

#[tokio::test]
async fn imaplib() {
    let house = House::with_tls().await;
    let script = house.file("imap.py", IMAPLIB);
    let (port, tls_port) = (house.address.port().to_string(), house.tls_address.port().to_string());
    let cert = house.path("chain.pem");
    assert_eq!(house.succeed("python3", &[&script, &port, &tls_port, cert.to_str().unwrap()]).await, "done\n");
}

#[tokio::test]
async fn curl() {
    let house = House::with_tls().await;
    let letter = house.file("letter.eml", "Subject: by curl\r\n\r\nhello\r\n");
    let cert = house.path("chain.pem");
    let login = "anna@athens.test:secret";
    let common = ["--silent", "--show-error", "--cacert", cert.to_str().unwrap(), "--user", login];
    let starttls = format!("imap://localhost:{}/INBOX", house.address.port());
    let tls = format!("imaps://localhost:{}/INBOX", house.tls_address.port());
    let upload = [&common[..], &["--ssl-reqd", "--upload-file", &letter, &starttls]].concat();
    house.succeed("curl", &upload).await;
    let first = format!("{tls};UID=1");
    let fetch = [&common[..], &[&first]].concat();
    assert_eq!(house.succeed("curl", &fetch).await, "Subject: by curl\r\n\r\nhello\r\n");
    let login = ["--login-options", "AUTH=LOGIN", &tls, "--request", "SEARCH ALL"];
    assert_eq!(house.succeed("curl", &[&common[..], &login].concat()).await, "* SEARCH 1\r\n");
}

/// A Maildir that is kept the same on both sides.
#[tokio::test]
async fn mbsync() {
    let house = House::with_tls().await;
    let maildir = house.path("mail");
    fs::create_dir(&maildir).unwrap();
    let config = format!(
        "IMAPAccount anna\nHost localhost\nPort {}\nUser anna@athens.test\nPass secret\nSSLType IMAPS\n\
         CertificateFile {}\n\nIMAPStore far\nAccount anna\n\nMaildirStore near\nPath {}/\nInbox {}/INBOX\nSubFolders Verbatim\n\n\
         Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\nSyncState *\n",
        house.tls_address.port(),
        house.path("chain.pem").display(),
        maildir.display(),
        maildir.display(),
    );
    let config = house.file("mbsyncrc", &config);
    // A letter there, a letter here, a mailbox here.
    let far = house.file("far.eml", "Subject: far\r\n\r\nhello\r\n");
    let cert = house.path("chain.pem");
    let url = format!("imaps://localhost:{}/INBOX", house.tls_address.port());
    let curl = ["--silent", "--show-error", "--cacert", cert.to_str().unwrap(), "--user", "anna@athens.test:secret"];
    house.succeed("curl", &[&curl[..], &["--upload-file", &far, &url]].concat()).await;
    house.succeed("mbsync", &["-c", &config, "-a"]).await;
    let count = |folder: &std::path::Path| fs::read_dir(folder).map_or(0, Iterator::count);
    let both = |name: &str| count(&maildir.join(name).join("cur")) + count(&maildir.join(name).join("new"));
    assert_eq!(both("INBOX"), 1);
    fs::write(maildir.join("INBOX/cur/1.near:2,S"), "Subject: near\n\nhello\n").unwrap();
    house.succeed("mbsync", &["-c", &config, "-a"]).await;
    let search = ["--request", "SEARCH SEEN SUBJECT near", &url];
    assert_eq!(house.succeed("curl", &[&curl[..], &search].concat()).await, "* SEARCH 2\r\n");
    // Gone here, gone there.
    for entry in
        fs::read_dir(maildir.join("INBOX/cur")).unwrap().chain(fs::read_dir(maildir.join("INBOX/new")).unwrap())
    {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    house.succeed("mbsync", &["-c", &config, "-a"]).await;
    assert_eq!(house.succeed("curl", &[&curl[..], &["--request", "SEARCH ALL", &url]].concat()).await, "* SEARCH\r\n");
}
