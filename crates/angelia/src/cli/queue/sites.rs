//! `queue sites`: destinations, how much waits for each, for how long, and what happens next; or how old it is.

use std::path::Path;

use clap::ValueEnum;
use envelope::Timestamp;
use queue::{AGE_MINUTES, Ages, Site, Suspension};
use serde::Serialize;

use super::suspend::{resume_command, words};
use super::view::{span, until};
use super::wall_clock;
use crate::cli::output::{self, Column, Json, clean, cut, fold, whole};
use crate::sinks::date_time;

/// Destinations that are shown, those with most letters first.
const SITES_MAX: usize = 1000;

/// Suspensions that are told below the table.
const SUSPENSIONS_MAX: usize = 20;

/// What `queue sites` is asked.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What the columns are: state (what happens next), or age (recipients by the age of their letters, as `qshape`)
    #[arg(
        long,
        value_name = "WHAT",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        hide_default_value = true
    )]
    by: By,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum By {
    #[default]
    State,
    Age,
}

/// A destination.
#[derive(Debug, Serialize)]
struct SiteRow {
    destination: String,
    waiting: u64,
    parked: u64,
    held: u64,
    oldest: String,
    state: &'static str,
    next: Option<String>,
    reason: Option<String>,
    suspended: Option<Suspended>,
    /// Recipients whose domain is suspended, whatever way they go.
    of_suspended_domains: u64,
    #[serde(skip)]
    age: String,
    #[serde(skip)]
    pause: String,
}

/// A suspension, for programs.
#[derive(Debug, Serialize)]
struct Suspended {
    since: String,
    by: Option<String>,
    reason: String,
    resume: String,
}

impl Suspended {
    fn of(one: &Suspension) -> Self {
        let (by, reason) = (one.by.clone(), one.reason.clone());
        Self { since: date_time(one.since), by, reason, resume: resume_command(&one.scope) }
    }
}

impl SiteRow {
    fn of(site: Site, now: Timestamp) -> Self {
        let rests = site.rest.as_ref().is_some_and(|rest| rest.holds(now));
        let state = match &site.suspended {
            Some(_) => "suspended",
            None if rests => "resting",
            None => "open",
        };
        // What waits by its own patience does so for longer than the rest.
        let rest_ends = site.rest.as_ref().map(|rest| rest.until).filter(|until| rests && site.next > Some(*until));
        let said = site.rest.and_then(|rest| rest.last_reply).or(site.last_reply);
        let said = match rest_ends {
            None => said,
            Some(ends) => {
                let own = format!("its letters wait longer than it rests ({})", until(ends, now));
                Some(said.map_or(own.clone(), |said| format!("{own}: {said}")))
            }
        };
        let reason = site.suspended.as_ref().map(|one| {
            let by = one.by.as_ref().map(|by| format!("by {by} ")).unwrap_or_default();
            let why = if one.reason.is_empty() { String::new() } else { format!(": {}", one.reason) };
            format!("{by}{} ago{why}", span(one.since, now))
        });
        let partly = (site.suspended.is_none() && site.of_suspended_domains > 0)
            .then(|| format!("{} for suspended domains", site.of_suspended_domains));
        Self {
            destination: site.destination,
            waiting: site.waiting,
            parked: site.parked,
            held: site.held,
            oldest: date_time(site.oldest),
            state,
            next: site.next.map(date_time),
            reason: reason.or(partly).or(said),
            suspended: site.suspended.as_ref().map(Suspended::of),
            of_suspended_domains: site.of_suspended_domains,
            age: span(site.oldest, now),
            pause: site.next.map(|at| until(at, now)).unwrap_or_default(),
        }
    }
}

/// `queue sites`.
pub(super) async fn run(args: Args, config: Option<&Path>) -> anyhow::Result<()> {
    match args.by {
        By::State => by_state(&args.json, config).await,
        By::Age => by_age(&args.json, config).await,
    }
}

async fn by_state(json: &Json, config: Option<&Path>) -> anyhow::Result<()> {
    let (queue, now) = (crate::cli::ground(config).await?.queue, wall_clock());
    let sites = queue.sites(SITES_MAX, now).await?;
    let rows: Vec<SiteRow> = sites.into_iter().map(|site| SiteRow::of(site, now)).collect();
    let columns = [
        cut("destination"),
        whole("waiting").number(),
        whole("parked").number(),
        whole("held").number(),
        whole("oldest"),
        whole("state"),
        whole("next"),
        fold("reason"),
    ];
    output::list(json, &columns, &rows, |row| {
        let [waiting, parked, held] = [row.waiting, row.parked, row.held].map(|count| count.to_string());
        let state = row.state.to_owned();
        let reason = row.reason.clone().unwrap_or_default();
        vec![row.destination.clone(), waiting, parked, held, row.age.clone(), state, row.pause.clone(), reason]
    })?;
    if json.json {
        return Ok(());
    }
    let suspended = queue.suspended().await?;
    for one in suspended.iter().take(SUSPENSIONS_MAX) {
        crate::shown::tell!("{}", clean(&words(one, now)));
    }
    if suspended.len() > SUSPENSIONS_MAX {
        crate::shown::tell!("… and {} suspensions more", suspended.len() - SUSPENSIONS_MAX);
    }
    Ok(())
}

