//! Python's smtplib, poplib and imaplib, whose authors read the same RFCs.

use std::process::Command;

use crate::lab::Lab;
use crate::tool::run;

fn python(lab: &Lab, name: &str, text: &str) {
    let file = lab.home().join(name);
    std::fs::write(&file, text).unwrap();
    let facts = lab.folder.path().join("lab/lab.json");
    run(Command::new("python3").arg(&file).arg(&facts)).succeeded().said("done");
}

#[test]
fn smtplib() {
    let lab = Lab::start();
    python(&lab, "smtp.py", include_str!("python/smtp.py"));
    let letter = lab.kostas_reads("by smtplib");
    assert!(letter.contains("Subject: by smtplib"), "{letter}");
}

#[test]
fn poplib() {
    let lab = Lab::start();
    for subject in ["first", "second"] {
        lab.anna_writes("kostas@patras.test", subject);
        lab.kostas_reads(subject);
    }
    python(&lab, "pop3.py", include_str!("python/pop3.py"));
}

#[test]
fn imaplib() {
    let lab = Lab::start();
    lab.anna_writes("kostas@patras.test", "by imaplib");
    lab.kostas_reads("by imaplib");
    python(&lab, "imap.py", include_str!("python/imap.py"));
}
