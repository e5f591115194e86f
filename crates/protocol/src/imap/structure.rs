//! ENVELOPE and BODYSTRUCTURE as data (RFC 3501 section 7.4.2): what a FETCH of them says, before it is bytes.
//!
//! Texts are the raw bytes of the header, unfolded, encoded words left alone: IMAP hands them on as they stand.

/// Bytes of a header, or NIL.
pub type NString = Option<Vec<u8>>;

/// `envelope`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The Date field's body.
    pub date: NString,
    /// The Subject field's body.
    pub subject: NString,
    /// From.
    pub from: Vec<Address>,
    /// Sender; From again when there is none.
    pub sender: Vec<Address>,
    /// Reply-To; From again when there is none.
    pub reply_to: Vec<Address>,
    /// To.
    pub to: Vec<Address>,
    /// Cc.
    pub cc: Vec<Address>,
    /// Bcc.
    pub bcc: Vec<Address>,
    /// In-Reply-To.
    pub in_reply_to: NString,
    /// Message-ID.
    pub message_id: NString,
}

/// `address`. A group begins with an address without host whose mailbox is the group's name, and ends with one that
/// has neither.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    /// Display name.
    pub name: NString,
    /// The obsolete source route.
    pub route: NString,
    /// Local part, or a group's name.
    pub mailbox: NString,
    /// Domain.
    pub host: NString,
}

/// Pairs of name and value.
pub type Parameters = Vec<(Vec<u8>, Vec<u8>)>;

/// `body`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyStructure {
    /// Anything that holds no other part.
    Single(Box<Single>),
    /// `multipart/…`
    Multipart(Box<Multipart>),
}

/// `body-type-1part`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Single {
    /// `TEXT`.
    pub media: Vec<u8>,
    /// `PLAIN`.
    pub subtype: Vec<u8>,
    /// Of Content-Type.
    pub parameters: Parameters,
    /// Content-ID.
    pub id: NString,
    /// Content-Description.
    pub description: NString,
    /// Content-Transfer-Encoding, `7BIT` when there is none.
    pub encoding: Vec<u8>,
    /// Octets as transferred.
    pub octets: u64,
    /// What text and messages add.
    pub detail: Detail,
    /// Extension data.
    pub extension: Extension,
}

/// What the media type adds before the extension data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Detail {
    /// `body-type-basic`
    #[default]
    Basic,
    /// `body-type-text`
    Text {
        /// Lines as transferred.
        lines: u64,
    },
    /// `body-type-msg`
    Message {
        /// Of the message within.
        envelope: Box<Envelope>,
        /// Of the message within.
        body: BodyStructure,
        /// Lines as transferred.
        lines: u64,
    },
}

/// `body-type-mpart`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Multipart {
    /// At least one, else an empty text stands in on the wire.
    pub parts: Vec<BodyStructure>,
    /// `MIXED`.
    pub subtype: Vec<u8>,
    /// Of Content-Type: extension data here.
    pub parameters: Parameters,
    /// Further extension data; its `md5` is not used.
    pub extension: Extension,
}

/// `body-ext-1part` and `body-ext-mpart`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extension {
    /// Content-MD5.
    pub md5: NString,
    /// Content-Disposition and its parameters.
    pub disposition: Option<(Vec<u8>, Parameters)>,
    /// Content-Language.
    pub languages: Vec<Vec<u8>>,
    /// Content-Location.
    pub location: NString,
}
