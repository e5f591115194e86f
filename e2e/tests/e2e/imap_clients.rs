//! Reading and keeping by IMAP: curl, mbsync and offlineimap, the latter two both ways.

use std::path::Path;
use std::process::Command;

use crate::lab::{Lab, letter};
use crate::tool::{Ran, files_below, run, write_private};

fn curl(lab: &Lab, path: &str, arguments: &[&str]) -> Command {
    let patras = lab.patras();
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--cacert", lab.ca(), "--user", &patras.login()]).args(arguments);
    curl.arg(format!("{}/{path}", patras.url("imaps", "imaps")));
    curl
}

#[test]
fn curl_lists_appends_searches_and_flags() {
    let lab = Lab::start();
    let list = run(&mut curl(&lab, "", &[])).succeeded().out;
    assert!(list.contains("INBOX"), "{list}");
    run(&mut curl(&lab, "", &["--request", "CREATE Letters"])).succeeded();
    let text = letter("kostas@patras.test", "kostas@patras.test", "appended");
    let file = lab.home().join("letter");
    std::fs::write(&file, &text).unwrap();
    run(&mut curl(&lab, "Letters", &["--upload-file", file.to_str().unwrap()])).succeeded();
    let found = run(&mut curl(&lab, "Letters", &["--request", "SEARCH SUBJECT appended"])).succeeded().out;
    assert_eq!(found.trim(), "* SEARCH 1");
    run(&mut curl(&lab, "Letters", &["--request", "STORE 1 +FLAGS \\Flagged"])).succeeded();
    let flags = run(&mut curl(&lab, "Letters", &["--request", "FETCH 1 (FLAGS RFC822.SIZE)"])).succeeded().out;
    assert!(flags.contains("\\Flagged") && flags.contains(&text.len().to_string()), "{flags}");
    let read = run(&mut curl(&lab, "Letters;MAILINDEX=1", &[])).succeeded().out;
    assert_eq!(read, text, "what was appended is what is read, to the octet");
    let mut wrong = Command::new("curl");
    wrong.args(["--silent", "--cacert", lab.ca(), "--user", "kostas@patras.test:wrong"]);
    assert_eq!(run(wrong.arg(lab.patras().url("imaps", "imaps"))).code, Some(67));
}

#[test]
fn curl_with_starttls() {
    let lab = Lab::start();
    let patras = lab.patras();
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--ssl-reqd", "--cacert", lab.ca(), "--user", &patras.login()]);
    let list = run(curl.arg(format!("{}/", patras.url("imap", "imap")))).succeeded().out;
    assert!(list.contains("INBOX"), "{list}");
}

/// The number of letters about a subject below a folder.
fn count(folder: &Path, subject: &str) -> usize {
    let needle = format!("Subject: {subject}");
    files_below(folder).iter().filter(|text| text.replace("\r\n", "\n").contains(&format!("{needle}\n"))).count()
}

/// Puts a letter into a local Maildir, as a mail program does.
fn drop_into(maildir: &Path, subject: &str) {
    for folder in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(maildir.join(folder)).unwrap();
    }
    let text = letter("kostas@patras.test", "anna@athens.test", subject).replace("\r\n", "\n");
    let name = format!("1795446303.{}.laptop:2,S", subject.replace(' ', "-"));
    std::fs::write(maildir.join("cur").join(name), text).unwrap();
}

fn search(lab: &Lab, mailbox: &str, what: &str) -> String {
    run(&mut curl(lab, mailbox, &["--request", &format!("SEARCH {what}")])).succeeded().out.trim().to_owned()
}

