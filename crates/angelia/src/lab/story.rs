//! The story: a letter travels from Anna to Kostas in six steps; then patras is down, a letter waits, patras comes back,
//! the letter arrives. Nothing is acted: what is shown was read from sockets, journals, the DNS server and the queue.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use envelope::MailId;
use journal::{AttemptOutcome, Entry, Event, Service};
use message::date::DateTime;
use net::{ClientTls, Roots};
use queue::Filter;

use super::agent::Account;
use super::news::Item;
use super::screen::Screen;
use super::talk::Said;
use super::{Lab, offices};
use crate::sinks::{describe, time_of_day};

/// Rows of the queue that are shown.
const QUEUE_SHOWN_MAX: usize = 20;
/// An attempt is told before its end is written into the queue: how often, and after what pause, we look for that.
const QUEUE_LOOKS_MAX: usize = 100;
const QUEUE_LOOK_EVERY: Duration = Duration::from_millis(20);

/// A letter that is being followed.
struct Letter {
    subject: &'static str,
    message_id: String,
    text: String,
}

/// Tells it all. An error says which step failed, and why.
pub(super) async fn tell(lab: &mut Lab, screen: &mut Screen) -> anyhow::Result<()> {
    let tls = ClientTls::verifying(&Roots::none().with_file(&lab.plan.authority)?);
    first_letter(lab, screen, &tls).await?;
    second_letter(lab, screen, &tls).await?;
    screen.end_step();
    Ok(())
}

async fn first_letter(lab: &mut Lab, screen: &mut Screen, tls: &ClientTls) -> anyhow::Result<()> {
    let letter = Letter::new("The first letter", "Kostas,\n\nthe sea is calm today.\n\nAnna");
    lab.news.forget();
    lab.nameserver.take_asked();
    lab.wire.listen(lab.plan.patras.door(Service::Smtp));
    // His program waits before there is anything to wait for.
    let kostas = Account::new(&lab.plan.patras, tls)?;
    let waiting = kostas.wait_imap(lab.plan.patras.door(Service::Imaps)).await.context("Kostas's program, IDLE")?;

    screen.step("Anna's mail client submits a letter to her server");
    let said = submit(lab, tls, &letter).await.context("step 1, submission")?;
    screen.dialogue(&said);

    screen.step("Her server makes it durable, answers 250, and queues it");
    let mail = accepted(lab, screen, "athens.test", &letter).await.context("step 2, the queue")?;
    told(lab, screen, "athens.test", mail, "queued").await.context("step 2, the queue")?;

    screen.step("It asks the DNS where mail for patras.test goes");
    told(lab, screen, "athens.test", mail, "routed").await.context("step 3, the DNS")?;
    show_questions(lab, screen)?;

    screen.step("It opens SMTP to that host, and hands the letter over");
    let attempt = lab.news.wait("athens hands it over", attempt_of(mail, AttemptOutcome::Delivered)).await;
    let attempt = attempt.context("step 4, SMTP")?;
    screen.dialogue(&lab.wire.take());
    screen.tell(&line(&attempt));

    screen.step("His server puts it into his mailbox before its 250, and rings him");
    let mail = accepted(lab, screen, "patras.test", &letter).await.context("step 5, delivery")?;
    told(lab, screen, "patras.test", mail, "delivered").await.context("step 5, delivery")?;
    screen.tell("his mail program, connected by IMAP since before step 1, is told:");
    screen.dialogue(&waiting.rung().await.context("step 5, IDLE")?);

    screen.step("Kostas reads it, by POP3 and by IMAP");
    read_both(lab, screen, tls, &letter).await.context("step 6, reading")
}

