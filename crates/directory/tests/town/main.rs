//! The directory on both engines: the same checks on SQLite in a folder, and on a throw-away PostgreSQL.
#![allow(unreachable_pub, reason = "modules of one test binary")]

mod forwarding;
mod house;
mod lookups;
mod operator;
#[path = "../../../storage/tests/postgres/mod.rs"]
mod postgres;
mod signing_in;

use house::Place;

macro_rules! checks {
    ($($module:ident :: $check:ident),* $(,)?) => {
        mod embedded {
            $(#[tokio::test] async fn $check() { crate::$module::$check(crate::Place::embedded()).await; })*
        }

        /// One server for all: starting it costs more than any of them.
        #[tokio::test(flavor = "multi_thread")]
        async fn everything_on_postgresql() {
            let Some(postgres) = postgres::Postgres::start() else { return };
            $($module::$check(Place::cluster(postgres.database(stringify!($check)))).await;)*
        }
    };
}

checks! {
    lookups::addresses_are_looked_up,
    lookups::local_parts_of_other_alphabets,
    lookups::aliases_lead_on,
    lookups::the_way_is_told,
    lookups::circles_end,
    lookups::a_catch_all_takes_what_nobody_has,
    lookups::postmaster_goes_where_the_operator_says,
    lookups::relaying_for_an_alias,
    lookups::who_may_send_as_whom,
    lookups::memory_is_corrected,
    lookups::expansion_is_bounded,
    signing_in::passwords_are_checked,
    signing_in::a_changed_password_is_noticed_at_once_everywhere,
    signing_in::a_damaged_row_is_never_believed,
    signing_in::scram_signs_in,
    signing_in::many_at_once_are_all_answered,
    signing_in::one_guard_for_all_doors,
    forwarding::letters_go_on,
    forwarding::forwards_lose_nothing,
    forwarding::whose_address_it_stays,
    forwarding::groups_have_owners,
    forwarding::who_may_write_to_a_group,
    forwarding::people_move,
    forwarding::senders_are_rewritten,
    operator::what_the_operator_sees,
    operator::removing,
    operator::errors_say_what_to_do,
}
