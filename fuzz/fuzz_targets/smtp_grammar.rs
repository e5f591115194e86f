//! The SMTP grammar: no line makes the parser panic, and what it takes is well formed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::smtp::grammar::{self, Command, ReplyReader};

fuzz_target!(|data: &[u8]| {
    if let Ok(command) = grammar::parse(data) {
        match command {
            Command::Mail(mail) => {
                let line = format!("MAIL FROM:<{}> SMTPUTF8", mail.reverse_path);
                match grammar::parse(line.as_bytes()) {
                    Ok(Command::Mail(again)) => assert_eq!(again.reverse_path, mail.reverse_path),
                    other => panic!("{line:?} gave {other:?}"),
                }
            }
            Command::Recipient(arguments) => {
                if let Ok(recipient) = arguments.parse(true) {
                    let line = format!("RCPT TO:<{}>", recipient.forward_path);
                    match grammar::parse(line.as_bytes()) {
                        Ok(Command::Recipient(again)) => {
                            assert_eq!(again.parse(true).map(|r| r.forward_path), Ok(recipient.forward_path));
                        }
                        other => panic!("{line:?} gave {other:?}"),
                    }
                }
            }
            _ => {}
        }
    }
    let mut reader = ReplyReader::default();
    for line in data.split(|byte| *byte == b'\n') {
        if let Ok(Some(reply)) = reader.line(line) {
            grammar::parse_extensions(&reply.text);
        }
    }
    let text = String::from_utf8_lossy(data);
    if let Some(bytes) = grammar::decode_xtext(&text) {
        assert_eq!(grammar::decode_xtext(&grammar::encode_xtext(&bytes)), Some(bytes));
    }
});
