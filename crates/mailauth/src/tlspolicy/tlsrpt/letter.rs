//! A report as a letter: `multipart/report` of a few words for people and the packed report (RFC 8460 section 5.3).

use envelope::{Address, Domain, Timestamp};
use message::address::Mailbox;
use message::build::{Entity, Letter};
use message::date::DateTime;
use message::mime::ContentType;

use super::{FileError, MEDIA_TYPE_GZIP, Report, file_name, pack};

/// A letter to be written around a report.
#[derive(Debug, Clone)]
pub struct ReportLetter<'a> {
    /// The report.
    pub report: &'a Report,
    /// Whom it is about.
    pub domain: &'a Domain,
    /// Who sends it: the domain of `from`, or our own name.
    pub submitter: &'a Domain,
    /// From whom.
    pub from: &'a Address,
    /// To whom.
    pub to: &'a Address,
    /// Message-ID, without angle brackets.
    pub message_id: &'a str,
    /// Now.
    pub at: Timestamp,
    /// What makes the boundaries: something that no sender can guess.
    pub seed: &'a str,
}

impl ReportLetter<'_> {
    /// The letter. `TLS-Required: No` (RFC 8689 section 5) sends it on its way even where TLS does not work, which may be
    /// the very thing that it tells of (RFC 8460 section 3).
    pub fn write(&self) -> Result<Vec<u8>, FileError> {
        let report = self.report;
        let packed = Entity::attachment(
            &file_name(self.submitter, self.domain, report),
            ContentType::new("application", MEDIA_TYPE_GZIP.trim_start_matches("application/")),
            pack(report)?,
        );
        let text = Entity::text("plain", self.words());
        let body = Entity::multipart("report", vec![text, packed]).with_parameter("report-type", "tlsrpt");
        let subject =
            format!("Report Domain: {} Submitter: {} Report-ID: <{}>", self.domain, self.submitter, report.report_id);
        let letter = Letter::new(body)
            .from(Mailbox::named(None, self.from))
            .to([Mailbox::named(None, self.to)])
            .subject(&subject)
            .date(DateTime::utc(self.at))
            .message_ids("Message-ID", [self.message_id])
            .structured("TLS-Report-Domain", self.domain.as_str())
            .structured("TLS-Report-Submitter", self.submitter.as_str())
            .structured("TLS-Required", "No")
            .structured("Auto-Submitted", "auto-generated");
        Ok(letter.write(self.seed))
    }

    fn words(&self) -> String {
        let (mut fine, mut failed) = (0u64, 0u64);
        for result in &self.report.policies {
            fine = fine.saturating_add(result.summary.total_successful_session_count);
            failed = failed.saturating_add(result.summary.total_failure_session_count);
        }
        let range = &self.report.date_range;
        format!(
            "This is a report about TLS from {} to the mail hosts of {},\nfrom {} to {}:\n\n\
             {fine} sessions as they should be, {failed} failed.\n\n\
             The attached file has the details, in the JSON of RFC 8460. You get it because\n_smtp._tls.{} asks for it.\n",
            self.submitter, self.domain, range.start_datetime, range.end_datetime, self.domain
        )
    }
}
