//! Sending: yesterday's reports, each at a moment of its own in the first hours after midnight UTC (RFC 8460 section 4.1),
//! to every place that the domain names. What fails is tried again each hour for a day.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use bytes::Bytes;
use directory::RelayAllowed;
use envelope::{Address, Domain, MailId, Notify, Recipient, RequireTls, ReversePath, Timestamp};
use journal::{Event, Service};
use mailauth::limits::REPORT_PERIOD;
use mailauth::tlspolicy::tlsrpt::{
    self, DateRange, FileError, MEDIA_TYPE_GZIP, Moment, Place, Record, Report, ReportLetter,
};
use net::{DnsError, Https, Resolver, Shutdown, clock};

use super::rows::{self, Cursor, Due, day_of, start_of};
use crate::Context;
use crate::limits::{
    TLSRPT_ANSWER_OCTETS_MAX, TLSRPT_BATCH_MAX, TLSRPT_DAYS_KEPT, TLSRPT_EVERY, TLSRPT_RETRY_PAUSE, TLSRPT_SPREAD,
};
use crate::msa::post::{self, Post, PostError};

/// What an operator sets for reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reporting {
    /// Whom to ask about our reports; they are sent from there, and its domain stands for us.
    pub contact: Address,
}

/// Sends reports.
pub struct Reporter {
    context: Arc<Context>,
    /// None: nothing is sent.
    reporting: Option<Reporting>,
    resolver: Resolver,
    https: Https,
    chance: RandomState,
}