async fn second_letter(lab: &mut Lab, screen: &mut Screen, tls: &ClientTls) -> anyhow::Result<()> {
    let letter = Letter::new("A letter that waits", "Kostas,\n\nis anybody there?\n\nAnna");
    screen.step("patras.test goes down, and a letter waits in the queue of athens.test");
    if let Some(patras) = lab.patras.take() {
        offices::stop(patras).await;
    }
    screen.tell("patras.test is down: nobody listens on its ports");
    lab.news.forget();
    submit(lab, tls, &letter).await.context("step 7, submission")?;
    let mail = accepted(lab, screen, "athens.test", &letter).await.context("step 7, the queue")?;
    let attempt = lab.news.wait("the first attempt in vain", attempt_of(mail, AttemptOutcome::Deferred)).await;
    screen.tell(&line(&attempt.context("step 7, the attempt")?));
    show_queue(lab, screen, mail).await.context("step 7, the queue")?;

    screen.step("patras.test comes back, and the letter arrives");
    lab.patras = Some(offices::start(&lab.plan, &lab.plan.patras, &lab.mouths).await?);
    screen.tell("patras.test is up");
    let attempt = lab.news.wait("the letter goes", attempt_of(mail, AttemptOutcome::Delivered)).await;
    screen.tell(&line(&attempt.context("step 8, the next attempt")?));
    let arrived = accepted(lab, screen, "patras.test", &letter).await.context("step 8, delivery")?;
    told(lab, screen, "patras.test", arrived, "delivered").await.context("step 8, delivery")?;
    let kostas = Account::new(&lab.plan.patras, tls)?;
    let (_, text) = kostas.read_imap(lab.plan.patras.door(Service::Imaps), &letter.message_id).await?;
    letter.check(&text).context("step 8, by IMAP")?;
    show_queue(lab, screen, mail).await.context("step 8, the queue")
}

async fn submit(lab: &Lab, tls: &ClientTls, letter: &Letter) -> anyhow::Result<Vec<Said>> {
    let anna = Account::new(&lab.plan.athens, tls)?;
    let kostas = lab.plan.patras.person.address.to_string();
    anna.submit(lab.plan.athens.door(Service::Submission), &kostas, &letter.text).await
}

async fn read_both(lab: &Lab, screen: &mut Screen, tls: &ClientTls, letter: &Letter) -> anyhow::Result<()> {
    let (plan, kostas) = (&lab.plan.patras, Account::new(&lab.plan.patras, tls)?);
    let (said, text) = kostas.read_pop3(plan.door(Service::Pop3s)).await.context("by POP3")?;
    screen.tell("by POP3:");
    screen.dialogue(&said);
    letter.check(&text).context("by POP3")?;
    let (said, text) = kostas.read_imap(plan.door(Service::Imaps), &letter.message_id).await.context("by IMAP")?;
    screen.tell("by IMAP:");
    screen.dialogue(&said);
    letter.check(&text).context("by IMAP")
}

/// The office's word that it has taken the letter: its id there.
async fn accepted(lab: &mut Lab, screen: &mut Screen, office: &str, letter: &Letter) -> anyhow::Result<MailId> {
    let is_it = |item: &Item| match &item.entry.event {
        Event::Accepted { message_id, .. } if item.office == office && bare(message_id) == bare(&letter.message_id) => {
            item.entry.mail.map(|mail| (mail, item.entry.clone()))
        }
        _ => None,
    };
    let (mail, entry) = lab.news.wait(&format!("{office} accepts the letter"), is_it).await?;
    screen.tell(&line(&entry));
    screen.tell(&format!("{:>12}  its queue id there is {mail}", ""));
    Ok(mail)
}

/// Waits for this event about this letter, and shows it.
async fn told(lab: &mut Lab, screen: &mut Screen, office: &str, mail: MailId, name: &str) -> anyhow::Result<()> {
    let is_it = |item: &Item| {
        let fits = item.office == office && item.entry.mail == Some(mail) && item.entry.event.name() == name;
        fits.then(|| item.entry.clone())
    };
    let entry = lab.news.wait(&format!("{office}: {name}"), is_it).await?;
    screen.tell(&line(&entry));
    Ok(())
}

