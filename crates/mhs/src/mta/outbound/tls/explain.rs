//! What would be demanded of a connection to a host, in words for the operator who asks. Nothing is sent to the host.

use envelope::{Reply, RequireTls};

use super::demand::{By, Level};
use super::policies::demand;
use crate::mta::outbound::{Host, Place, Settings, Target};

/// In words; `Err` is why the host would not be talked to at all.
pub async fn explain(settings: &Settings, target: &Target, host: &Host) -> Result<String, Reply> {
    let demand = demand(settings, target, host, RequireTls::Unsaid).await.map_err(|refusal| refusal.reply)?;
    if matches!(host.place, Place::Unix(_)) {
        return Ok("none over a socket of this machine".to_owned());
    }
    let what = match demand.level {
        Level::Never => "never encrypted",
        Level::Opportunistic => "encrypted if the server offers it, in the clear if not",
        Level::Encrypted => "encrypted, whatever its certificate; else the letter waits",
        Level::Verified => "encrypted, with a trusted certificate for its name; else the letter waits",
        Level::Dane(_) => "encrypted, with the certificate that its TLSA records name; else the letter waits",
    };
    Ok(match demand.by {
        By::Custom | By::Letter => what.to_owned(),
        By::Operator => format!("{what} (the operator's word)"),
        By::Dane => format!("{what} (DANE)"),
        By::Sts(domain) => format!("{what} (MTA-STS policy of {domain})"),
    })
}
