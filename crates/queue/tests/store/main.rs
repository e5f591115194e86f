//! The queue on both engines: the same checks on SQLite in a folder, and on a throw-away PostgreSQL.
#![allow(unreachable_pub, reason = "modules of one test binary")]

mod claims;
mod house;
mod operator;
#[path = "../../../storage/tests/postgres/mod.rs"]
mod postgres;

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
    claims::what_goes_in_comes_out,
    claims::accepted_twice_is_there_once,
    claims::the_last_recipient_takes_the_body_along,
    claims::a_claim_is_exclusive_until_its_lease_ends,
    claims::the_fence_decides,
    claims::a_lease_can_be_renewed,
    claims::a_restarted_node_takes_its_leases_back,
    claims::later_means_later,
    claims::a_backlog_for_one_destination_hides_nobody,
    claims::a_long_backlog_is_passed_over_in_one_claim,
    claims::nodes_side_by_side_share_the_work,
    claims::a_clock_set_back_leaves_nobody_behind,
    claims::a_damaged_row_is_put_aside,
    claims::a_bell_wakes,
    operator::list_and_show,
    operator::hold_and_release,
    operator::retry_leaves_work_alone,
    operator::what_was_asked_for_says_so_until_it_is_settled,
    operator::dropped_is_gone,
}
