//! The mail clients of Anna and Kostas: they hand a letter in by SMTP, and read it by POP3 and by IMAP, in few plain
//! commands over real connections, and keep what was said.

use std::net::SocketAddr;

use anyhow::{Context, bail, ensure};
use envelope::Host;
use net::ClientTls;
use protocol::sasl::encode_base64;

use super::plan::{OfficePlan, Person};
use super::talk::{Said, Talk};

/// What a client knows of its server, as a person types it into a mail program.
pub(super) struct Account<'a> {
    pub(super) person: &'a Person,
    pub(super) server: Host,
    pub(super) tls: &'a ClientTls,
}

impl<'a> Account<'a> {
    pub(super) fn new(office: &'a OfficePlan, tls: &'a ClientTls) -> anyhow::Result<Self> {
        Ok(Self { person: &office.person, server: Host::parse(&office.hostname)?, tls })
    }

    /// Submits a letter: STARTTLS, AUTH PLAIN, MAIL, RCPT, DATA.
    pub(super) async fn submit(&self, door: SocketAddr, to: &str, letter: &str) -> anyhow::Result<Vec<Said>> {
        let mut talk = Talk::open(door).await?;
        reply(&mut talk, "220").await?;
        command(&mut talk, "EHLO laptop.athens.test", "250").await?;
        command(&mut talk, "STARTTLS", "220").await?;
        talk = talk.encrypt(self.tls, &self.server).await?;
        command(&mut talk, "EHLO laptop.athens.test", "250").await?;
        let secret = encode_base64(format!("\0{}\0{}", self.person.address, self.person.password).as_bytes());
        talk.say_hidden(&format!("AUTH PLAIN {secret}"), "AUTH PLAIN (Anna's address and password)").await?;
        reply(&mut talk, "235").await?;
        command(&mut talk, &format!("MAIL FROM:<{}>", self.person.address), "250").await?;
        command(&mut talk, &format!("RCPT TO:<{to}>"), "250").await?;
        command(&mut talk, "DATA", "354").await?;
        let stuffed: String =
            letter.lines().flat_map(|line| [if line.starts_with('.') { "." } else { "" }, line, "\n"]).collect();
        talk.say(&stuffed).await?;
        command(&mut talk, ".", "250").await?;
        command(&mut talk, "QUIT", "221").await?;
        Ok(talk.said)
    }

    /// Reads the newest letter by POP3 over TLS, and leaves it on the server.
    pub(super) async fn read_pop3(&self, door: SocketAddr) -> anyhow::Result<(Vec<Said>, String)> {
        let mut talk = Talk::open(door).await?.encrypt(self.tls, &self.server).await?;
        positive(&mut talk).await?;
        talk.say(&format!("USER {}", self.person.address)).await?;
        positive(&mut talk).await?;
        talk.say_hidden(&format!("PASS {}", self.person.password), "PASS (his password)").await?;
        positive(&mut talk).await?;
        talk.say("STAT").await?;
        let count = positive(&mut talk).await?;
        let newest: u32 = count.split(' ').nth(1).and_then(|text| text.parse().ok()).context("no count in STAT")?;
        ensure!(newest > 0, "POP3 shows no letter");
        talk.say(&format!("RETR {newest}")).await?;
        positive(&mut talk).await?;
        let lines = talk.hear_until(|line| line == ".").await?;
        talk.say("QUIT").await?;
        positive(&mut talk).await?;
        let unstuffed = lines.iter().take(lines.len() - 1).map(|line| line.strip_prefix('.').unwrap_or(line));
        let letter = unstuffed.flat_map(|line| [line, "\r\n"]).collect();
        Ok((talk.said, letter))
    }

    /// Reads the letter with this Message-ID by IMAP over TLS.
    pub(super) async fn read_imap(&self, door: SocketAddr, message_id: &str) -> anyhow::Result<(Vec<Said>, String)> {
        let mut talk = self.sign_in_imap(door).await?;
        talk.say("b SELECT INBOX").await?;
        tagged(&mut talk, "b").await?;
        talk.say(&format!("c UID SEARCH HEADER Message-ID {message_id}")).await?;
        let found = tagged(&mut talk, "c").await?;
        let uid = found.iter().find_map(|line| line.strip_prefix("* SEARCH ")).context("IMAP finds no such letter")?;
        let uid: u32 = uid.trim().parse().with_context(|| format!("more or less than one letter found: {uid}"))?;
        talk.say(&format!("d UID FETCH {uid} (FLAGS BODY[])")).await?;
        let lines = tagged(&mut talk, "d").await?;
        talk.say("e LOGOUT").await?;
        tagged(&mut talk, "e").await?;
        let begin = lines.iter().position(|line| line.contains("BODY[] {")).context("no letter in the answer")?;
        let letter = lines.iter().skip(begin + 1).flat_map(|line| [line.as_str(), "\r\n"]).collect();
        Ok((talk.said, letter))
    }

