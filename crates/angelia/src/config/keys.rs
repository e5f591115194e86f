//! Every key of the configuration file: the one definition. The reader refuses what is not here; `docs/config.md` and
//! `etc/angelia.toml` are written from it, and a test compares them.

use super::kind::Kind;

/// One key.
#[derive(Debug)]
pub(crate) struct Key {
    /// `section.key`, or `key` at the top of the file.
    pub(crate) name: &'static str,
    /// What may stand there.
    pub(crate) kind: Kind,
    /// What holds when the key is not given.
    pub(crate) default: Default,
    /// What it does, in whole sentences.
    pub(crate) doc: &'static str,
}

/// What holds when a key is not given.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Default {
    /// There is none: the file must say.
    Required {
        /// For the sample.
        example: &'static str,
    },
    /// This value, written as in the file, and why it is this one.
    Is {
        /// As TOML.
        value: &'static str,
        /// The reason.
        why: &'static str,
    },
    /// Nothing, and what that means.
    Unset {
        /// For the sample.
        example: &'static str,
        /// What happens without it.
        means: &'static str,
    },
}

const fn is(value: &'static str, why: &'static str) -> Default {
    Default::Is { value, why }
}

const fn unset(example: &'static str, means: &'static str) -> Default {
    Default::Unset { example, means }
}

const LISTEN_WHY: &str = "The port that is registered for it, on every address, IPv4 and IPv6.";

