//! DATA: the body streams to disk while it arrives. Only the header is held in memory, until it is whole and judged.

use bytes::Bytes;
use envelope::{Address, BodyType, MailId, Reply};
use message::header::Header;
use storage::Stage;

use super::Policy;
use super::header::{Gatherer, Progress};
use super::serve::Visit;
use crate::acceptance::{self, Letter, circle_reply};
use crate::limits::HEADER_OCTETS_MAX;
use crate::msa::strip;

/// A body that is arriving.
pub(super) struct Intake {
    stage: Stage,
    /// Until the header is whole.
    header: Option<Gatherer>,
    /// Why the letter will be refused at its end.
    refusal: Option<Reply>,
}

impl Visit {
    pub(super) fn data(&mut self) {
        let header = Some(Gatherer::new(HEADER_OCTETS_MAX));
        self.intake = Some(Intake { stage: self.context.store.stage_from_outside(), header, refusal: None });
        self.session().accept_data();
    }

    /// A piece of the body. What goes wrong is told at the end, since SMTP has no place for it before.
    pub(super) async fn body(&mut self, bytes: Vec<u8>) {
        let (Some(mut intake), Some(mut letter)) = (self.intake.take(), self.letter.take()) else { return };
        // What was called 7-bit and is not has to be announced to the next hop as what it is.
        if letter.body == BodyType::SevenBit && !bytes.is_ascii() {
            letter.body = BodyType::EightBitMime;
        }
        if intake.refusal.is_none()
            && let Err(refusal) = self.take_in(&mut intake, &mut letter, Bytes::from(bytes)).await
        {
            // What was staged is thrown away at once.
            intake.stage = self.context.store.stage_from_outside();
            intake.refusal = Some(refusal);
        }
        (self.intake, self.letter) = (Some(intake), Some(letter));
    }

    async fn take_in(&mut self, intake: &mut Intake, letter: &mut Letter, bytes: Bytes) -> Result<(), Reply> {
        let Some(gatherer) = &mut intake.header else {
            return self.append(&mut intake.stage, letter, bytes).await;
        };
        match gatherer.push(&bytes) {
            Progress::More => Ok(()),
            Progress::TooLong => Err(Reply::new(552, (5, 3, 4), "the header is too long")),
            Progress::Done { taken } => {
                if let Some(gatherer) = intake.header.take() {
                    self.header_done(&mut intake.stage, letter, gatherer).await?;
                }
                self.append(&mut intake.stage, letter, bytes.slice(taken.min(bytes.len())..)).await
            }
        }
    }

    /// The header is judged, and goes to disk behind the fields that we add.
    async fn header_done(&mut self, stage: &mut Stage, letter: &mut Letter, whole: Gatherer) -> Result<(), Reply> {
        let (mut bytes, text) = whole.into_parts();
        if self.policy == Policy::Submission
            && let Some(kept) = strip::hidden_fields(&bytes)
        {
            bytes = kept;
        }
        let header = Header::parse(&bytes);
        let prefix = self.judge(letter, &header).await?;
        self.append(stage, letter, prefix.into()).await?;
        self.append(stage, letter, bytes.into()).await?;
        self.append(stage, letter, text.into()).await
    }

    async fn append(&self, stage: &mut Stage, letter: &Letter, bytes: Bytes) -> Result<(), Reply> {
        stage.append(bytes).await.map_err(|error| self.store_trouble(letter.id, &error))
    }

    fn store_trouble(&self, letter: MailId, error: &storage::Error) -> Reply {
        self.context.fault(Some(self.id), Some(letter), "store", error);
        acceptance::trouble(error)
    }

    /// The body is whole: the rows are written, and then it is ours.
    pub(super) async fn body_end(&mut self) {
        let (Some(intake), Some(letter)) = (self.intake.take(), self.letter.take()) else {
            return self.session().refuse(&Reply::new(451, (4, 3, 0), "our own mistake, try again later"));
        };
        let subject = format!("<{}>", letter.reverse_path);
        let id = letter.id;
        match self.accept(intake, letter).await {
            Ok((text, over)) if self.policy == Policy::Store => self.answer_each(id, &text, &over),
            Ok((text, _)) => self.session().accept_message(&text),
            Err(reply) => {
                self.session().refuse(&reply);
                let event = journal::Event::Rejected { phase: "DATA".to_owned(), subject, reply };
                self.context.record(Some(self.id), Some(id), event);
            }
        }
    }

    /// Each recipient has his own reply (RFC 2033 section 4.2): that of one for whom nothing is left of the letter does
    /// not concern the others.
    fn answer_each(&mut self, id: MailId, text: &str, over: &[(Address, bool)]) {
        let reply = |over: &bool| if *over { circle_reply() } else { Reply::new(250, (2, 1, 5), text) };
        let replies: Vec<Reply> = over.iter().map(|(_, over)| reply(over)).collect();
        self.session().answer_each(&replies);
        for (recipient, _) in over.iter().filter(|(_, over)| *over) {
            let (phase, subject) = ("DATA".to_owned(), format!("<{recipient}>"));
            let event = journal::Event::Rejected { phase, subject, reply: circle_reply() };
            self.context.record(Some(self.id), Some(id), event);
        }
    }

    /// Answers the words of the 250, and for each recipient whether nothing was left for him.
    async fn accept(
        &mut self,
        mut intake: Intake,
        mut letter: Letter,
    ) -> Result<(String, Vec<(Address, bool)>), Reply> {
        if let Some(refusal) = intake.refusal.take() {
            return Err(refusal);
        }
        if let Some(gatherer) = intake.header.take() {
            // A letter without a body, or without an end to its header.
            self.header_done(&mut intake.stage, &mut letter, gatherer).await?;
        }
        if let Some(refusal) = self.no_room(&letter, intake.stage.len()).await? {
            return Err(refusal);
        }
        let mut over = Vec::new();
        if self.policy == Policy::Store {
            over = letter.take_circles();
        }
        let id = letter.id;
        let trouble = |error| self.store_trouble(id, &error);
        let ready = letter.ready(&self.context, intake.stage).await.map_err(trouble)?;
        let accepted = acceptance::accept(&self.context, ready).await.map_err(trouble)?;
        Ok((accepted.reply_text(), over))
    }

    /// Why nobody has room for it, now that it is known how long it is.
    async fn no_room(&self, letter: &Letter, octets: u64) -> Result<Option<Reply>, Reply> {
        letter.refused_for_room(&self.context, octets).await.map_err(|error| {
            self.context.fault(Some(self.id), Some(letter.id), "mailstore", &error);
            Reply::new(451, (4, 3, 0), "temporary failure, try again later")
        })
    }

    /// The session refused the body itself.
    pub(super) fn body_refused(&mut self, reply: &Reply) {
        let subject = self.letter.as_ref().map(|letter| format!("<{}>", letter.reverse_path)).unwrap_or_default();
        let reply = reply.clone();
        self.record(journal::Event::Rejected { phase: "DATA".to_owned(), subject, reply });
        self.forget();
    }
}
