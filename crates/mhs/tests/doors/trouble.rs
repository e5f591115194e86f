//! The disk fails, or the process dies, at every place that has a name: what was answered 250 is there, once, and
//! nothing is there in half.
//!
//! The store reads its fail point from the environment once, so each case runs in a process of its own: this program
//! again, asked for [`child`] alone.

use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::office::{Office, Terminal};

const FOLDER: &str = "ANGELIA_TEST_FOLDER";
const LETTERS: usize = 6;

/// The child: sends letters, and tells on its output which were taken.
#[tokio::test]
#[ignore = "the tests below start it in a process of its own"]
async fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let office = Office::open_in(Path::new(&folder), |_| {}).await;
    let mut client = Terminal::connect(office.smtp).await;
    for number in 1..=LETTERS {
        client.begin("a@b.test", &["anna@athens.test", "kostas@athens.test"]).await;
        let reply = client.ask(&format!("Subject: letter {number}\r\n\r\nHello\r\n.")).await;
        match reply.get(..3) {
            Some("250") => println!("\ntaken {number}"),
            Some("451" | "452") => println!("\nput off {number}"),
            _ => panic!("{reply}"),
        }
    }
}

/// Runs the child with a fail point; answers the numbers of the letters taken, and those put off.
async fn run(folder: &Path, failpoint: &str) -> (Vec<usize>, Vec<usize>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["trouble::child", "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env("ANGELIA_FAILPOINT", failpoint)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).await.unwrap();
    child.wait().await.unwrap();
    let numbers = |word: &str| said.lines().filter_map(|line| line.strip_prefix(word)?.parse().ok()).collect();
    (numbers("taken "), numbers("put off "))
}

/// How often each letter stands in a mailbox; each is whole.
async fn found(folder: &Path, who: &str) -> Vec<usize> {
    let office = Office::open_in(folder, |_| {}).await;
    let letters = office.letters(who, "INBOX").await;
    assert!(letters.iter().all(|letter| letter.ends_with("\r\n\r\nHello\r\n")), "{letters:?}");
    (1..=LETTERS)
        .map(|number| letters.iter().filter(|letter| letter.contains(&format!("Subject: letter {number}\r\n"))).count())
        .collect()
}

async fn check(failpoint: &str) -> (Vec<usize>, Vec<usize>) {
    let folder = tempfile::tempdir().unwrap();
    drop(Office::open_in(folder.path(), |_| {}).await);
    let (taken, put_off) = run(folder.path(), failpoint).await;
    let (anna, kostas) =
        (found(folder.path(), "anna@athens.test").await, found(folder.path(), "kostas@athens.test").await);
    assert_eq!(anna, kostas, "{failpoint}: all mailboxes or none");
    for number in 1..=LETTERS {
        let count = anna[number - 1];
        assert!(count <= 1, "{failpoint}: letter {number} is there {count} times");
        assert!(count == 1 || !taken.contains(&number), "{failpoint}: letter {number} was taken and is lost");
        assert!(count == 0 || !put_off.contains(&number), "{failpoint}: letter {number} was put off and is there");
    }
    (taken, put_off)
}

#[tokio::test]
async fn the_process_dies() {
    for place in ["after-body-sync", "before-commit", "after-commit"] {
        for passing in [1, 2, 4, 5] {
            let (taken, _) = check(&format!("{place}:{passing}")).await;
            assert!(taken.len() < LETTERS, "{place}:{passing} did not kill it");
        }
    }
}

#[tokio::test]
async fn the_disk_fails() {
    for fault in ["body-write=enospc", "body-write=eio", "body-write=short", "commit=eio"] {
        for passing in [1, 3] {
            let (taken, put_off) = check(&format!("{fault}:{passing}")).await;
            assert_eq!(taken.len() + put_off.len(), LETTERS, "{fault}:{passing}: every letter has its answer");
        }
    }
    // After a failed sync nothing is promised any more.
    let (taken, put_off) = check("body-sync=eio:3").await;
    assert_eq!((taken, put_off), (vec![1, 2], vec![3, 4, 5, 6]));
}
