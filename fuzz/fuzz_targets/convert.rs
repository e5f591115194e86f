//! From 8 bits to 7: what was converted needs no conversion, has as many parts, and is not much longer.
#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use message::convert::to_seven_bit;
use message::mime::{Kind, Structure};

fuzz_target!(|letter: &[u8]| {
    let Ok(once) = to_seven_bit(letter) else { return };
    assert!(matches!(to_seven_bit(&once), Ok(Cow::Borrowed(_))));
    let leaves = |letter: &[u8]| Structure::parse(letter).parts().iter().filter(|part| part.kind == Kind::Leaf).count();
    assert_eq!(leaves(letter), leaves(&once));
    let parts = Structure::parse(letter).parts().len();
    // Raw words of one octet in header fields become encoded words of 22 and more.
    assert!(once.len() <= letter.len() * 16 + 400 * (parts + 1));
});