/// In the order of the file.
pub(crate) const KEYS: &[Key] = &[
    Key {
        name: "hostname",
        kind: Kind::Domain,
        default: Default::Required { example: "\"mail.example.org\"" },
        doc: "The name of this machine in the DNS. It stands in greetings, in EHLO and in Received, and in the \
              certificate that is made when none is given. Its address should lead back to it (PTR), else others refuse \
              our mail.",
    },
    Key {
        name: "data",
        kind: Kind::Path,
        default: is("\"/var/lib/angelia\"", "Where programs keep what must last."),
        doc: "The folder of everything that must outlive a restart: the store, the letters, the certificate made by \
              ourselves. A relative path starts at the folder of this file.",
    },
    Key {
        name: "user",
        kind: Kind::Text,
        default: unset("\"angelia\"", "The program keeps the user that it was started as."),
        doc: "Started as root, the program binds its ports and then becomes this user for good. The data folder must \
              belong to it.",
    },
    Key {
        name: "postmaster",
        kind: Kind::Address,
        default: unset("\"anna@example.org\"", "The oldest account of each domain."),
        doc: "Who reads what is sent to `postmaster` and `abuse` of a domain that has no account or alias of that name. \
              RFC 5321 section 4.5.1 wants it read.",
    },
    Key {
        name: "smtp.listen",
        kind: Kind::Addresses,
        default: is("[\"[::]:25\"]", LISTEN_WHY),
        doc: "Where mail comes in from other servers. Nobody can send mail elsewhere through this door, but for the \
              networks of `relay.networks`. An empty list closes the door.",
    },
    Key {
        name: "submission.listen",
        kind: Kind::Addresses,
        default: is("[\"[::]:587\"]", LISTEN_WHY),
        doc: "Where our own people hand in what they send, after STARTTLS and signing in. An empty list closes it.",
    },
    Key {
        name: "submissions.listen",
        kind: Kind::Addresses,
        default: is("[\"[::]:465\"]", LISTEN_WHY),
        doc: "The same over TLS from the first byte, which RFC 8314 prefers. An empty list closes it.",
    },
    Key {
        name: "imap.listen",
        kind: Kind::Addresses,
        default: is("[\"[::]:143\"]", LISTEN_WHY),
        doc: "Where mail is read by IMAP, after STARTTLS. An empty list closes it.",
    },
    Key {
        name: "imaps.listen",
        kind: Kind::Addresses,
        default: is("[\"[::]:993\"]", LISTEN_WHY),
        doc: "The same over TLS from the first byte. An empty list closes it.",
    },
    Key {
        name: "pop3.listen",
        kind: Kind::Addresses,
        default: is("[\"[::]:110\"]", LISTEN_WHY),
        doc: "Where mail is fetched by POP3, after STLS. An empty list closes it.",
    },
    Key {
        name: "pop3s.listen",
        kind: Kind::Addresses,
        default: is("[\"[::]:995\"]", LISTEN_WHY),
        doc: "The same over TLS from the first byte. An empty list closes it.",
    },
    Key {
        name: "tls.certificate",
        kind: Kind::Paths,
        default: unset(
            "\"/etc/letsencrypt/live/mail.example.org/fullchain.pem\"",
            "A self-signed certificate is made at the first start and kept in `data`. Mail comes in with it; readers are \
             warned by their programs.",
        ),
        doc: "The certificate with its chain, in PEM; a list of them where there are several names. Read again when the \
              file changes.",
    },
    Key {
        name: "tls.key",
        kind: Kind::Paths,
        default: unset(
            "\"/etc/letsencrypt/live/mail.example.org/privkey.pem\"",
            "It belongs to `tls.certificate`: both or none.",
        ),
        doc: "The private key of the certificate, in PEM; as many as certificates, in the same order. A renewed \
              one is read as `user`, so it must be readable by that user.",
    },
    Key {
        name: "tls.authorities",
        kind: Kind::Paths,
        default: unset("\"/etc/angelia/ca.pem\"", "The authorities that this machine believes, and no others."),
        doc: "Further certificate authorities to believe when we are the client, in PEM.",
    },
    Key {
        name: "signin.without_tls",
        kind: Kind::Bool,
        default: is("false", "A password in the clear belongs to everybody on the way."),
        doc: "Whether a password may come over a connection that is not encrypted. On connections from this machine \
              itself it always may.",
    },
    Key {
        name: "relay.networks",
        kind: Kind::Networks,
        default: is("[]", "Who may send is asked of the person, not of the address."),
        doc: "Addresses and networks that may send mail anywhere without signing in: a printer, a web server. Everyone \
              there can send in anyone's name. No network may be wider than /8, or /19 of IPv6.",
    },
    Key {
        name: "limits.message_size",
        kind: Kind::Size { least: 64 << 10, said: "64 KiB" },
        default: is("\"50 MiB\"", "Twice what the largest providers take, with room for base64."),
        doc: "The largest message that is taken in, as SIZE tells the sender. RFC 5321 section 4.5.3.1.7 wants 64 KiB \
              taken by everybody.",
    },
    Key {
        name: "limits.recipients",
        kind: Kind::Number { min: 1, max: 100_000 },
        default: is("1000", "RFC 5321 section 4.5.3.1.8 asks for 100 at least; lists send in hundreds."),
        doc: "Recipients of one message. The sender is told to send the rest again.",
    },
    Key {
        name: "limits.connections",
        kind: Kind::Number { min: 1, max: 1_000_000 },
        default: is("5000", "Some ten KiB each, so fifty MiB when all are taken."),
        doc: "Connections at once, to each of: smtp, submission with submissions, imap with imaps, pop3 with pop3s. So a \
              flood at one door leaves the others open.",
    },
    Key {
        name: "limits.connections_per_address",
        kind: Kind::Number { min: 1, max: 1_000_000 },
        default: is("100", "An office behind one address, each with several programs."),
        doc: "Of these, connections from one address (IPv6: one network of 64 bits). This machine and the networks of \
              `relay.networks` are not bound by it.",
    },
    Key {
        name: "dns.server",
        kind: Kind::SocketAddress { port: 53 },
        default: unset("\"127.0.0.1:53\"", "The servers that /etc/resolv.conf names."),
        doc: "The name server to ask. Block lists and large amounts of mail need one of your own.",
    },
    Key {
        name: "outbound.port",
        kind: Kind::Number { min: 1, max: 65_535 },
        default: is("25", "Where mail servers listen."),
        doc: "The port of other mail servers. Another one is for laboratories only.",
    },
    Key {
        name: "outbound.source",
        kind: Kind::Ip,
        default: unset("\"192.0.2.25\"", "The machine chooses."),
        doc: "The address that our connections to others come from, on a machine that has several. Its PTR should be \
              `hostname`.",
    },
    Key {
        name: "outbound.tls",
        kind: Kind::Choice(&["opportunistic", "required", "never"]),
        default: is(
            "\"opportunistic\"",
            "RFC 7435: better encrypted to a stranger than in the clear, better in the clear than not at all.",
        ),
        doc: "Whether letters travel encrypted: where the other side offers it; always, and else they wait; or never, for \
              laboratories.",
    },
    Key {
        name: "queue.retry_first",
        kind: Kind::Duration,
        default: is("\"5m\"", "A server that restarts is back by then."),
        doc: "How long a letter waits after its first attempt in vain. Each further wait is twice as long.",
    },
    Key {
        name: "queue.retry_longest",
        kind: Kind::Duration,
        default: is("\"4h\"", "Half a dozen attempts a day, as RFC 5321 section 4.5.4.1 has it."),
        doc: "No wait is longer.",
    },
    Key {
        name: "queue.lifetime",
        kind: Kind::Duration,
        default: is("\"5d\"", "RFC 5321 section 4.5.4.1: at least 4 to 5 days, so that a weekend passes."),
        doc: "A letter that could not be delivered for so long goes back to its sender.",
    },
    Key {
        name: "queue.delay_notice",
        kind: Kind::Duration,
        default: is("\"4h\"", "Long enough that a passing trouble makes no noise."),
        doc: "After so long the sender is told, once, that the letter still waits.",
    },
    Key {
        name: "storage.engine",
        kind: Kind::Choice(&["embedded", "postgres"]),
        default: is("\"embedded\"", "It needs nothing but a disk, and is the fastest."),
        doc: "Where rows are kept: in the data folder, or in a PostgreSQL that several machines share. Each of these needs a \
              `hostname` of its own.",
    },
    Key {
        name: "storage.url",
        kind: Kind::Text,
        default: unset(
            "\"postgres://angelia:secret@db.example.org/angelia\"",
            "The engine `postgres` needs it, `embedded` does not.",
        ),
        doc: "The PostgreSQL database.",
    },
    Key {
        name: "storage.bodies",
        kind: Kind::Text,
        default: unset("\"s3://bucket/prefix\"", "Beside the rows in `data`; the engine `postgres` needs it."),
        doc: "Where the letters themselves are kept with the engine `postgres`: a folder that all machines share, or a \
              bucket. The keys of a bucket come from the environment (AWS_ACCESS_KEY_ID and its like).",
    },
    Key {
        name: "storage.region",
        kind: Kind::Text,
        default: is("\"us-east-1\"", "What servers other than Amazon's mostly expect."),
        doc: "The region of the bucket.",
    },
    Key {
        name: "storage.endpoint",
        kind: Kind::Text,
        default: unset("\"https://objects.example.net\"", "Amazon's."),
        doc: "The server that keeps the bucket, when it is not Amazon's.",
    },
    Key {
        name: "journal.format",
        kind: Kind::Choice(&["auto", "text", "json", "off"]),
        default: is("\"auto\"", "Lines for people, in colours on a terminal."),
        doc: "How each event is written on stderr. The rows for `angelia trace` are written whatever stands here.",
    },
    Key {
        name: "journal.days",
        kind: Kind::Number { min: 1, max: 3650 },
        default: is("30", "Questions about a lost letter come within weeks; addresses are not for keeping for ever."),
        doc: "For so many days `angelia trace` can tell a letter's life.",
    },
];

/// The key of this name.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}
