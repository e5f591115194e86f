//! Clients that nobody here wrote: Python's poplib, curl, fetchmail, mpop.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::house::{House, PASSWORD};

const LETTER: &str = "From: kostas@patras.test\r\nTo: anna@athens.test\r\nSubject: hello\r\n\
    Message-ID: <1@patras.test>\r\n\r\n.dot\r\n.\r\nend\r\n";

impl House {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a program to its end, its home in our folder.
    async fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.args(arguments).env("HOME", self.folder.path()).env("FETCHMAILHOME", self.folder.path());
        command.stdin(Stdio::null());
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
    fn secret_file(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

const POPLIB: &str = r#"
import poplib, ssl, sys
port, tls_port, cert, password = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
context = ssl.create_default_context(cafile=cert)

# Download and keep, by STLS.
pop = poplib.POP3("localhost", port, timeout=20)
capabilities = pop.capa()
assert "STLS" in capabilities and capabilities["EXPIRE"] == ["NEVER"], capabilities
pop.stls(context)
assert "STLS" not in pop.capa()
pop.utf8()
pop.user("anna@athens.test")
pop.pass_(password)
assert pop.stat()[0] == 2
sizes = [line.split() for line in pop.list()[1]]
ids = [line.split()[1] for line in pop.uidl()[1]]
assert len(set(ids)) == 2
message = b"\r\n".join(pop.retr(1)[1]) + b"\r\n"
assert len(message) == int(sizes[0][1]) and message.endswith(b"\r\n\r\n.dot\r\n.\r\nend\r\n"), message
assert pop.top(1, 1)[1][-1] == b".dot"
assert pop.noop().startswith(b"+OK")
try:
    pop.retr(3)
    raise SystemExit("there is no third message")
except poplib.error_proto:
    pass
pop.dele(1)
pop.rset()
pop.quit()

# Download and delete, by TLS from the start.
pop = poplib.POP3_SSL("localhost", tls_port, context=context, timeout=20)
pop.user("anna")
pop.pass_(password)
assert [line.split()[1] for line in pop.uidl()[1]] == ids
pop.dele(1)
assert pop.stat()[0] == 1
pop.quit()

pop = poplib.POP3("localhost", port, timeout=20)
try:
    pop.user("anna")
    pop.pass_("wrong")
    raise SystemExit("signed in with a wrong password")
except poplib.error_proto as error:
    assert b"[AUTH]" in error.args[0], error
pop.close()
"#;

#[tokio::test]
async fn poplib() {
    let house = House::new().await;
    house.deliver(LETTER).await;
    house.deliver(LETTER).await;
    let (port, tls_port) = (house.port.to_string(), house.tls_port.to_string());
    let certificate = house.path("cert.pem");
    house.succeed("python3", &["-c", POPLIB, &port, &tls_port, certificate.to_str().unwrap(), PASSWORD]).await;
    assert_eq!(house.count().await, 1);
}

#[tokio::test]
async fn curl() {
    let house = House::new().await;
    house.deliver(LETTER).await;
    house.deliver("Subject: two\r\n\r\n2\r\n").await;
    let certificate = house.path("cert.pem");
    let user = format!("anna@athens.test:{PASSWORD}");
    let common = ["-sS", "--max-time", "20", "--cacert", certificate.to_str().unwrap(), "-u", &user];
    let stls = format!("pop3://localhost:{}/", house.port);
    let tls = format!("pop3s://localhost:{}/", house.tls_port);
    let ask = async |more: &[&str]| house.succeed("curl", &[&common, more].concat()).await;

    let (one, two) = (LETTER.len(), "Subject: two\r\n\r\n2\r\n".len());
    assert_eq!(ask(&["--ssl-reqd", &stls]).await, format!("1 {one}\r\n2 {two}\r\n"));
    assert_eq!(ask(&["--ssl-reqd", &format!("{stls}1")]).await, LETTER);
    assert_eq!(ask(&[&format!("{tls}2")]).await, "Subject: two\r\n\r\n2\r\n");
    for options in ["AUTH=PLAIN", "AUTH=LOGIN", "AUTH=*"] {
        let listed = ask(&["--login-options", options, &tls]).await;
        assert_eq!(listed, format!("1 {one}\r\n2 {two}\r\n"), "{options}");
    }
    assert_eq!(ask(&["-X", "UIDL", &tls]).await.lines().count(), 2);
    ask(&["-X", "DELE", "--head", &format!("{tls}1")]).await;
    assert_eq!(house.count().await, 1);
    let refused = house.run("curl", &["-sS", "-k", "-u", "anna:wrong", &tls]).await;
    assert_eq!(refused.status.code(), Some(67), "curl's own code for a refused sign-in");
}

#[tokio::test]
async fn fetchmail() {
    let house = House::new().await;
    for number in 0..3 {
        house.deliver(LETTER.replace("hello", &format!("hello {number}"))).await;
    }
    let (certificate, got) = (house.path("cert.pem"), house.path("got"));
    let mut config = format!(
        "poll localhost protocol pop3 port {} uidl\n user \"anna@athens.test\" password \"{PASSWORD}\"\n \
         sslproto \"auto\" sslcertck sslcertfile \"{}\" keep mda \"cat >> {}\"\n",
        house.port,
        certificate.display(),
        got.display()
    );
    let path = house.secret_file("fetchmailrc", &config);
    let pid = house.path("fetchmail.pid");
    let ids = house.path("fetchids");
    let arguments = ["-f", &path, "--pidfile", pid.to_str().unwrap(), "-i", ids.to_str().unwrap(), "--nosyslog"];

    // Keep: each comes once, and stays.
    house.succeed("fetchmail", &arguments).await;
    let second = house.run("fetchmail", &arguments).await;
    assert_eq!(second.status.code(), Some(1), "fetchmail's own code for no new mail");
    let text = fs::read_to_string(&got).unwrap();
    assert_eq!(text.matches("Subject: hello").count(), 3, "{text}");
    assert!(text.contains("\n.dot\n.\nend\n"), "{text}");
    assert_eq!(house.count().await, 3);

    // Delete.
    let _ = writeln!(config, " fetchall nokeep");
    house.secret_file("fetchmailrc", &config.replace(" keep ", " "));
    house.succeed("fetchmail", &arguments).await;
    assert_eq!(house.count().await, 0);
}

#[tokio::test]
async fn mpop() {
    let house = House::new().await;
    for number in 0..3 {
        house.deliver(LETTER.replace("hello", &format!("hello {number}"))).await;
    }
    let (certificate, got) = (house.path("cert.pem"), house.path("got"));
    let config = |tls: &str, auth: &str, keep: &str| {
        format!(
            "account default\nhost localhost\n{tls}\ntls on\ntls_trust_file {}\nuser anna@athens.test\n\
             password {PASSWORD}\nauth {auth}\nkeep {keep}\nuidls_file {}\ndelivery mbox {}\n",
            certificate.display(),
            house.path("uidls").display(),
            got.display()
        )
    };
    let stls = format!("port {}\ntls_starttls on", house.port);
    let tls = format!("port {}\ntls_starttls off", house.tls_port);
    let count = || fs::read_to_string(&got).unwrap().matches("Subject: hello").count();

    let path = house.secret_file("mpoprc", &config(&stls, "scram-sha-256", "on"));
    house.succeed("mpop", &["-C", &path]).await;
    assert_eq!((count(), house.count().await), (3, 3));
    house.deliver(LETTER).await;
    house.secret_file("mpoprc", &config(&tls, "plain", "on"));
    house.succeed("mpop", &["-C", &path]).await;
    assert_eq!((count(), house.count().await), (4, 4), "only the new one");
    house.deliver(LETTER).await;
    house.secret_file("mpoprc", &config(&tls, "user", "off"));
    house.succeed("mpop", &["-C", &path]).await;
    assert_eq!((count(), house.count().await), (5, 0));

    let mechanisms: Vec<String> = house.events(3).await;
    let used: Vec<&str> = mechanisms.iter().filter(|line| line.starts_with("signed-in")).map(String::as_str).collect();
    assert_eq!(
        used,
        [
            "signed-in Pop3 anna@athens.test SCRAM-SHA-256",
            "signed-in Pop3s anna@athens.test PLAIN",
            "signed-in Pop3s anna@athens.test USER"
        ]
    );
}
