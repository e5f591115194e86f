//! What the session offers, and what its client has switched on by ENABLE (RFC 5161) or by using it.

use super::Server;
use crate::sasl::Mechanism;

/// What is offered whatever the state. LITERAL+ has LITERAL- in it (RFC 7888 section 5).
pub(super) const ALWAYS: &str = "IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID ENABLE IDLE NAMESPACE UIDPLUS CHILDREN UNSELECT MOVE \
     SPECIAL-USE CREATE-SPECIAL-USE CONDSTORE QRESYNC ESEARCH SEARCHRES WITHIN LIST-EXTENDED LIST-STATUS STATUS=SIZE \
     OBJECTID UNAUTHENTICATE MULTIAPPEND BINARY UTF8=ACCEPT PREVIEW SAVEDATE PARTIAL \
     REPLACE CATENATE URL-PARTIAL UIDONLY UIDBATCHES INPROGRESS SEARCH=FUZZY MULTISEARCH CONTEXT=SEARCH CONTEXT=SORT \
     SORT SORT=DISPLAY ESORT THREAD=ORDEREDSUBJECT THREAD=REFERENCES QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE";

/// What the client has switched on. Never off again but by UNAUTHENTICATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Enabled {
    /// CONDSTORE: MODSEQ stands beside flags that are told (RFC 7162 section 3.1).
    pub condstore: bool,
    /// QRESYNC: VANISHED instead of EXPUNGE (RFC 7162 section 3.2.3).
    pub qresync: bool,
    /// IMAP4rev2 (RFC 9051): no `\Recent`, ESEARCH, LIST with SELECT.
    pub rev2: bool,
    /// Mailbox names are in UTF-8: IMAP4rev2 or UTF8=ACCEPT.
    pub utf8: bool,
    /// UTF8=ACCEPT (RFC 6855 section 3).
    pub utf8_accept: bool,
    /// UIDONLY (RFC 9586): no sequence numbers in either direction.
    pub uidonly: bool,
}

impl Server {
    /// What the client has switched on.
    pub fn enabled(&self) -> Enabled {
        self.enabled
    }

    /// What CAPABILITY says now. The extensions stand in it from the start: many clients never ask again.
    pub(super) fn capabilities(&self) -> String {
        let mut all = format!("{ALWAYS} APPENDLIMIT={}", self.config.append_octets_max);
        match (self.config.message_limit, self.config.save_limit) {
            (Some(limit), _) => all.push_str(&format!(" MESSAGELIMIT={limit}")),
            (None, Some(limit)) => all.push_str(&format!(" SAVELIMIT={limit}")),
            (None, None) => {}
        }
        if self.is_signed_in() {
            if self.deflate.is_none() {
                all.push_str(" COMPRESS=DEFLATE");
            }
            return all;
        }
        if self.config.starttls && !self.is_secure() {
            all.push_str(" STARTTLS");
        }
        if !self.config.cleartext_sign_in && !self.is_secure() {
            all.push_str(" LOGINDISABLED");
        }
        for mechanism in Mechanism::offered(self.tls.as_deref(), self.config.cleartext_sign_in) {
            all.push_str(" AUTH=");
            all.push_str(mechanism.name());
        }
        all
    }

    /// ENABLE (RFC 5161 section 3.1): what is new is told, what is not known is passed over.
    pub(super) fn enable(&mut self, names: &[String]) {
        self.out.extend_from_slice(b"* ENABLED");
        for name in names {
            let new = match name.as_str() {
                "CONDSTORE" => !std::mem::replace(&mut self.enabled.condstore, true),
                "QRESYNC" => {
                    self.enabled.condstore = true;
                    !std::mem::replace(&mut self.enabled.qresync, true)
                }
                "UIDONLY" => !std::mem::replace(&mut self.enabled.uidonly, true),
                "IMAP4REV2" => {
                    self.enabled.utf8 = true;
                    !std::mem::replace(&mut self.enabled.rev2, true)
                }
                "UTF8=ACCEPT" => {
                    self.enabled.utf8 = true;
                    !std::mem::replace(&mut self.enabled.utf8_accept, true)
                }
                _ => false,
            };
            if new {
                self.out.push(b' ');
                let name = if name == "IMAP4REV2" { "IMAP4rev2" } else { name.as_str() };
                self.out.extend_from_slice(name.as_bytes());
            }
        }
        self.out.extend_from_slice(b"\r\n");
        self.tagged_condition("OK", None, "ENABLE done");
    }
}
