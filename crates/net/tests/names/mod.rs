//! What tests of names need: a port for a name server, and name servers that are of no use.

use std::net::SocketAddr;

use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

/// A port that is free for UDP may be some connection's for TCP.
pub(crate) async fn one_port_for_both() -> (UdpSocket, TcpListener) {
    for _ in 0..100 {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
    panic!("no port is free for UDP and TCP");
}

/// Makes an answer of a question; none where it is empty.
pub(crate) type Says = fn(&[u8]) -> Vec<u8>;

/// A name server that answers as it is told, and by UDP alone.
pub(crate) struct Rude {
    pub(crate) at: SocketAddr,
    task: JoinHandle<()>,
}

impl Rude {
    pub(crate) async fn start(says: Says) -> Self {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = udp.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut question = [0; 4096];
            while let Ok((length, from)) = udp.recv_from(&mut question).await {
                let answer = says(&question[..length]);
                if !answer.is_empty() {
                    // Whoever asked may be gone.
                    let _ = udp.send_to(&answer, from).await;
                }
            }
        });
        Self { at, task }
    }
}

impl Drop for Rude {
    fn drop(&mut self) {
        self.task.abort();
    }
}
