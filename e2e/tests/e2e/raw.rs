//! A connection spoken by hand: for what no decent client says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub struct Raw {
    stream: BufReader<TcpStream>,
}

impl Raw {
    pub fn open(place: impl ToSocketAddrs) -> std::io::Result<Self> {
        let stream = TcpStream::connect(place)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.set_write_timeout(Some(Duration::from_secs(60)))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Bytes as they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes.as_ref())
    }

    /// The next line without its end; the empty text at the end of the connection.
    pub fn line(&mut self) -> std::io::Result<String> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
    }

    /// A whole SMTP reply: its last line.
    pub fn reply(&mut self) -> std::io::Result<String> {
        loop {
            let line = self.line()?;
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(line);
            }
        }
    }

    /// Says a line and hears the reply.
    pub fn ask(&mut self, line: &str) -> std::io::Result<String> {
        self.send(format!("{line}\r\n"))?;
        self.reply()
    }

    /// Lines up to the tagged answer of IMAP, that one included.
    pub fn tagged(&mut self, tag: &str) -> std::io::Result<Vec<String>> {
        let mut lines = Vec::new();
        loop {
            let line = self.line()?;
            let last = line.is_empty() || line.split(' ').next() == Some(tag);
            lines.push(line);
            if last {
                return Ok(lines);
            }
        }
    }

    /// Exactly so many octets.
    pub fn octets(&mut self, count: usize) -> std::io::Result<Vec<u8>> {
        let mut octets = vec![0; count];
        self.stream.read_exact(&mut octets)?;
        Ok(octets)
    }

    /// Closes our side.
    pub fn say_no_more(&self) -> std::io::Result<()> {
        self.stream.get_ref().shutdown(std::net::Shutdown::Write)
    }

    /// The connection itself, to read and to write at the same time.
    pub fn split(self) -> std::io::Result<(BufReader<TcpStream>, TcpStream)> {
        let write = self.stream.get_ref().try_clone()?;
        Ok((self.stream, write))
    }
}

/// An SMTP session that has said EHLO.
pub fn smtp(place: impl ToSocketAddrs) -> std::io::Result<Raw> {
    let mut raw = Raw::open(place)?;
    let greeting = raw.reply()?;
    if !greeting.starts_with("220") {
        return Err(std::io::Error::other(greeting));
    }
    raw.ask("EHLO client.test")?;
    Ok(raw)
}

/// Sends letters until the server is gone or `stop` says so, and notes the Message-ID of each that was answered with 250.
/// `letter` has the recipient of the letter of this number and this Message-ID, and the rest of its text.
pub fn send_until_the_end(
    place: SocketAddr,
    name: &str,
    letter: impl Fn(usize, &str) -> (String, String),
    answered: &Mutex<Vec<String>>,
    stop: &AtomicBool,
) {
    let mut number = 0;
    let mut work = || -> std::io::Result<()> {
        let mut raw = smtp(place)?;
        while !stop.load(Ordering::Relaxed) {
            number += 1;
            let id = format!("<{name}.{number}@athens.test>");
            let (to, text) = letter(number, &id);
            raw.ask("MAIL FROM:<anna@athens.test>")?;
            raw.ask(&format!("RCPT TO:<{to}>"))?;
            raw.ask("DATA")?;
            raw.send(format!("Message-ID: {id}\r\n{text}.\r\n"))?;
            if raw.reply()?.starts_with("250") {
                answered.lock().unwrap().push(id);
            }
        }
        Ok(())
    };
    // That the connection breaks is what the test is about.
    let _ = work();
}

/// An IMAP session that has signed in, in the clear, as one may from the machine itself.
pub fn imap(place: impl ToSocketAddrs, user: &str, password: &str) -> Raw {
    let mut raw = Raw::open(place).unwrap();
    assert!(raw.line().unwrap().starts_with("* OK"));
    raw.send(format!("in LOGIN {user} {password}\r\n")).unwrap();
    let answer = raw.tagged("in").unwrap();
    assert!(answer.last().unwrap().starts_with("in OK"), "{answer:?}");
    raw
}

/// Every letter of INBOX, whole, through IMAP.
pub fn inbox(place: impl ToSocketAddrs, user: &str, password: &str) -> Vec<String> {
    let mut raw = imap(place, user, password);
    raw.send("s SELECT INBOX\r\n").unwrap();
    let selected = raw.tagged("s").unwrap();
    let count =
        selected.iter().find_map(|line| line.strip_prefix("* ")?.strip_suffix(" EXISTS")?.parse::<usize>().ok());
    if count == Some(0) {
        return Vec::new();
    }
    raw.send("f FETCH 1:* BODY.PEEK[]\r\n").unwrap();
    let mut letters = Vec::new();
    loop {
        let line = raw.line().unwrap();
        if line.starts_with("f ") {
            assert!(line.starts_with("f OK"), "{line}");
            // More may have come since the mailbox was selected.
            assert!(Some(letters.len()) >= count, "{count:?} letters are there, {} came", letters.len());
            return letters;
        }
        assert!(!line.is_empty(), "the connection was closed");
        if let Some(size) = line.strip_suffix('}').and_then(|line| line.rsplit_once('{')?.1.parse().ok()) {
            letters.push(String::from_utf8_lossy(&raw.octets(size).unwrap()).into_owned());
            assert_eq!(raw.line().unwrap(), ")");
        }
    }
}
