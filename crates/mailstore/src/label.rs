//! The salvage label: what `storage` keeps beside the bytes of a letter, so that mailboxes and the queue can be rebuilt
//! when the database is lost.
//!
//! Lines of `word SP value LF`, the first one `angelia 1`. `next` is a recipient elsewhere, and what `notify` and `orcpt`
//! behind it say is his; those behind a `via` were not named by the sender, but sent on by that address of ours, `as`
//! another sender. Unknown words are passed over, so that later programs may say
//! more. What does not fit into 64 KiB is left out, from the end, and counted.

use bytes::Bytes;
use envelope::{Address, BodyType, MailId, Notify, Recipient, RequireTls, Return, Timestamp};

use crate::flags::SYSTEM;
use crate::limits::LABEL_OCTETS_MAX;

/// What a label tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Label {
    /// The letter's id; none for what a reader appended.
    pub mail: Option<MailId>,
    /// INTERNALDATE.
    pub internal_date: Timestamp,
    /// System flags at the start.
    pub flags: u64,
    /// The reverse-path without brackets; the empty text is null.
    pub sender: String,
    /// Accounts that got it, by their own address, and the mailbox when it is not INBOX.
    pub accounts: Vec<(Address, Option<String>)>,
    /// The letters of the queue that it became, for recipients elsewhere: the first with the letter's own id, the others
    /// with those that follow from it ([`MailId::branch`]).
    pub legs: Vec<Leg>,
    /// RET=.
    pub ret: Option<Return>,
    /// ENVID=, in xtext.
    pub envelope_id: Option<String>,
    /// BODY=, as the next hop must be told.
    pub body: BodyType,
    /// SMTPUTF8.
    pub smtputf8: bool,
    /// REQUIRETLS, or its opposite, for those who are elsewhere.
    pub require_tls: RequireTls,
    /// How many did not fit.
    pub more: usize,
}

/// One letter of the queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leg {
    /// How it is sent on; none where the sender named the recipients himself, which only the first leg has.
    pub onward: Option<Onward>,
    /// To whom.
    pub recipients: Vec<Recipient>,
}

/// Whose letter it is on its way further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Onward {
    /// The address of ours that sends it on.
    pub by: Address,
    /// The reverse-path without brackets; the empty text is null.
    pub sender: String,
    /// RET= and ENVID= are not for its recipients.
    pub is_list: bool,
}

const HEAD: &str = "angelia 1\n";

impl Label {
    /// Writes it down, in [`LABEL_OCTETS_MAX`] octets at most.
    pub fn encode(&self) -> Bytes {
        let mut out = String::from(HEAD);
        if let Some(mail) = self.mail {
            push(&mut out, "mail", &mail.to_string());
        }
        push(&mut out, "date", &self.internal_date.0.to_string());
        if self.flags & SYSTEM != 0 {
            push(&mut out, "flags", &(self.flags & SYSTEM).to_string());
        }
        if self.sender.len() <= LABEL_OCTETS_MAX / 2 {
            push(&mut out, "from", &self.sender);
        }
        match self.body {
            BodyType::SevenBit => {}
            BodyType::EightBitMime => push(&mut out, "body", "8bit"),
            BodyType::BinaryMime => push(&mut out, "body", "binary"),
        }
        if self.smtputf8 {
            push(&mut out, "smtputf8", "1");
        }
        match self.require_tls {
            RequireTls::Unsaid => {}
            RequireTls::Demanded => push(&mut out, "tls", "demanded"),
            RequireTls::Waived => push(&mut out, "tls", "waived"),
        }
        match self.ret {
            None => {}
            Some(Return::Full) => push(&mut out, "ret", "full"),
            Some(Return::Headers) => push(&mut out, "ret", "hdrs"),
        }
        if let Some(id) = self.envelope_id.as_deref().filter(|id| id.len() <= LABEL_OCTETS_MAX / 8) {
            push(&mut out, "envid", id);
        }
        // Room for the line that says how many are missing.
        let room = LABEL_OCTETS_MAX - "more 18446744073709551615\n".len();
        let mut more = self.more;
        for (address, mailbox) in &self.accounts {
            let mut lines = String::new();
            push(&mut lines, "to", &address.to_string());
            if let Some(mailbox) = mailbox {
                push(&mut lines, "in", mailbox);
            }
            if out.len() + lines.len() <= room {
                out.push_str(&lines);
            } else {
                more += 1;
            }
        }
        more += self.legs(&mut out, room);
        if more > 0 {
            push(&mut out, "more", &more.to_string());
        }
        out.into()
    }

