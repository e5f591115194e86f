//! mail-parser's own expectations, as data beside the tree: addresses, dates, types, ids, free text, and the texts of
//! whole messages. Where its answer is another than ours, the reason stands here.

use std::path::{Path, PathBuf};

use message::address::{self, Entry, Mailbox};
use message::encoding::words;
use message::header::unfold;
use message::mime::{ContentType, Disposition, Kind, Parameters, Structure};
use message::{date, trace};
use serde_json::Value;

fn corpus() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/mime/mail-parser/resources");
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "the corpora are missing: {}", folder.display());
    eprintln!("skipped: no corpora at {}", folder.display());
    None
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Compares each case of a table; `ours` may say that a case is beside the point by answering `None`.
///
/// `unlike` are beginnings of the fields where our answer is another on purpose.
fn compare(name: &str, unlike: &[&str], ours: impl Fn(&str, &Value) -> Option<(String, String)>) {
    let Some(folder) = corpus() else { return };
    let mut wrong = Vec::new();
    let mut right = 0;
    for case in json(&folder.join(name)).as_array().unwrap() {
        let header = case["header"].as_str().unwrap();
        match ours(header, &case["expected"]) {
            Some((ours, theirs)) if ours != theirs && !unlike.iter().any(|known| header.starts_with(known)) => {
                wrong.push(format!("{header:?}\n  ours   {ours}\n  theirs {theirs}"));
            }
            Some((ours, theirs)) if ours == theirs => right += 1,
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{name}: {right} right, {} not:\n{}", wrong.len(), wrong.join("\n"));
    assert!(right > 8, "{name}: {right}");
}

/// The first field only: the tables have what follows it in the same text.
fn first_field(header: &str) -> String {
    let field = format!("X:{}", header);
    let parsed = message::header::Header::parse(field.as_bytes());
    parsed.fields().next().map(|f| String::from_utf8_lossy(f.raw()).into_owned()).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn dates() {
    // A month by number, a row of numbers, and a whole Received value (`trace::Hop` reads that) are no dates.
    const UNLIKE: &[&str] = &["20 11 (some", " 4 8 15 16", "by 2002:aa7"];
    compare("date.json", UNLIKE, |header, expected| {
        let number = |key: &str| expected[key].as_i64().unwrap_or(0);
        let sign = if expected["tz_before_gmt"] == Value::Bool(true) { -1 } else { 1 };
        let theirs = format!(
            "{}-{}-{} {}:{}:{} {}",
            number("year"),
            number("month"),
            number("day"),
            number("hour"),
            number("minute"),
            number("second"),
            sign * (number("tz_hour") * 60 + number("tz_minute"))
        );
        let ours = date::parse(first_field(header).as_bytes()).map_or("none".to_owned(), |date| {
            let c = date.local();
            format!("{}-{}-{} {}:{}:{} {}", c.year, c.month, c.day, c.hour, c.minute, c.second, date.offset_minutes)
        });
        Some((ours, if expected.is_null() { "none".to_owned() } else { theirs }))
    });
}

fn show(mailbox: &Mailbox) -> String {
    let spec = match mailbox.domain.as_str() {
        "" => mailbox.local.clone(),
        domain => format!("{}@{domain}", mailbox.local),
    };
    format!("{}<{spec}>", mailbox.display_name().unwrap_or_default())
}

#[test]
fn addresses() {
    // Its comments are part of the name, ours are apart; so is a route; blanks inside a domain and at the ends of a
    // name go; a bare mailbox behind a group makes a group of its own in this test's notation.
    const UNLIKE: &[&str] = &[
        "Pete(A nice",
        "A Group(Some",
        "(Empty list)",
        "Mary Smith <@node",
        "John Doe <jdoe@machine(",
        "Nathaniel",
        "\"  James",
        "List 1",
        "\"List 1\"",
        "\"=?utf-8?b?VGjDrXMg",
        "Name (comment)",
    ];
    compare("address.json", UNLIKE, |header, expected| {
        let one = |value: &Value| format!("{}<{}>", text(&value["name"]), text(&value["address"]));
        let list = |value: &Value| value.as_array().map_or(Vec::new(), |all| all.iter().map(one).collect());
        let theirs: Vec<String> = match (&expected["List"], &expected["Group"]) {
            (Value::Array(_), _) => list(&expected["List"]),
            (_, Value::Array(groups)) => groups
                .iter()
                .flat_map(|g| [vec![format!("{}:", text(&g["name"]))], list(&g["addresses"])].concat())
                .collect(),
            _ => Vec::new(),
        };
        let ours: Vec<String> = address::parse(first_field(header).as_bytes())
            .iter()
            .flat_map(|entry| {
                let head = match entry {
                    Entry::Group { name, .. } => Some(format!("{}:", words::decode(name.as_bytes()))),
                    Entry::Mailbox(_) => expected["Group"].is_array().then(|| ":".to_owned()),
                };
                head.into_iter().chain(entry.mailboxes().iter().map(show)).collect::<Vec<_>>()
            })
            .collect();
        Some((ours.join(", "), theirs.join(", ")))
    });
}

#[test]
fn content_types() {
    // Encoded words of two charsets with a blank between them are joined (RFC 2047 section 6.2); pieces have no
    // charset of their own; a name that is no disposition and a type with an umlaut or two slashes are `text/plain`.
    const UNLIKE: &[&str] = &[
        "application/pdf\n   filename*0*=iso",
        "image/jpeg;\n   name=\"=?iso-8859-1?B?4Q",
        "name=value",
        "á/é",
        "inva/lid; name=\"   ",
        "text/plain; name=  ",
        "test/encoded",
        "malicious/attempt",
        "text/plain/format",
    ];
    compare("content_type.json", UNLIKE, |header, expected| {
        let list = |value: &Value| -> Vec<String> {
            let pair = |p: &Value| match p {
                Value::Array(p) => format!("{}={}", text(&p[0]).to_lowercase(), text(&p[1])),
                p => format!("{}={}", text(&p["name"]).to_lowercase(), text(&p["value"])),
            };
            // The language of RFC 2231 is a parameter of its own there.
            let all = value.as_array().into_iter().flatten().map(pair);
            all.filter(|p| !p.contains("-language=")).collect()
        };
        let shown = |parameters: &Parameters| -> Vec<String> {
            parameters.iter().map(|p| format!("{}={}", p.name, p.text())).collect()
        };
        let field = first_field(header);
        let theirs = list(&expected["attributes"]).join("; ");
        if expected.is_null() {
            return None;
        }
        let kind = text(&expected["c_type"]);
        if expected["c_subtype"].is_null() {
            let disposition = Disposition::parse(field.as_bytes())?;
            let ours = format!("{} {}", disposition.kind, shown(&disposition.parameters).join("; "));
            return Some((ours, format!("{kind} {theirs}")));
        }
        let ours = ContentType::parse(field.as_bytes());
        let theirs = format!("{kind}/{} {theirs}", text(&expected["c_subtype"])).to_owned();
        Some((format!("{ours} {}", shown(&ours.parameters).join("; ")), theirs))
    });
}

#[test]
fn ids_and_free_text() {
    compare("id.json", &["<1234   @ "], |header, expected| {
        let theirs: Vec<&str> = expected.as_array().map_or(Vec::new(), |all| all.iter().map(text).collect());
        Some((trace::message_ids(first_field(header).as_bytes()).join(" "), theirs.join(" ")))
    });
    // No blank is put where none stood; those that stood stay (here they are compared as one).
    let blanks = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    compare("unstructured.json", &["[SUSPECTED SPAM]"], |header, expected| {
        let ours = words::decode(&unfold(first_field(header).as_bytes()));
        Some((blanks(&ours), blanks(text(expected))))
    });
}

/// The letters and digits of a text: line ends and blanks are told differently.
fn squeezed(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// The texts of a message in order; a message inside is not looked into.
fn texts(structure: &Structure, message: &[u8]) -> Vec<String> {
    let mut out = Vec::new();
    let mut stack = vec![0];
    while let Some(id) = stack.pop() {
        let part = &structure.parts()[id];
        match part.kind {
            Kind::Leaf if ["text", "multipart"].contains(&part.content.content_type.kind.as_str()) => {
                out.push(squeezed(&part.text(message)));
            }
            Kind::Multipart => stack.extend(part.children.iter().rev().map(|child| child.0)),
            _ => {}
        }
    }
    out
}

/// Messages whose texts we take otherwise, and why.
const UNLIKE_TEXTS: &[(&str, &str)] = &[
    ("rfc/000", "parts that name audio and image are listed as text there"),
    ("legacy/026", "8-bit in us-ascii is Windows-1252, not lost"),
    ("legacy/034", "mislabelled as UTF-7 it is told differently"),
    ("legacy/052", "8-bit without a label is Windows-1252, not lost"),
    ("malformed/000", "an empty part is a part"),
    ("malformed/001", "a boundary in a header that never ends"),
    ("malformed/004", "a boundary is met whole, not by its beginning"),
    ("malformed/007", "a boundary in the header that declares it"),
    ("malformed/009", "a boundary is met whole, not by its beginning"),
    ("malformed/011", "a boundary is met whole, not by its beginning"),
    ("malformed/013", "an empty part is a part"),
    ("malformed/014", "an empty part is a part"),
    ("malformed/016", "an inner boundary is over when an outer one has come"),
    ("malformed/019", "parts of messages inside are listed otherwise"),
    ("malformed/020", "of duplicate Content-Type fields the first counts"),
    ("malformed/021", "of duplicate Content-Type fields the first counts"),
    ("malformed/022", "a message without a header is a message"),
    ("thirdparty/002", "base64 with rubbish in it is decoded as far as it goes"),
    ("thirdparty/005", "base64 with rubbish in it is decoded as far as it goes"),
];

#[test]
fn texts_of_whole_messages() {
    let Some(folder) = corpus() else { return };
    let (mut right, mut wrong) = (0, Vec::new());
    for name in ["rfc", "legacy", "malformed", "thirdparty"] {
        let entries = std::fs::read_dir(folder.join("eml").join(name)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        for path in paths.filter(|path| path.extension().is_some_and(|e| e == "eml")) {
            let message = std::fs::read(&path).unwrap();
            let expected = json(&path.with_extension("json"));
            let parts = expected["parts"].as_array().unwrap().iter();
            let theirs: Vec<String> =
                parts.filter_map(|p| p["body"]["Text"].as_str().or(p["body"]["Html"].as_str()).map(squeezed)).collect();
            let ours = texts(&Structure::parse(&message), &message);
            let name = format!("{name}/{}", path.file_stem().unwrap().to_string_lossy());
            if ours == theirs {
                right += 1;
            } else if !UNLIKE_TEXTS.iter().any(|(known, _)| *known == name) {
                wrong.push(format!("{name}:\n  ours   {ours:?}\n  theirs {theirs:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{right} right, {} not:\n{}", wrong.len(), wrong.join("\n"));
    assert!(right > 85, "{right}");
}