#[test]
fn mbsync_both_ways() {
    let lab = Lab::start();
    lab.anna_writes("kostas@patras.test", "down by mbsync");
    lab.kostas_reads("down by mbsync");
    let (home, patras) = (lab.home(), lab.patras());
    let mail = home.join("mail");
    std::fs::create_dir_all(&mail).unwrap();
    let file = home.join("mbsyncrc");
    // mbsync compares the certificate's names with the host, and knows no addresses in certificates; so it is shown the
    // server's own certificate.
    let own = patras.config().with_file_name("certificate.pem");
    write_private(
        &file,
        &format!(
            "IMAPStore far\nHost {}\nPort {}\nUser {}\nPass {}\nSSLType IMAPS\nCertificateFile {}\nSystemCertificates no\n\n\
             MaildirStore near\nPath {mail}/\nInbox {mail}/INBOX\nSubFolders Verbatim\n\n\
             Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nRemove Both\nExpunge Both\nSyncState *\n",
            patras.host(),
            patras.port("imaps"),
            patras.address(),
            patras.password(),
            own.display(),
            mail = mail.display(),
        ),
    );
    let sync = || run(Command::new("mbsync").env("HOME", &home).arg("--config").arg(&file).arg("--all")).succeeded();
    sync();
    assert_eq!(count(&mail, "down by mbsync"), 1);
    drop_into(&mail.join("INBOX"), "up by mbsync");
    drop_into(&mail.join("Travels"), "in a folder of his own");
    sync();
    assert_eq!(search(&lab, "INBOX", "SUBJECT \"up by mbsync\" SEEN"), "* SEARCH 2");
    assert_eq!(search(&lab, "Travels", "SUBJECT \"a folder\""), "* SEARCH 1");
    // What is deleted on the server goes from the laptop.
    run(&mut curl(&lab, "INBOX", &["--request", "STORE 1 +FLAGS.SILENT \\Deleted"])).succeeded();
    run(&mut curl(&lab, "INBOX", &["--request", "EXPUNGE"])).succeeded();
    sync();
    assert_eq!(count(&mail, "down by mbsync"), 0);
    assert_eq!(count(&mail, "up by mbsync"), 1);
    let before = files_below(&mail).len();
    sync();
    assert_eq!(files_below(&mail).len(), before, "nothing is done twice");
}

/// It knows no addresses in certificates either, and believes a fingerprint.
fn fingerprint(certificate: &Path) -> String {
    let mut openssl = Command::new("openssl");
    let ran = run(openssl.args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]).arg(certificate)).succeeded();
    ran.out.trim().split('=').next_back().unwrap().replace(':', "").to_lowercase()
}

#[test]
fn offlineimap_both_ways() {
    let lab = Lab::start();
    lab.anna_writes("kostas@patras.test", "down by offlineimap");
    lab.kostas_reads("down by offlineimap");
    let (home, patras) = (lab.home(), lab.patras());
    let mail = home.join("mail");
    let file = home.join("offlineimaprc");
    write_private(
        &file,
        &format!(
            "[general]\naccounts = kostas\nmetadata = {home}/metadata\n\n[Account kostas]\nlocalrepository = near\n\
             remoterepository = far\n\n[Repository near]\ntype = Maildir\nlocalfolders = {mail}\n\n[Repository far]\n\
             type = IMAP\nremotehost = {}\nremoteport = {}\nssl = yes\ncert_fingerprint = {}\nremoteuser = {}\n\
             remotepass = {}\n",
            patras.host(),
            patras.port("imaps"),
            fingerprint(&patras.config().with_file_name("certificate.pem")),
            patras.address(),
            patras.password(),
            home = home.display(),
            mail = mail.display(),
        ),
    );
    let sync = || -> Ran {
        let mut offlineimap = Command::new("offlineimap");
        run(offlineimap.env("HOME", &home).arg("-c").arg(&file).args(["-o", "-u", "basic"])).succeeded()
    };
    sync();
    assert_eq!(count(&mail, "down by offlineimap"), 1);
    drop_into(&mail.join("INBOX"), "up by offlineimap");
    sync();
    assert_eq!(search(&lab, "INBOX", "SUBJECT \"up by offlineimap\" SEEN"), "* SEARCH 2");
    run(&mut curl(&lab, "INBOX", &["--request", "STORE 1 +FLAGS.SILENT \\Deleted"])).succeeded();
    run(&mut curl(&lab, "INBOX", &["--request", "EXPUNGE"])).succeeded();
    sync();
    assert_eq!(count(&mail, "down by offlineimap"), 0);
    assert_eq!(count(&mail, "up by offlineimap"), 1);
}