    /// Opens INBOX by IMAP over TLS, says IDLE, and leaves the connection to the server.
    pub(super) async fn wait_imap(&self, door: SocketAddr) -> anyhow::Result<Waiting> {
        let mut talk = self.sign_in_imap(door).await?;
        let signed_in = talk.said.len();
        talk.say("b SELECT INBOX").await?;
        let lines = tagged(&mut talk, "b").await?;
        let letters = lines.iter().find_map(|line| exists(line)).context("SELECT tells no count")?;
        talk.say("c IDLE").await?;
        let answer = talk.hear().await?;
        ensure!(answer.starts_with('+'), "heard: {answer}");
        talk.said.push(Said::note("nobody speaks, until there is something to say"));
        Ok(Waiting { talk, signed_in, letters })
    }

    async fn sign_in_imap(&self, door: SocketAddr) -> anyhow::Result<Talk> {
        let mut talk = Talk::open(door).await?.encrypt(self.tls, &self.server).await?;
        let greeting = talk.hear().await?;
        ensure!(greeting.starts_with("* OK"), "greeting: {greeting}");
        let login = format!("a LOGIN {} {}", self.person.address, self.person.password);
        talk.say_hidden(&login, &format!("a LOGIN {} (his password)", self.person.address)).await?;
        tagged(&mut talk, "a").await?;
        Ok(talk)
    }
}

/// A mail program that asked to be told of new letters (IDLE, RFC 2177).
pub(super) struct Waiting {
    talk: Talk,
    /// Where in the dialogue the sign-in was over.
    signed_in: usize,
    /// In INBOX when it began to wait.
    letters: u32,
}

impl Waiting {
    /// Hears the server ring, and closes the connection: all that was said on it since the sign-in.
    pub(super) async fn rung(mut self) -> anyhow::Result<Vec<Said>> {
        let is_news = |line: &str| exists(line).is_some_and(|count| count > self.letters);
        self.talk.hear_until(is_news).await.context("nobody rang")?;
        while self.talk.has_line() {
            self.talk.hear().await?;
        }
        self.talk.say("DONE").await?;
        tagged(&mut self.talk, "c").await?;
        self.talk.say("d LOGOUT").await?;
        tagged(&mut self.talk, "d").await?;
        Ok(self.talk.said.split_off(self.signed_in))
    }
}

/// The count of `* 1 EXISTS`.
fn exists(line: &str) -> Option<u32> {
    line.strip_prefix("* ")?.strip_suffix(" EXISTS")?.parse().ok()
}

async fn command(talk: &mut Talk, line: &str, wanted: &str) -> anyhow::Result<()> {
    talk.say(line).await?;
    reply(talk, wanted).await
}

/// A whole SMTP reply with this code.
async fn reply(talk: &mut Talk, wanted: &str) -> anyhow::Result<()> {
    let lines = talk.hear_until(|line| line.as_bytes().get(3) != Some(&b'-')).await?;
    match lines.last() {
        Some(line) if line.starts_with(wanted) => Ok(()),
        other => bail!("wanted {wanted}, heard: {}", other.map(String::as_str).unwrap_or_default()),
    }
}

/// `+OK …`
async fn positive(talk: &mut Talk) -> anyhow::Result<String> {
    let line = talk.hear().await?;
    ensure!(line.starts_with("+OK"), "heard: {line}");
    Ok(line)
}

/// Everything up to the tagged OK.
async fn tagged(talk: &mut Talk, tag: &str) -> anyhow::Result<Vec<String>> {
    let lines = talk.hear_until(|line| line.split(' ').next() == Some(tag)).await?;
    let last = lines.last().cloned().unwrap_or_default();
    ensure!(last.starts_with(&format!("{tag} OK")), "heard: {last}");
    Ok(lines)
}
