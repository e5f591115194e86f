//! Other projects' messages, as data beside the tree: nothing panics, ranges are sane, and where the other project
//! says what it expects, that is compared. Without the folder the tests say that they skip; where `CI` is set they fail.

use std::path::{Path, PathBuf};

use message::header::Header;
use message::mime::{Kind, Options, Part, PartId, Scanner, Structure};
use message::{Span, trace, view};

/// Files that are messages, with their names from the corpus folder.
fn corpus() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/mime");
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "the corpora are missing: {}", folder.display());
    eprintln!("skipped: no corpora at {}", folder.display());
    None
}

fn files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, out) } else { out.push(path) }
    }
    out.sort();
}

/// Everything that can be asked of a message, and what must hold of any.
fn examine(message: &[u8], name: &Path) -> Structure {
    let structure = Structure::parse(message);
    for step in [1, 7, 1_000] {
        let mut scanner = Scanner::new(Options::default());
        message.chunks(step).for_each(|chunk| scanner.push(chunk));
        assert_eq!(scanner.finish(), structure, "{name:?} in chunks of {step}");
    }
    for (index, part) in structure.parts().iter().enumerate() {
        assert!(Span::new(0, message.len()).contains(part.span()), "{name:?}");
        assert_eq!(part.header.end, part.body.start, "{name:?}");
        if let Some(parent) = part.parent.and_then(|id| structure.part(id)) {
            assert!(parent.body.contains(part.span()), "{name:?}");
        }
        let header = Header::parse(part.header.of(message));
        for field in header.fields() {
            assert!(!field.text().contains(['\r', '\n', '\0']), "{name:?}");
            assert!(field.whole().starts_with(field.name().as_bytes()), "{name:?}");
        }
        let _ = (part.text(message).len(), part.content.file_name(), view::Envelope::of(&header), trace::hops(&header));
        assert!(structure.body_structure_of(PartId(index)).is_some(), "{name:?}");
    }
    structure
}

#[test]
fn every_file_of_every_corpus_is_some_message() {
    let Some(folder) = corpus() else { return };
    let mut all = Vec::new();
    files(&folder, &mut all);
    assert!(all.len() > 900, "{} files", all.len());
    for path in all {
        examine(&std::fs::read(&path).unwrap(), &path);
    }
}

/// The tree in the shape of mime4j's expectations: `message(field field multipart(body-part(body) …))`.
fn outline(structure: &Structure, id: PartId, out: &mut String) {
    let part: &Part = structure.part(id).unwrap();
    let in_multipart = part.parent.and_then(|p| structure.part(p)).is_some_and(|p| p.kind == Kind::Multipart);
    out.push_str(if in_multipart { "body-part(" } else { "message(" });
    match part.kind {
        Kind::Leaf => out.push_str("body"),
        Kind::Message => part.children.iter().for_each(|child| outline(structure, *child, out)),
        Kind::Multipart => {
            out.push_str("multipart(");
            part.children.iter().for_each(|child| outline(structure, *child, out));
            out.push(')');
        }
    }
    out.push(')');
}

/// The same from the expectation's XML, of which only the tags matter.
fn expected_outline(xml: &str) -> String {
    let mut out = String::new();
    let mut skipping = false;
    for piece in xml.split('<').skip(1) {
        let tag = piece.split('>').next().unwrap_or_default().split(' ').next().unwrap_or_default();
        match tag.trim_end_matches('/') {
            "header" | "preamble" | "epilogue" | "body" | "text-body" | "binary-body" => {
                if tag.contains("body") && !skipping {
                    out.push_str("body");
                }
                skipping = !piece.contains("/>");
            }
            "/header" | "/preamble" | "/epilogue" | "/body" => skipping = false,
            "message" | "body-part" | "multipart" if !skipping => {
                out.push_str(tag);
                out.push('(');
            }
            "/message" | "/body-part" | "/multipart" if !skipping => out.push(')'),
            _ => {}
        }
    }
    out
}

