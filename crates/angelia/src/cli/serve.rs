//! `angelia serve`: binds as root, becomes the configured user, opens the store, serves until it is told to end.

use std::path::Path;
use std::time::Duration;

use crate::privileges;
use crate::shown::tell;
use crate::signals::{Signals, Wish};
use crate::wiring::{Doors, Office};

/// How long a drain waits for sessions that were begun. A DATA under way on a slow line has this long; whoever is cut
/// off then has no 250, so nothing is lost.
const DRAIN_PATIENCE: Duration = Duration::from_secs(30);

/// How long the end may take in all: `TimeoutStopSec=40` in docs/queue.md leaves a moment beside it. A store that does not
/// answer must not make somebody kill us before the last line of the journal.
const STOP_PATIENCE: Duration = Duration::from_secs(38);

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  angelia serve --config /etc/angelia/angelia.toml\n\n\
    SIGHUP reads the configuration and the certificates again; a file that is wrong changes nothing. SIGTERM ends in\n\
    order, a second one at once.\n\
    ANGELIA_LOG=debug shows the developer's trace (net=trace,mhs=debug …).")]
pub(super) struct Args {}

pub(super) async fn run(_args: Args, config: Option<&Path>) -> anyhow::Result<()> {
    let (path, settings) = crate::config::load(config)?;
    let mut signals = Signals::listen()?;
    trace();
    let doors = Doors::open(&settings)?;
    if let Some(user) = &settings.user {
        privileges::become_user(user)?;
    } else if let Some(text) = super::config::keeper(&settings) {
        tell!("angelia: {}: {text}", path.display());
    } else if privileges::is_root() {
        tell!("angelia: runs as root; set `user` in {} to give that up after binding", path.display());
    }
    privileges::keep_private();
    let mut office = Office::open(settings, doors, None).await?;
    loop {
        match signals.next().await {
            Wish::End => break,
            Wish::Reload => match crate::config::read(&path) {
                Ok(settings) => office.reload(settings).await,
                Err(error) => office.keep_settings("configuration", &error),
            },
        }
    }
    // A second wish to end is meant.
    tokio::select! {
        ended = in_time(STOP_PATIENCE, office.stop(DRAIN_PATIENCE)) => ended,
        () = async { while signals.next().await != Wish::End {} } => anyhow::bail!("ended at once, as was asked for twice"),
    }
}

/// The end, unless it takes too long.
async fn in_time(patience: Duration, end: impl Future<Output = ()>) -> anyhow::Result<()> {
    let ended = tokio::time::timeout(patience, end).await;
    ended.map_err(|_| {
        anyhow::anyhow!("the end was not in order after {} s: the store does not answer", patience.as_secs())
    })
}

/// The developer's trace, on stderr. What goes over the wire has passwords in it, so it must be asked for by name.
fn trace() {
    use tracing_subscriber::EnvFilter;
    let wanted = std::env::var("ANGELIA_LOG").unwrap_or_else(|_| "warn".to_owned());
    let filter = EnvFilter::new(match wanted.contains(net::wire::TARGET) {
        true => wanted,
        false => format!("{wanted},{}=off", net::wire::TARGET),
    });
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(|| crate::shown::Stderr);
    // Somebody else has one already, when the office runs inside another program.
    let _ = subscriber.try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_has_an_end() {
        assert!(in_time(STOP_PATIENCE, async {}).await.is_ok());
        let error = in_time(Duration::from_millis(10), std::future::pending()).await.unwrap_err();
        assert!(error.to_string().contains("the store does not answer"), "{error}");
    }
}
