//! A small server that speaks S3, in memory: `moto_server` of Python's moto (`pip install 'moto[server]'`).

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use storage::Bucket;

pub struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts one with one bucket, or says why not.
    pub fn start() -> Option<Self> {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let process = Command::new("moto_server")
            .args(["-H", "127.0.0.1", "-p", &address.port().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(process) = process else {
            eprintln!("skipped: no moto_server to speak S3 with (pip install 'moto[server]')");
            return None;
        };
        let mut this = Self { process, address };
        let deadline = Instant::now() + Duration::from_secs(60);
        while !this.makes_bucket() {
            if this.process.try_wait().unwrap().is_some() {
                eprintln!("skipped: moto_server ended at once (pip install 'moto[server]')");
                return None;
            }
            assert!(Instant::now() < deadline, "moto_server did not come up");
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(this)
    }

    pub fn bucket(&self) -> Bucket {
        Bucket {
            name: "letters".to_owned(),
            prefix: "athens/mail".to_owned(),
            region: "us-east-1".to_owned(),
            endpoint: Some(format!("http://{}", self.address)),
            access_key_id: Some("anna".to_owned()),
            secret_access_key: Some("secret".to_owned()),
            allow_http: true,
        }
    }

    fn makes_bucket(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(self.address) else { return false };
        let request = format!(
            "PUT /letters HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\nConnection: close\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=anna/20260101/us-east-1/s3/aws4_request\r\n\r\n",
            self.address
        );
        let mut answer = String::new();
        stream.write_all(request.as_bytes()).is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.starts_with("HTTP/1.1 200")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