/// Where we differ from mime4j on purpose.
const UNLIKE_MIME4J: &[(&str, &str)] = &[
    ("multi-2gifs-base64", ENCODED),
    ("bad-newlines-multiple-parts-base64", ENCODED),
    ("base64encoded-rfc822message-nested", ENCODED),
    ("base64encoded-rfc822message", ENCODED),
    ("badbound", NO_PARTS),
    ("missing-boundary", NO_PARTS),
    ("missing-inner-boundary", NO_PARTS),
    ("missing-inner-start-boundary", NO_PARTS),
    ("multipartnopart", NO_PARTS),
    ("weird-boundary", "RFC 2046 section 5.1.1: a boundary ends with no blank; one that does is met without it"),
    ("very-long-boundary", "the same"),
    ("very-very-long-boundary", "over BOUNDARY_OCTETS_MAX"),
];

const ENCODED: &str = "an encoded message, which RFC 2046 section 5.2.1 forbids, has no byte ranges: it is a leaf";
const NO_PARTS: &str = "a multipart whose boundary never comes is a leaf, so that its text can be read";

#[test]
fn trees_are_those_that_mime4j_expects() {
    let Some(folder) = corpus() else { return };
    let mut all = Vec::new();
    files(&folder.join("mime4j"), &mut all);
    let mut compared = 0;
    let mut unlike = Vec::new();
    for path in all.iter().filter(|path| path.extension().is_some_and(|e| e == "msg")) {
        let xml = std::fs::read(path.with_extension("xml")).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let message = std::fs::read(path).unwrap();
        let structure = Structure::parse(&message);
        let mut ours = String::new();
        outline(&structure, PartId(0), &mut ours);
        let theirs = expected_outline(&String::from_utf8_lossy(&xml));
        if ours != theirs && !UNLIKE_MIME4J.iter().any(|(known, _)| *known == name) {
            unlike.push(format!("{name}\n  ours   {ours}\n  theirs {theirs}"));
        }
        compared += 1;
    }
    assert!(unlike.is_empty(), "{} of {compared}:\n{}", unlike.len(), unlike.join("\n"));
    assert!(compared > 70, "{compared}");
}

/// `multipart/mixed(text/plain image/png)`
fn types(structure: &Structure, id: PartId) -> String {
    let part = structure.part(id).unwrap();
    let inside: Vec<String> = part.children.iter().map(|child| types(structure, *child)).collect();
    match part.kind {
        Kind::Leaf => part.content.content_type.to_string(),
        _ => format!("{}({})", part.content.content_type, inside.join(" ")),
    }
}

/// Where we differ from CPython's parser on purpose.
const UNLIKE_CPYTHON: &[(&str, &str)] = &[
    ("msg_15.txt", "nested multiparts of one and the same boundary: the inner one has it until it is closed"),
    ("msg_36.txt", "message/external-body is a leaf: what is inside lies elsewhere"),
    ("msg_37.txt", "boundaries one behind the other part empty parts, as mime4j has it"),
    ("msg_39.txt", "nested multiparts of one and the same boundary"),
];

/// `cpython.golden` is what CPython's own parser makes of its test messages.
#[test]
fn trees_are_those_of_cpython() {
    let Some(folder) = corpus() else { return };
    let mut unlike = Vec::new();
    for line in include_str!("cpython.golden").lines() {
        let (name, theirs) = line.split_once(' ').unwrap();
        let message = std::fs::read(folder.join("cpython-test_email/data").join(name)).unwrap();
        let ours = types(&Structure::parse(&message), PartId(0));
        if ours != theirs && !UNLIKE_CPYTHON.iter().any(|(known, _)| *known == name) {
            unlike.push(format!("{name}\n  ours   {ours}\n  theirs {theirs}"));
        }
    }
    assert!(unlike.is_empty(), "{}", unlike.join("\n"));
}