fn attempt_of(mail: MailId, wanted: AttemptOutcome) -> impl Fn(&Item) -> Option<Entry> {
    move |item| match &item.entry.event {
        Event::Attempt { outcome, .. } if item.entry.mail == Some(mail) && *outcome == wanted => {
            Some(item.entry.clone())
        }
        _ => None,
    }
}

fn show_questions(lab: &Lab, screen: &mut Screen) -> anyhow::Result<()> {
    let asked = lab.nameserver.take_asked();
    ensure!(asked.iter().any(|one| one.question == "patras.test MX"), "nobody asked for the MX of patras.test");
    for one in asked.iter().filter(|one| one.question.contains("patras.test")) {
        let answers = if one.answers.is_empty() { "nothing".to_owned() } else { one.answers.join(", ") };
        screen.tell(&format!("{:>12}  asked: {:<24} answered: {answers}", "DNS", one.question));
    }
    Ok(())
}

/// What `angelia queue list` shows, once nobody is at work on this letter any more.
async fn show_queue(lab: &Lab, screen: &mut Screen, mail: MailId) -> anyhow::Result<()> {
    let Some(athens) = &lab.athens else { bail!("athens.test is down") };
    let mut rows = Vec::new();
    for _ in 0..QUEUE_LOOKS_MAX {
        rows = athens.ground().queue.list(Filter::default(), QUEUE_SHOWN_MAX, net::clock::now()).await?;
        if !rows.iter().any(|row| row.mail.id == mail && row.is_claimed()) {
            break;
        }
        tokio::time::sleep(QUEUE_LOOK_EVERY).await;
    }
    screen.tell("the queue of athens.test:");
    for row in &rows {
        let unsaid = if row.is_claimed() { "being tried now" } else { "not tried yet" };
        let reply = row.last_reply.as_deref().unwrap_or(unsaid);
        let (due, id) = (time_of_day(row.due), row.mail.id);
        screen.tell(&format!(
            "  {id}  {} -> {}  tried {}x, again at {due}: {reply}",
            row.mail.reverse_path, row.address, row.attempts
        ));
    }
    if rows.is_empty() {
        screen.tell("  (empty)");
    }
    let waits = rows.iter().any(|row| row.mail.id == mail);
    ensure!(
        waits == lab.patras.is_none(),
        "the letter {}",
        if waits { "is still in the queue" } else { "is not in the queue" }
    );
    Ok(())
}

fn line(entry: &Entry) -> String {
    format!("{:>12}  {}: {}", time_of_day(entry.at), entry.event.name(), describe(&entry.event))
}

fn bare(message_id: &str) -> &str {
    message_id.trim_start_matches('<').trim_end_matches('>')
}

impl Letter {
    fn new(subject: &'static str, body: &str) -> Self {
        let message_id = format!("<{}@laptop.athens.test>", MailId::random());
        let date = DateTime::utc(net::clock::now()).to_rfc5322();
        let text = format!(
            "From: Anna <anna@athens.test>\nTo: Kostas <kostas@patras.test>\nSubject: {subject}\nDate: {date}\n\
             Message-ID: {message_id}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=us-ascii\n\n{body}\n"
        );
        Self { subject, message_id, text }
    }

    /// Whether a letter that was read is this one: its subject, its body to the letter, and the trace of its way.
    fn check(&self, read: &str) -> anyhow::Result<()> {
        let body = self.text.split_once("\n\n").map(|(_, body)| body.replace('\n', "\r\n")).unwrap_or_default();
        ensure!(read.contains(&format!("Subject: {}\r\n", self.subject)), "the subject is not there");
        ensure!(read.contains(&self.message_id), "the Message-ID is not there");
        ensure!(read.contains(&format!("\r\n\r\n{body}")), "the text is not what Anna wrote");
        let hops = read.split("\r\n\r\n").next().unwrap_or_default().matches("Received:").count();
        ensure!(hops == 2, "{hops} Received lines instead of one for each server");
        Ok(())
    }
}
