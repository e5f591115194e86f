//! Postfix with Dovecot LMTP and mdbox, as the distribution packages them, in a temporary folder and on free ports.
//!
//! Durable settings, as ours are: Postfix syncs its queue always, Dovecot with `mail_fsync = optimized`, its default,
//! which syncs deliveries. Process limits are raised so that the sessions of the bench do not wait for one another.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::process::{Tree, stop};
use crate::subject::{DOMAIN, PASSWORD, Store, Subject};
use crate::{Inbound, Place};

/// The pair, running.
pub(crate) struct PostfixDovecot {
    dir: tempfile::TempDir,
    dovecot: Child,
    postfix: Child,
    smtp: SocketAddr,
    imap: SocketAddr,
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// A temporary folder that other users may walk through.
pub(crate) fn folder(place: &Place) -> Result<tempfile::TempDir> {
    use std::os::unix::fs::PermissionsExt;
    let mut builder = tempfile::Builder::new();
    builder.prefix("bench-").permissions(fs::Permissions::from_mode(0o755));
    Ok(match &place.dir {
        Some(dir) => builder.tempdir_in(dir)?,
        None => builder.tempdir()?,
    })
}

/// Waits until a door opens.
pub(crate) fn wait_for(door: SocketAddr) -> Result<()> {
    let patience = Instant::now() + Duration::from_secs(20);
    while Instant::now() < patience {
        if std::net::TcpStream::connect(door).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("nothing listens on {door}")
}

impl PostfixDovecot {
    /// Starts both; needs root, as they do.
    pub(crate) async fn start(options: &Inbound) -> Result<Self> {
        let dir = folder(&options.place)?;
        let (smtp, imap) = (free_port()?, free_port()?);
        let mut dovecot = start_dovecot(dir.path(), imap, None)?;
        let lmtp = dir.path().join("dovecot/run/lmtp");
        if let Err(error) = wait_for(imap) {
            stop(&mut dovecot);
            return Err(error.context("Dovecot did not start"));
        }
        let postfix = match start_postfix(dir.path(), smtp, &lmtp, options.sessions) {
            Ok(postfix) => postfix,
            Err(error) => {
                stop(&mut dovecot);
                return Err(error.context("Postfix did not start"));
            }
        };
        let both = Self { dir, dovecot, postfix, smtp, imap };
        wait_for(smtp).with_context(|| format!("Postfix did not start; see {}", both.dir.path().display()))?;
        Ok(both)
    }
}

impl Subject for PostfixDovecot {
    fn name(&self) -> &'static str {
        "Postfix + Dovecot"
    }
    fn smtp(&self) -> SocketAddr {
        self.smtp
    }
    fn processes(&self) -> Tree {
        Tree::of(&[self.dovecot.id(), self.postfix.id()])
    }
}

impl Store for PostfixDovecot {
    fn imap(&self) -> SocketAddr {
        self.imap
    }
}

impl Drop for PostfixDovecot {
    fn drop(&mut self) {
        stop(&mut self.postfix);
        stop(&mut self.dovecot);
    }
}

pub(crate) fn chown(path: &Path, owner: &str) -> Result<()> {
    let done = Command::new("chown").arg("-R").arg(owner).arg(path).status()?;
    ensure!(done.success(), "chown {owner} {} failed (the rival needs root)", path.display());
    Ok(())
}

/// Dovecot with mdbox in this folder, and a door for POP3 where one is wanted.
pub(crate) fn start_dovecot(dir: &Path, imap: SocketAddr, pop3: Option<SocketAddr>) -> Result<Child> {
    let base = dir.join("dovecot");
    let (run, mail) = (base.join("run"), base.join("mail"));
    fs::create_dir_all(&run)?;
    fs::create_dir_all(&mail)?;
    chown(&mail, "mail:mail")?;
    let config = base.join("dovecot.conf");
    let port = imap.port();
    let protocols = if pop3.is_some() { "imap lmtp pop3" } else { "imap lmtp" };
    let pop3 = pop3.map_or(String::new(), |door| {
        let port = door.port();
        format!(
            "service pop3-login {{\n  service_count = 0\n  inet_listener pop3 {{\n    port = {port}\n  }}\n  inet_listener pop3s {{\n    port = 0\n  }}\n}}\n\
             protocol pop3 {{\n  mail_max_userip_connections = 1000\n}}\n"
        )
    });
    let (run_text, mail_text, log) = (run.display(), mail.display(), base.join("log"));
    let log = log.display();
    fs::write(
        &config,
        format!(
            "base_dir = {run_text}\nstate_dir = {run_text}\nlog_path = {log}\nprotocols = {protocols}\nssl = no\n\
             listen = 127.0.0.1\ndisable_plaintext_auth = no\nmail_location = mdbox:{mail_text}/%u\n\
             first_valid_uid = 1\nmail_uid = mail\nmail_gid = mail\nmail_fsync = optimized\n\
             passdb {{\n  driver = static\n  args = password={PASSWORD}\n}}\n\
             userdb {{\n  driver = static\n  args = uid=mail gid=mail home={mail_text}/%u\n}}\n\
             default_client_limit = 4096\ndefault_process_limit = 400\n\
             service imap-login {{\n  service_count = 0\n  process_min_avail = 2\n  inet_listener imap {{\n    port = {port}\n  }}\n  inet_listener imaps {{\n    port = 0\n  }}\n}}\n\
             service imap {{\n  service_count = 256\n  process_min_avail = 16\n}}\n\
             service lmtp {{\n  process_min_avail = 4\n  unix_listener lmtp {{\n    mode = 0666\n  }}\n}}\n\
             service anvil {{\n  client_limit = 8000\n}}\nservice auth {{\n  client_limit = 8000\n}}\n\
             protocol lmtp {{\n  auth_username_format = %u\n}}\nmail_max_userip_connections = 1000\n{pop3}"
        ),
    )?;
    Command::new("dovecot")
        .args(["-F", "-c"])
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("starting dovecot (apt-get install dovecot-imapd dovecot-lmtpd)")
}

/// The services of master.cf that a delivery needs: name, type, chroot, wakeup, process limit, command.
pub(crate) const SERVICES: &str = "\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";

fn start_postfix(dir: &Path, smtp: SocketAddr, lmtp: &Path, sessions: usize) -> Result<Child> {
    let limit = (sessions * 2).max(100);
    let own = format!(
        "virtual_mailbox_domains = {DOMAIN}\nvirtual_transport = lmtp:unix:{}\nvirtual_mailbox_maps = static:all\n\
         default_process_limit = {limit}\nlmtp_destination_concurrency_limit = 20\n",
        lmtp.display()
    );
    postfix(dir, smtp, &own)
}

/// Starts Postfix with the settings of the bench and these of its own.
pub(crate) fn postfix(dir: &Path, smtp: SocketAddr, own: &str) -> Result<Child> {
    let base = dir.join("postfix");
    let (config, queue, data) = (base.join("etc"), base.join("queue"), base.join("data"));
    for folder in [&config, &queue, &data] {
        fs::create_dir_all(folder)?;
    }
    chown(&data, "postfix")?;
    fs::write(
        config.join("main.cf"),
        format!(
            "compatibility_level = 3.6\nqueue_directory = {}\ndata_directory = {}\ndaemon_directory = /usr/lib/postfix/sbin\n\
             command_directory = /usr/sbin\nmyhostname = mx.{DOMAIN}\nmydestination =\ninet_interfaces = 127.0.0.1\n\
             inet_protocols = ipv4\nmynetworks = 127.0.0.0/8\n\
             smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination\n\
             smtpd_client_connection_count_limit = 0\nalias_maps =\nmaillog_file = {}\nmaillog_file_prefixes = /\n\
             message_size_limit = 104857600\n{own}",
            queue.display(),
            data.display(),
            base.join("log").display(),
        ),
    )?;
    fs::write(config.join("master.cf"), format!("127.0.0.1:{} inet n - n - - smtpd\n{SERVICES}", smtp.port()))?;
    let run = |arguments: &[&str]| -> Result<()> {
        let done = Command::new("postfix").arg("-c").arg(&config).args(arguments).stderr(Stdio::piped()).output();
        let done = done.context("running postfix (apt-get install postfix)")?;
        ensure!(done.status.success(), "postfix {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        Ok(())
    };
    run(&["check"])?;
    let mut master = Command::new("/usr/lib/postfix/sbin/master");
    master.arg("-d").arg("-c").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
    master.spawn().context("starting Postfix's master")
}
