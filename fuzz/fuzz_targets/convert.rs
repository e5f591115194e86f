//! From 8 bits to 7: what was converted needs no conversion, has the same parts with the same contents, and is not much
//! longer.
#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use message::convert::to_seven_bit;
use message::mime::{Kind, Part, PartId, Structure};

/// A letter and its parts.
struct Read<'a>(&'a [u8], Structure);

impl Read<'_> {
    fn of(letter: &[u8]) -> Read<'_> {
        Read(letter, Structure::parse(letter))
    }

    /// What stands in it, line ends of text made one.
    fn contents(&self, part: &Part) -> Vec<u8> {
        let octets = part.decoded(self.0);
        match part.content.content_type.kind.as_str() {
            "text" | "message" => lines(&octets),
            _ => octets.into_owned(),
        }
    }
}

fn lines(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in octets.split_inclusive(|b| *b == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(line) => out.extend_from_slice(&[line.strip_suffix(b"\r").unwrap_or(line), b"\r\n"].concat()),
            None => out.extend_from_slice(line),
        }
    }
    out
}

fn same(before: &Read<'_>, after: &Read<'_>, id: PartId, other: PartId) {
    let (Some(was), Some(is)) = (before.1.part(id), after.1.part(other)) else { panic!("no part {id:?}, {other:?}") };
    assert_eq!(was.content.content_type.to_string(), is.content.content_type.to_string());
    // A message/global is a leaf once it is encoded.
    let is_global = was.content.content_type.is("message", "global");
    if !(is_global && was.kind == Kind::Message && is.kind == Kind::Leaf) {
        assert_eq!((was.kind, was.children.len()), (is.kind, is.children.len()));
        was.children.iter().zip(&is.children).for_each(|(id, other)| same(before, after, *id, *other));
    }
    if is.kind == Kind::Leaf {
        assert_eq!(before.contents(was), after.contents(is));
    }
}

fuzz_target!(|letter: &[u8]| {
    let Ok(once) = to_seven_bit(letter) else { return };
    assert!(matches!(to_seven_bit(&once), Ok(Cow::Borrowed(_))));
    let (before, after) = (Read::of(letter), Read::of(&once));
    same(&before, &after, PartId(0), PartId(0));
    // Raw words of one octet in header fields become encoded words of 22 and more.
    assert!(once.len() <= letter.len() * 16 + 400 * (before.1.parts().len() + 1));
});
