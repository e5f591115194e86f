//! From `message`'s words to the wire's: ENVELOPE and BODYSTRUCTURE (RFC 3501 section 7.4.2).

use message::address::{Entry, Mailbox};
use message::digest;
use message::mime::Parameters;
use message::view;
use protocol::imap::structure::{Address, BodyStructure, Detail, Envelope, Extension, Multipart, Single};

fn bytes(text: Option<&String>) -> Option<Vec<u8>> {
    text.map(|text| text.as_bytes().to_vec())
}

/// The envelope for the wire.
pub(super) fn envelope(envelope: &view::Envelope) -> Envelope {
    Envelope {
        date: bytes(envelope.date.as_ref()),
        subject: bytes(envelope.subject.as_ref()),
        from: addresses(&envelope.from),
        sender: addresses(&envelope.sender),
        reply_to: addresses(&envelope.reply_to),
        to: addresses(&envelope.to),
        cc: addresses(&envelope.cc),
        bcc: addresses(&envelope.bcc),
        in_reply_to: bytes(envelope.in_reply_to.as_ref()),
        message_id: bytes(envelope.message_id.as_ref()),
    }
}

fn addresses(entries: &[Entry]) -> Vec<Address> {
    let mut out = Vec::with_capacity(entries.len());
    for entry in entries {
        match entry {
            Entry::Mailbox(mailbox) => out.push(address(mailbox)),
            Entry::Group { name, members } => {
                out.push(Address { mailbox: Some(name.as_bytes().to_vec()), ..Address::default() });
                out.extend(members.iter().map(address));
                out.push(Address::default());
            }
        }
    }
    out
}

/// An address without a domain has an empty one: NIL would begin or end a group.
fn address(mailbox: &Mailbox) -> Address {
    Address {
        name: bytes(mailbox.name.as_ref().or(mailbox.comment.as_ref())),
        route: bytes(mailbox.route.as_ref()),
        mailbox: Some(mailbox.local.as_bytes().to_vec()),
        host: Some(mailbox.domain.as_bytes().to_vec()),
    }
}

/// The tree of parts for the wire. As deep as the parser goes, no deeper.
pub(super) fn body_structure(body: &view::BodyStructure<'_>) -> BodyStructure {
    let content = body.content;
    let extension = Extension {
        md5: bytes(content.md5.as_ref()),
        disposition: content.disposition.as_ref().map(|d| (d.kind.as_bytes().to_vec(), parameters(&d.parameters))),
        languages: content.language.iter().map(|tag| tag.as_bytes().to_vec()).collect(),
        location: bytes(content.location.as_ref()),
    };
    let detail = match &body.shape {
        view::Shape::Multipart(parts) => {
            return BodyStructure::Multipart(Box::new(Multipart {
                parts: parts.iter().map(body_structure).collect(),
                subtype: body.subtype.as_bytes().to_vec(),
                parameters: parameters(body.parameters),
                extension,
            }));
        }
        view::Shape::Message { envelope: within, body, lines } => Detail::Message {
            envelope: Box::new(within.map(envelope).unwrap_or_default()),
            body: body_structure(body),
            lines: *lines as u64,
        },
        view::Shape::Text { lines } => Detail::Text { lines: *lines as u64 },
        view::Shape::Basic => Detail::Basic,
    };
    BodyStructure::Single(Box::new(Single {
        media: body.kind.as_bytes().to_vec(),
        subtype: body.subtype.as_bytes().to_vec(),
        parameters: parameters(body.parameters),
        id: bytes(content.id.as_ref()),
        description: bytes(content.description.as_ref()),
        encoding: content.encoding.as_str().as_bytes().to_vec(),
        octets: body.octets as u64,
        detail,
        extension,
    }))
}

/// A kept envelope for the wire.
pub(super) fn kept_envelope(envelope: &digest::Envelope<'_>) -> Envelope {
    let text = |text: Option<&str>| text.map(|text| text.as_bytes().to_vec());
    let list = |list: &[digest::Address<'_>]| {
        let address = |one: &digest::Address<'_>| Address {
            name: text(one.name),
            route: text(one.route),
            mailbox: text(one.mailbox),
            host: text(one.host),
        };
        list.iter().map(address).collect()
    };
    Envelope {
        date: text(envelope.date),
        subject: text(envelope.subject),
        from: list(&envelope.from),
        sender: list(&envelope.sender),
        reply_to: list(&envelope.reply_to),
        to: list(&envelope.to),
        cc: list(&envelope.cc),
        bcc: list(&envelope.bcc),
        in_reply_to: text(envelope.in_reply_to),
        message_id: text(envelope.message_id),
    }
}

/// A kept tree of parts for the wire.
pub(super) fn kept_body(body: &digest::Body<'_>) -> BodyStructure {
    let octets = |text: &str| text.as_bytes().to_vec();
    let maybe = |text: Option<&str>| text.map(octets);
    let pairs = |list: &[(&str, &str)]| list.iter().map(|(name, value)| (octets(name), octets(value))).collect();
    let extension = Extension {
        md5: maybe(body.md5),
        disposition: body.disposition.as_ref().map(|(kind, list)| (octets(kind), pairs(list))),
        languages: body.languages.iter().map(|tag| octets(tag)).collect(),
        location: maybe(body.location),
    };
    let detail = match &body.shape {
        digest::Shape::Multipart(parts) => {
            return BodyStructure::Multipart(Box::new(Multipart {
                parts: parts.iter().map(kept_body).collect(),
                subtype: octets(body.subtype),
                parameters: pairs(&body.parameters),
                extension,
            }));
        }
        digest::Shape::Message { envelope, body, lines } => Detail::Message {
            envelope: Box::new(envelope.as_deref().map(kept_envelope).unwrap_or_default()),
            body: kept_body(body),
            lines: *lines,
        },
        digest::Shape::Text { lines } => Detail::Text { lines: *lines },
        digest::Shape::Basic => Detail::Basic,
    };
    BodyStructure::Single(Box::new(Single {
        media: octets(body.kind),
        subtype: octets(body.subtype),
        parameters: pairs(&body.parameters),
        id: maybe(body.id),
        description: maybe(body.description),
        encoding: octets(body.encoding),
        octets: body.octets,
        detail,
        extension,
    }))
}

/// What came in the extended form of RFC 2231 goes out in it: only so does a client learn the charset.
fn parameters(parameters: &Parameters) -> protocol::imap::structure::Parameters {
    let pairs = parameters.iter().map(|parameter| match &parameter.extended {
        Some(extended) => (format!("{}*", parameter.name).into_bytes(), extended.as_bytes().to_vec()),
        None => (parameter.name.as_bytes().to_vec(), parameter.value.as_bytes().to_vec()),
    });
    pairs.collect()
}
