//! The letters of the bench: ordinary ones, each with its own Message-ID, of a given size.

/// A letter of about `octets`, dot-stuffed and ended as DATA wants it.
pub(crate) fn data(number: usize, octets: usize) -> Vec<u8> {
    let mut text = format!(
        "From: Load <load@client.test>\r\nTo: <someone@bench.test>\r\nSubject: letter {number}\r\n\
         Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{number}.{octets}@client.test>\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    );
    let mut word = number;
    while text.len() + 3 < octets {
        let mut line = String::with_capacity(80);
        while line.len() < 70 {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            line.push_str(WORDS[(word >> 33) % WORDS.len()]);
            line.push(' ');
        }
        text.push_str(line.trim_end());
        text.push_str("\r\n");
    }
    text.push_str(".\r\n");
    text.into_bytes()
}

const WORDS: [&str; 16] = [
    "letter", "harbour", "tomorrow", "meeting", "olive", "answer", "station", "price", "garden", "winter", "number",
    "please", "between", "mountain", "ticket", "evening",
];
