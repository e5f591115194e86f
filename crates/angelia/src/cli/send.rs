//! placeholder

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn as_sendmail(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    args.collect()
}

pub(super) async fn run(_args: Args, _config: Option<&Path>) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not built yet")
}
