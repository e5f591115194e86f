//! The lab's offices as they run: started, stopped and started again in their folders.

use std::fs;
use std::time::Duration;

use anyhow::Context;
use protocol::sasl::Secret;

use super::news::Mouths;
use super::plan::{OfficePlan, Plan};
use crate::config::{self, JournalFormat};
use crate::wiring::{Ground, Office};

/// How long a stop waits for connections under way. The clients are on this machine.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// Starts an office as its plan has it; its people get their accounts at the first start.
pub(super) async fn start(plan: &Plan, office: &OfficePlan, mouths: &Mouths) -> anyhow::Result<Office> {
    let mut settings = config::read(&office.config_file())?;
    // The lab shows what the journal says; twice would be too much.
    settings.journal_format = JournalFormat::Off;
    let mouth = mouths.of(office.domain.as_str());
    let running = Office::start(settings, Some(mouth)).await.with_context(|| {
        format!(
            "starting {} on {} (another lab may run there: try another --port-base, in {})",
            office.domain,
            office.ip,
            plan.folder.display()
        )
    })?;
    welcome(running.ground(), office).await?;
    Ok(running)
}

/// Drains it, and frees its ports and its store.
pub(super) async fn stop(office: Office) {
    office.stop(STOP_PATIENCE).await;
}

/// Writes the configuration. What stood there is written over: it is the lab's.
pub(super) fn write_config(plan: &Plan, office: &OfficePlan) -> anyhow::Result<()> {
    fs::create_dir_all(&office.folder).with_context(|| office.folder.display().to_string())?;
    fs::write(office.config_file(), office.config(plan)).with_context(|| office.config_file().display().to_string())
}

async fn welcome(ground: &Ground, office: &OfficePlan) -> anyhow::Result<()> {
    let directory = &ground.directory;
    if !directory.domains().await?.iter().any(|entry| entry.domain == office.domain) {
        directory.add_domain(&office.domain).await?;
    }
    let person = &office.person;
    if !directory.accounts(Some(&office.domain)).await?.iter().any(|entry| entry.address == person.address) {
        directory.add_account(&person.address, &Secret::new(person.password.as_bytes().to_vec())).await?;
    }
    Ok(())
}
