//! `kill -9` while letters pass through: what was answered with 250 arrives at the next hop, and arrives twice only where
//! the next hop's own 250 came too shortly before the end to be written down.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::raw::send_until_the_end;
use crate::server::Server;
use crate::tool::{angelia, run, until};

const SENDERS: usize = 4;
const ROUNDS: usize = 12;
/// An outcome is on disk long before this much time has passed.
const WRITTEN_DOWN: Duration = Duration::from_secs(2);

/// The next hop: every letter by its Message-ID, with the moments at which it was answered with 250.
struct NextHop {
    place: SocketAddr,
    taken: Arc<Mutex<BTreeMap<String, Vec<Instant>>>>,
}

impl NextHop {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let place = listener.local_addr().unwrap();
        let taken = Arc::new(Mutex::new(BTreeMap::new()));
        let shared = Arc::clone(&taken);
        // Ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || talk(stream, &shared));
            }
        });
        Self { place, taken }
    }

    fn taken(&self) -> BTreeMap<String, Vec<Instant>> {
        self.taken.lock().unwrap().clone()
    }
}

/// A connection may end at any moment; then there is nothing to answer.
fn talk(stream: TcpStream, taken: &Mutex<BTreeMap<String, Vec<Instant>>>) -> Option<()> {
    let mut out = stream.try_clone().ok()?;
    let mut lines = BufReader::new(stream).lines();
    out.write_all(b"220 sparta.test\r\n").ok()?;
    loop {
        let line = lines.next()?.ok()?;
        let answer: &[u8] = match line.get(..4)? {
            "EHLO" => b"250-sparta.test\r\n250 PIPELINING\r\n",
            "DATA" => {
                out.write_all(b"354 go on\r\n").ok()?;
                let mut id = None;
                loop {
                    let line = lines.next()?.ok()?;
                    if line == "." {
                        break;
                    }
                    id = id.or_else(|| line.strip_prefix("Message-ID: ").map(str::to_owned));
                }
                // Some answers take their time, so that there is much to interrupt.
                std::thread::sleep(Duration::from_millis(id.as_ref()?.len() as u64 % 7));
                taken.lock().unwrap().entry(id?).or_default().push(Instant::now());
                b"250 2.0.0 taken\r\n"
            }
            "QUIT" => return out.write_all(b"221 bye\r\n").ok(),
            _ => b"250 ok\r\n",
        };
        out.write_all(answer).ok()?;
    }
}

#[test]
fn what_passes_through_survives_kill_and_is_not_doubled() {
    let hop = NextHop::start();
    let mut server = Server::start(&format!(
        "relay.networks = [\"127.0.0.0/8\"]\nqueue.retry_first = \"1s\"\nqueue.retry_longest = \"2s\"\n\
         [[route]]\ndomain = \"sparta.test\"\nto = \"smtp://{}\"\n",
        hop.place
    ));
    let answered = Arc::new(Mutex::new(Vec::new()));
    let mut kills = Vec::new();
    for round in 0..ROUNDS {
        let stop = Arc::new(AtomicBool::new(false));
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let (answered, stop, place) = (Arc::clone(&answered), Arc::clone(&stop), server.smtp);
                let name = format!("r{round}.s{sender}");
                let local = name.clone();
                let letter = move |number: usize, _: &str| {
                    let text = "text ".repeat(number % 90);
                    (format!("{local}.{number}@sparta.test"), format!("Subject: in transit\r\n\r\n{text}\r\n"))
                };
                std::thread::spawn(move || send_until_the_end(place, &name, letter, &answered, &stop))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(60 + (round as u64 * 137) % 700));
        server.process.as_mut().unwrap().kill();
        // Not before: a letter may go out between the look at the clock and the end.
        kills.push(Instant::now());
        stop.store(true, Ordering::Relaxed);
        for sender in senders {
            sender.join().unwrap();
        }
        server.up();
    }
    let answered = answered.lock().unwrap().clone();
    assert!(answered.len() > ROUNDS * 5, "only {} letters were taken", answered.len());
    until("every letter at the next hop", || {
        let taken = hop.taken();
        answered.iter().all(|id| taken.contains_key(id)).then_some(())
    });
    until("an empty queue", || {
        let listed = run(angelia().arg("--config").arg(server.config()).args(["queue", "list"])).succeeded();
        (!listed.out.contains("sparta.test")).then_some(())
    });
    for (id, moments) in hop.taken() {
        for (first, second) in moments.iter().zip(moments.iter().skip(1)) {
            let explained = kills.iter().any(|kill| first <= kill && kill.duration_since(*first) < WRITTEN_DOWN);
            assert!(explained && second > first, "{id} came twice, and no end came between: {moments:?} {kills:?}");
        }
        assert!(moments.len() <= ROUNDS, "{id} came {} times", moments.len());
    }
}
