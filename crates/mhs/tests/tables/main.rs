//! The tables of this crate on both engines: the same checks on SQLite in a folder, and on a throw-away PostgreSQL.
#![allow(unreachable_pub, reason = "modules of one test binary")]

mod house;
mod policies;
#[path = "../../../storage/tests/postgres/mod.rs"]
mod postgres;
mod reports;

use house::House;

macro_rules! checks {
    ($($module:ident :: $check:ident),* $(,)?) => {
        mod embedded {
            $(#[tokio::test] async fn $check() { crate::$module::$check(crate::House::embedded().await).await; })*
        }

        /// One server for all: starting it costs more than any of them.
        #[tokio::test(flavor = "multi_thread")]
        async fn everything_on_postgresql() {
            let Some(postgres) = postgres::Postgres::start() else { return };
            $($module::$check(House::cluster(&postgres, stringify!($check)).await).await;)*
        }
    };
}

checks! {
    policies::what_goes_in_comes_out_until_it_runs_out,
    policies::a_new_edition_takes_the_place_of_the_old_one,
    policies::the_one_that_nobody_asks_for_makes_room,
    policies::what_is_old_and_in_use_is_fetched_anew,
    policies::a_damaged_row_is_none,
    reports::sessions_become_counters,
    reports::failures_without_end_are_still_counted,
    reports::days_and_domains_stand_apart,
    reports::a_report_that_nobody_wants_is_gone_in_time,
}
