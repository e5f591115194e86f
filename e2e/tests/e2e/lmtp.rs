//! Postfix in front: it receives the mail, and brings it by LMTP over TCP and over a Unix socket.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::postfix::{self, Postfix, SPARTA};
use crate::raw;
use crate::server::{PASSWORD, Server, USER};
use crate::tool::{run, until};

fn free_port(host: &str) -> u16 {
    TcpListener::bind((host, 0)).unwrap().local_addr().unwrap().port()
}

#[test]
fn postfix_in_front_brings_mail_by_lmtp() {
    if postfix::is_missing() {
        return;
    }
    let run_folder = tempfile::tempdir().unwrap();
    // Postfix knocks as another user.
    fs::set_permissions(run_folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let socket = run_folder.path().join("lmtp");
    let tcp = format!("127.0.4.1:{}", free_port("127.0.4.1"));
    let server = Server::start(&format!(
        "lmtp.listen = [\"{tcp}\"]\nlmtp.socket = \"{}\"\nlmtp.socket_mode = \"0666\"",
        socket.display()
    ));
    server.command(&["domain", "add", "delphi.test"], b"");
    server.command(&["alias", "add", "pythia@delphi.test", USER], b"");
    let port = free_port(SPARTA);
    let transports = format!("patras.test=lmtp:inet:{tcp}, delphi.test=lmtp:unix:{}", socket.display());
    let postfix = Postfix::start(port, &transports);

    for (way, known, unknown) in
        [("TCP", USER, "nobody@patras.test"), ("a socket", "pythia@delphi.test", "nobody@delphi.test")]
    {
        let subject = format!("by {way}");
        let to = format!("{known},{unknown}");
        let mut swaks = Command::new("swaks");
        swaks.args(["--server", SPARTA, "--port", &port.to_string(), "--ehlo", "mail.sparta.test"]);
        swaks.args(["--from", "leonidas@sparta.test", "--to", &to, "--header", &format!("Subject: {subject}")]);
        run(swaks.args(["--body", "Molon labe"])).succeeded();
        let header = format!("Subject: {subject}\r\n");
        let letter = until("the letter", || {
            raw::inbox(server.imap, USER, PASSWORD).into_iter().find(|letter| letter.contains(&header))
        });
        assert!(letter.starts_with("Return-Path: <leonidas@sparta.test>\r\n"), "{letter}");
        assert!(letter.contains("with LMTP"), "{letter}");
        let bounce = postfix.reads("Postfix's bounce", |text| text.contains(unknown) && text.contains("550"));
        assert!(
            bounce.contains(&format!("Final-Recipient: rfc822; {unknown}")) && bounce.contains("5.1.1"),
            "{bounce}"
        );
        assert!(!bounce.contains(&format!("Final-Recipient: rfc822; {known}")), "only one bounces: {bounce}");
    }
    assert_eq!(raw::inbox(server.imap, USER, PASSWORD).len(), 2, "and each came once");
}
