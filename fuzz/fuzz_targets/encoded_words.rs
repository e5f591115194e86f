//! Encoded words: nothing decodes to a control character, and what is encoded decodes to itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use message::encoding::words;

fuzz_target!(|data: &[u8]| {
    let text = words::decode(data);
    assert!(!text.chars().any(char::is_control));
    for phrase in [false, true] {
        let coded = words::encode(&text, phrase, 0);
        assert!(coded.iter().all(|word| word.len() <= 75 && word.is_ascii()));
        assert_eq!(words::decode(coded.join(" ").as_bytes()), text);
    }
});