    /// Writes the legs as far as there is room, and answers how many recipients are left out. Behind the first of them
    /// none is written any more: it would stand under another leg.
    fn legs(&self, out: &mut String, room: usize) -> usize {
        let mut more = 0;
        for leg in &self.legs {
            let mut lines = String::new();
            if let Some(onward) = &leg.onward {
                push(&mut lines, "via", &onward.by.to_string());
                push(&mut lines, "as", &onward.sender);
                if onward.is_list {
                    push(&mut lines, "list", "1");
                }
            }
            for recipient in &leg.recipients {
                push(&mut lines, "next", &recipient.address.to_string());
                if let Some(notify) = recipient.notify {
                    push(&mut lines, "notify", &notify_words(notify));
                }
                if let Some(original) = &recipient.original {
                    push(&mut lines, "orcpt", original);
                }
                if more > 0 || out.len() + lines.len() > room {
                    more += 1;
                } else {
                    out.push_str(&lines);
                }
                lines.clear();
            }
        }
        more
    }

    /// Reads it; `None` when it is none of ours.
    pub fn decode(octets: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(octets).ok()?.strip_prefix(HEAD)?;
        let mut label = Self::default();
        for line in text.lines() {
            let (word, value) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "mail" => label.mail = Some(value.parse().ok()?),
                "date" => label.internal_date = Timestamp(value.parse().ok()?),
                "flags" => label.flags = value.parse::<u64>().ok()? & SYSTEM,
                "from" => value.clone_into(&mut label.sender),
                "to" => label.accounts.push((Address::parse(value).ok()?, None)),
                "in" => label.accounts.last_mut()?.1 = Some(value.to_owned()),
                "ret" => label.ret = Some(if value == "hdrs" { Return::Headers } else { Return::Full }),
                "envid" => label.envelope_id = Some(value.to_owned()),
                "via" => {
                    let onward = Onward { by: Address::parse(value).ok()?, sender: String::new(), is_list: false };
                    label.legs.push(Leg { onward: Some(onward), recipients: Vec::new() });
                }
                "as" => value.clone_into(&mut label.onward()?.sender),
                "list" => label.onward()?.is_list = true,
                "next" => {
                    let recipient = Recipient { address: Address::parse(value).ok()?, notify: None, original: None };
                    if label.legs.is_empty() {
                        label.legs.push(Leg::default());
                    }
                    label.legs.last_mut()?.recipients.push(recipient);
                }
                "notify" => label.recipient()?.notify = Some(notify_of(value)),
                "orcpt" => label.recipient()?.original = Some(value.to_owned()),
                "body" => label.body = if value == "binary" { BodyType::BinaryMime } else { BodyType::EightBitMime },
                "smtputf8" => label.smtputf8 = true,
                "tls" if value == "waived" => label.require_tls = RequireTls::Waived,
                "tls" => label.require_tls = RequireTls::Demanded,
                "more" => label.more = value.parse().ok()?,
                _ => {}
            }
        }
        Some(label)
    }
}

impl Label {
    fn onward(&mut self) -> Option<&mut Onward> {
        self.legs.last_mut()?.onward.as_mut()
    }

    fn recipient(&mut self) -> Option<&mut Recipient> {
        self.legs.last_mut()?.recipients.last_mut()
    }
}

/// `never`, or what he wants to hear of.
fn notify_words(notify: Notify) -> String {
    let all = [(notify.success, "success"), (notify.failure, "failure"), (notify.delay, "delay")];
    let wanted: Vec<&str> = all.iter().filter(|(wanted, _)| *wanted).map(|(_, word)| *word).collect();
    if wanted.is_empty() { "never".to_owned() } else { wanted.join(",") }
}

fn notify_of(words: &str) -> Notify {
    let has = |wanted: &str| words.split(',').any(|word| word == wanted);
    Notify { success: has("success"), failure: has("failure"), delay: has("delay") }
}

