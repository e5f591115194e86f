//! The Message Store on both engines: the same checks on SQLite in a folder, and on a throw-away PostgreSQL.
#![allow(unreachable_pub, reason = "modules of one test binary")]

mod delivery;
mod feed;
mod house;
mod mailboxes;
mod messages;
mod model;
#[path = "../../../storage/tests/postgres/mod.rs"]
mod postgres;
mod quota;
mod rebuilding;
mod snapshots;
mod texts;
mod threads;

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
    delivery::a_letter_arrives,
    delivery::a_repeated_delivery_changes_nothing,
    delivery::a_letter_for_another_mailbox,
    delivery::deliveries_at_once,
    mailboxes::what_every_account_has,
    mailboxes::create_makes_parents,
    mailboxes::delete_keeps_children,
    mailboxes::uidvalidity_only_grows,
    mailboxes::rename_moves_the_family,
    mailboxes::rename_of_the_inbox,
    mailboxes::subscriptions_outlive_mailboxes,
    mailboxes::an_account_is_removed,
    messages::append_and_fetch,
    messages::flags_and_keywords,
    messages::store_of_nothing_new_writes_nothing,
    messages::unchanged_since,
    messages::copies_share_their_body,
    messages::moving,
    messages::recent_belongs_to_one_session,
    messages::tombstones_are_drawn_together,
    messages::a_large_mailbox_is_kept_in_memory,
    messages::readers_hold_their_messages_together,
    messages::expunge_takes_what_is_deleted_and_named,
    messages::a_damaged_row_is_not_served,
    messages::digests_go_with_their_messages,
    messages::a_message_knows_when_it_was_saved,
    messages::an_older_store_is_brought_up,
    quota::limits_hold_over_all_mailboxes,
    quota::appends_at_once_share_the_room,
    quota::wrong_counters_are_found,
    feed::listeners_hear_of_changes,
    feed::a_slow_listener_is_told_to_look_again,
    feed::another_process_is_noticed,
    model::random_verbs_agree_with_the_model,
    texts::the_index_leaves_nobody_out,
    threads::answers_are_of_one_thread,
    threads::letters_at_once_are_of_one_thread,
    threads::a_thread_goes_with_its_message,
    threads::a_letter_of_before_is_asked_when_it_is_needed,
    threads::a_letter_ties_to_few_and_costs_little,
    threads::old_ties_are_forgotten,
    threads::ties_go_with_their_account,
    snapshots::what_is_kept_on_disk_is_used_while_it_is_sound,
    snapshots::what_is_kept_agrees_with_the_rows,
}