/// Why a report did not go to a place. Whether it ever will is another question.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Dns(#[from] DnsError),
    #[error(transparent)]
    Store(#[from] storage::Error),
    #[error(transparent)]
    Report(#[from] FileError),
}

impl Reporter {
    /// A store that was opened with [`crate::MIGRATIONS`] is in the context.
    pub fn new(context: Arc<Context>, reporting: Option<Reporting>, resolver: Resolver, https: Https) -> Self {
        Self { context, reporting, resolver, https, chance: RandomState::new() }
    }

    /// Looks every few minutes whether a report is due, until `shutdown`.
    pub async fn run(self, shutdown: Shutdown) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(TLSRPT_EVERY) => {}
                () = shutdown.draining() => return,
            }
            tokio::select! {
                outcome = self.round(clock::now()) => if let Err(error) = outcome {
                    self.context.fault(None, None, "tls reports", &error);
                },
                // A report that was cut off is tried again in an hour.
                () = shutdown.draining() => return,
            }
        }
    }

    /// Sends what is due at `now`, and forgets what nobody will get any more. Answers how many domains were told.
    pub async fn round(&self, now: Timestamp) -> Result<usize, storage::Error> {
        let oldest = day_of(now) - TLSRPT_DAYS_KEPT;
        self.context.store.write(move |tx| rows::forget(tx, oldest)).await?;
        let Some(reporting) = &self.reporting else { return Ok(0) };
        let (mut told, mut next) = (0, Some((i64::MIN, String::new())));
        while let Some(from) = next {
            let (due, cursor) = self.claim(from, now).await?;
            next = cursor;
            for due in due {
                match self.tell(reporting, &due, now).await {
                    Ok(true) => told += 1,
                    Ok(false) => {}
                    Err(Trouble::Store(error)) => return Err(error),
                    Err(error) => {
                        let domain = &due.domain;
                        tracing::debug!(domain, %error, "a TLS report has to wait");
                    }
                }
            }
        }
        Ok(told)
    }

    async fn claim(&self, from: Cursor, now: Timestamp) -> Result<(Vec<Due>, Option<Cursor>), storage::Error> {
        let chance = self.chance.clone();
        let moment = move |day: i64, domain: &str| {
            let spread = TLSRPT_SPREAD.as_millis() as u64;
            start_of(day + 1).plus(std::time::Duration::from_millis(chance.hash_one((day, domain)) % spread))
        };
        let write = move |tx: &dyn storage::Transaction| {
            rows::claim_due(tx, &from, now, (TLSRPT_RETRY_PAUSE, TLSRPT_BATCH_MAX as i64), &moment)
        };
        Ok(self.context.store.write(write).await?.0)
    }

    /// One report. True when somebody got it.
    async fn tell(&self, reporting: &Reporting, due: &Due, now: Timestamp) -> Result<bool, Trouble> {
        let store = &self.context.store;
        let Some((domain, record)) = self.wanted(&due.domain).await? else {
            let due = due.clone();
            store.write(move |tx| rows::finish(tx, &due)).await?;
            return Ok(false);
        };
        let asked = due.clone();
        let results = store.read(move |q| rows::results(q, asked.day, &asked.domain)).await?;
        let report = report(reporting, due, results);
        let mut done = due.done;
        for (bit, place) in record.places.iter().enumerate() {
            let bit = 1i64 << bit;
            if done & bit == 0 && self.bring(reporting, place, &domain, &report, now).await? {
                done |= bit;
            }
        }
        let all = (1i64 << record.places.len()) - 1;
        let (due, told) = (due.clone(), done != due.done);
        let write = move |tx: &dyn storage::Transaction| match done & all == all {
            true => rows::finish(tx, &due),
            false => rows::note(tx, &due, done),
        };
        store.write(write).await?;
        Ok(told)
    }

    /// Where the domain wants reports; `None` when it wants none.
    async fn wanted(&self, domain: &str) -> Result<Option<(Domain, Record)>, Trouble> {
        let Ok(domain) = Domain::parse(domain) else { return Ok(None) };
        let Some(name) = tlsrpt::record_name(&domain) else { return Ok(None) };
        match self.resolver.txt(&name).await {
            Ok(texts) => Ok(Record::choose(&texts).ok().map(|record| (domain, record))),
            Err(error @ (DnsError::Temporary(_) | DnsError::Silent(_))) => Err(error.into()),
            Err(_) => Ok(None),
        }
    }

    /// Whether the place has it now, or can never have it.
    async fn bring(
        &self,
        reporting: &Reporting,
        place: &Place,
        domain: &Domain,
        report: &Report,
        now: Timestamp,
    ) -> Result<bool, Trouble> {
        match place {
            Place::Mail(to) => self.mail(reporting, to, domain, report, now).await,
            Place::Web { host, port, path } => {
                let content = (MEDIA_TYPE_GZIP, Bytes::from(tlsrpt::pack(report)?));
                let answer = self.https.post(host, *port, path, content, TLSRPT_ANSWER_OCTETS_MAX).await;
                let reason = match answer {
                    Ok(answer) if (200..300).contains(&answer.status) => return Ok(true),
                    Ok(answer) => format!("status {}", answer.status),
                    Err(error) => error.to_string(),
                };
                tracing::debug!(%domain, %host, reason, "a TLS report was not taken");
                Ok(false)
            }
        }
    }

    async fn mail(
        &self,
        reporting: &Reporting,
        to: &Address,
        domain: &Domain,
        report: &Report,
        now: Timestamp,
    ) -> Result<bool, Trouble> {
        let contact = &reporting.contact;
        let submitter = submitter(reporting).unwrap_or_else(|| self.context.settings.hostname.clone());
        let seed = MailId::random().to_string();
        let letter = ReportLetter {
            report,
            domain,
            submitter: &submitter,
            from: contact,
            to,
            message_id: &format!("{seed}@{}", self.context.settings.hostname),
            at: now,
            seed: &seed,
        };
        let nobody = Notify { success: false, failure: false, delay: false };
        let post = Post {
            require_tls: RequireTls::Waived,
            reverse_path: ReversePath::Address(contact.clone()),
            // A report that does not arrive is no reason to write to anybody.
            recipients: vec![Recipient { address: to.clone(), notify: Some(nobody), original: None }],
            allowed: RelayAllowed::for_own_notice(),
            service: Service::Outbound,
            message: letter.write()?.into(),
            complete: true,
            smtputf8: to.needs_smtputf8() || contact.needs_smtputf8(),
        };
        match post::post(&self.context, post).await {
            Ok(posted) => {
                let event = Event::Notified {
                    to: ReversePath::Address(to.clone()),
                    kind: format!("TLS report about {domain}"),
                    about: Vec::new(),
                };
                self.context.record(None, Some(posted.accepted.id), event);
                Ok(true)
            }
            Err(PostError::Store(error)) => Err(error.into()),
            Err(error) => {
                tracing::debug!(%domain, %error, "a TLS report could not be posted");
                Ok(true)
            }
        }
    }
}

fn submitter(reporting: &Reporting) -> Option<Domain> {
    reporting.contact.host().name().cloned()
}

fn report(reporting: &Reporting, due: &Due, policies: Vec<tlsrpt::PolicyResult>) -> Report {
    let start = start_of(due.day);
    let end = Timestamp::from_seconds(start.seconds() + REPORT_PERIOD.as_secs() as i64 - 1);
    let organization = reporting.contact.host().to_string();
    // The same whenever it is made, so that whoever gets it twice can tell.
    let unique = storage::seal(&[due.day.into(), due.domain.as_str().into(), organization.as_str().into()]);
    Report {
        report_id: format!("{}.{:016x}@{organization}", due.day, unique as u64),
        organization_name: organization,
        date_range: DateRange { start_datetime: Moment(start), end_datetime: Moment(end) },
        contact_info: reporting.contact.to_string(),
        policies,
    }
}