/// One line; a value never holds a line end, and should it, the line is left out.
fn push(out: &mut String, word: &str, value: &str) {
    if !value.contains(['\n', '\r']) {
        out.push_str(word);
        out.push(' ');
        out.push_str(value);
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipient(address: &str, notify: Option<Notify>, original: Option<&str>) -> Recipient {
        Recipient { address: address.parse().unwrap(), notify, original: original.map(str::to_owned) }
    }

    fn leg(by: &str, sender: &str, is_list: bool) -> Leg {
        let onward = Onward { by: by.parse().unwrap(), sender: sender.to_owned(), is_list };
        let never = Some(Notify { success: false, failure: false, delay: false });
        Leg { onward: Some(onward), recipients: vec![recipient("far@corinth.test", never, None)] }
    }

    #[test]
    fn one_that_was_written_before_there_were_legs() {
        let read = Label::decode(b"angelia 1\ndate 5\nfrom a@b.test\nnext c@d.test\nnext e@d.test\n").unwrap();
        let recipients = vec![recipient("c@d.test", None, None), recipient("e@d.test", None, None)];
        assert_eq!(read.legs, [Leg { onward: None, recipients }]);
        assert_eq!(Label::decode(b"angelia 1\nas x\n"), None);
    }

    #[test]
    fn a_leg_that_is_cut_lends_nobody_to_another() {
        let long = "x".repeat(LABEL_OCTETS_MAX - 300);
        let own = Leg { onward: None, recipients: vec![recipient("a@b.test", None, Some(&long))] };
        let label = Label { legs: vec![own.clone(), leg("y@b.test", &"s".repeat(400), false)], ..Label::default() };
        let read = Label::decode(&label.encode()).unwrap();
        assert_eq!((read.legs.as_slice(), read.more), ([own].as_slice(), 1));
    }

    #[test]
    fn written_and_read() {
        let label = Label {
            mail: Some(MailId::random()),
            internal_date: Timestamp(1_234_567),
            flags: 17,
            sender: "anna@athens.test".into(),
            accounts: vec![
                ("kostas@patras.test".parse().unwrap(), None),
                ("\"a b\"@patras.test".parse().unwrap(), Some("Listen/Müll".into())),
            ],
            legs: vec![
                Leg {
                    onward: None,
                    recipients: vec![
                        recipient("maria@sparta.test", None, Some("rfc822;m+2Bx@sparta.test")),
                        recipient(
                            "nikos@sparta.test",
                            Some(Notify { success: true, failure: true, delay: false }),
                            None,
                        ),
                    ],
                },
                leg("anna@patras.test", "SRS0=a=b=c=d@patras.test", false),
                leg("list@patras.test", "", true),
            ],
            ret: Some(Return::Headers),
            envelope_id: Some("QQ+2B3".into()),
            body: BodyType::EightBitMime,
            smtputf8: true,
            require_tls: RequireTls::Demanded,
            more: 0,
        };
        assert_eq!(Label::decode(&label.encode()), Some(label.clone()));
        let waived = Label { require_tls: RequireTls::Waived, ..label.clone() };
        assert_eq!(Label::decode(&waived.encode()), Some(waived));
        let bounce = Label { mail: None, flags: 0, sender: String::new(), ..label };
        assert_eq!(Label::decode(&bounce.encode()), Some(bounce));
    }

    #[test]
    fn a_long_list_is_cut() {
        let address = |n: usize| (format!("recipient{n}@patras.test").parse().unwrap(), None);
        let elsewhere = |n: usize| recipient(&format!("recipient{n}@patras.test"), None, None);
        let label = Label {
            accounts: (0..1000).map(address).collect(),
            legs: vec![Leg { onward: None, recipients: (0..4000).map(elsewhere).collect() }],
            ..Label::default()
        };
        let octets = label.encode();
        assert!(octets.len() <= LABEL_OCTETS_MAX);
        let read = Label::decode(&octets).unwrap();
        assert_eq!(read.accounts.len(), 1000);
        assert_eq!(read.legs[0].recipients.len() + read.more, 4000);
        assert!(read.legs[0].recipients.len() > 500 && read.more > 0);
    }

    #[test]
    fn what_is_no_label() {
        for bad in [&b""[..], b"angelia 2\n", b"angelia 1\ndate x\n", b"angelia 1\nin x\n", b"\xff"] {
            assert_eq!(Label::decode(bad), None);
        }
        assert!(Label::decode(b"angelia 1\ndate 5\nlater word\n").is_some());
    }
}