/// A destination, or all of them, by age.
#[derive(Debug, Serialize)]
struct AgeRow {
    /// None for the sum.
    destination: Option<String>,
    recipients: u64,
    ages: Vec<Bucket>,
}

#[derive(Debug, Serialize)]
struct Bucket {
    /// None for what is older than all others.
    minutes_max: Option<i64>,
    recipients: u64,
}

impl AgeRow {
    fn of(ages: Ages) -> Self {
        let ends = AGE_MINUTES.into_iter().map(Some).chain([None]);
        let bucket = |(minutes_max, recipients)| Bucket { minutes_max, recipients };
        let ages_of = ends.zip(ages.by_age).map(bucket).collect();
        Self { destination: ages.destination, recipients: ages.all, ages: ages_of }
    }
}

async fn by_age(json: &Json, config: Option<&Path>) -> anyhow::Result<()> {
    const MINUTES: [&str; AGE_MINUTES.len() + 1] = ["5", "10", "20", "40", "80", "160", "320", "640", "1280", "1280+"];
    let found = crate::cli::ground(config).await?.queue.ages(SITES_MAX, wall_clock()).await?;
    let rows: Vec<AgeRow> = found.into_iter().map(AgeRow::of).collect();
    let columns: Vec<Column> = [cut("destination"), whole("all").number()]
        .into_iter()
        .chain(MINUTES.map(|minutes| whole(minutes).number()))
        .collect();
    output::list(json, &columns, &rows, |row| {
        let name = row.destination.clone().unwrap_or_else(|| "TOTAL".to_owned());
        let numbers = row.ages.iter().map(|bucket| bucket.recipients.to_string());
        [name, row.recipients.to_string()].into_iter().chain(numbers).collect()
    })?;
    if !json.json && !rows.is_empty() {
        crate::shown::tell!("recipients by the age of their letters: younger than 5 minutes, 10, 20 and so on");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use queue::{Rest, Scope};

    use super::*;

    #[test]
    fn a_destination_in_a_line() {
        let since = Timestamp(1_700_000_000_000);
        let now = Timestamp(since.0 + 600_000);
        let rest = Rest {
            destination: "x.test".to_owned(),
            until: Timestamp(now.0 + 60_000),
            began: since,
            failures: 2,
            since,
            last_reply: Some("421 busy".to_owned()),
        };
        let open = Site {
            destination: "x.test".to_owned(),
            waiting: 1,
            parked: 2,
            held: 0,
            oldest: since,
            next: Some(rest.until),
            suspended: None,
            of_suspended_domains: 0,
            rest: None,
            last_reply: None,
        };
        let suspension = Suspension {
            scope: Scope::Domain("x.test".to_owned()),
            reason: "moving".to_owned(),
            by: Some("eleni".to_owned()),
            since,
        };
        for (site, state, reason) in [
            (open.clone(), "open", None),
            (Site { rest: Some(rest.clone()), ..open.clone() }, "resting", Some("421 busy")),
            (Site { last_reply: Some("450 later".to_owned()), ..open.clone() }, "open", Some("450 later")),
            (
                Site { rest: Some(rest.clone()), next: Some(Timestamp(now.0 + 7_200_000)), ..open.clone() },
                "resting",
                Some("its letters wait longer than it rests (60s): 421 busy"),
            ),
            (Site { of_suspended_domains: 2, ..open.clone() }, "open", Some("2 for suspended domains")),
            (
                Site { suspended: Some(suspension), rest: Some(rest), ..open },
                "suspended",
                Some("by eleni 10m ago: moving"),
            ),
        ] {
            let row = SiteRow::of(site, now);
            assert_eq!((row.state, row.reason.as_deref()), (state, reason));
            let resume = row.suspended.map(|one| one.resume);
            assert_eq!(resume.as_deref(), (state == "suspended").then_some("angelia queue resume x.test"));
        }
    }

    #[test]
    fn ages_have_a_column_each() {
        let row = AgeRow::of(Ages { destination: None, all: 3, by_age: [1, 0, 0, 0, 0, 0, 0, 0, 0, 2] });
        let ends: Vec<Option<i64>> = row.ages.iter().map(|bucket| bucket.minutes_max).collect();
        assert_eq!((ends[0], ends[8], ends[9], row.ages[9].recipients), (Some(5), Some(1280), None, 2));
    }
}
