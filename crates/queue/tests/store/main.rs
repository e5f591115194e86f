//! The queue on both engines: the same checks on SQLite in a folder, and on a throw-away PostgreSQL.
#![allow(unreachable_pub, reason = "modules of one test binary")]

mod backlog;
mod beginnings;
mod claims;
mod clock;
mod desk;
mod house;
mod operator;
mod parked;
#[path = "../../../storage/tests/postgres/mod.rs"]
mod postgres;
mod upgrade;
mod wishes;

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
            // Some at a time: what each of them waits for is the way to the server and back.
            let places = std::sync::Arc::new(tokio::sync::Semaphore::new(3));
            let mut checks = tokio::task::JoinSet::new();
            $(
                let place = places.clone().acquire_owned().await.unwrap();
                let house = House::cluster(&postgres, stringify!($check)).await;
                checks.spawn(async move {
                    $module::$check(house).await;
                    drop(place);
                });
            )*
            while let Some(check) = checks.join_next().await {
                check.unwrap();
            }
        }
    };
}

checks! {
    backlog::a_dead_destination_costs_one_write_a_row,
    backlog::a_huge_list_delays_nobody,
    backlog::many_destinations_are_found_again,
    clock::set_back_it_leaves_nobody_behind,
    clock::what_was_set_back_while_it_stood_still_is_noticed_too,
    clock::a_right_clock_hastens_nothing,
    clock::set_forward_and_back_again,
    clock::a_patience_of_days_is_no_wrong_clock,
    clock::a_rest_of_the_future_is_none,
    clock::a_decision_of_the_far_future_is_made_now,
    clock::rests_that_nobody_ends_are_forgotten,
    beginnings::what_the_desk_has_room_for_is_handed_over,
    beginnings::what_was_handed_over_to_the_dead_is_due_when_its_lease_ends,
    beginnings::a_repetition_is_handed_over_once,
    beginnings::what_came_to_nothing_is_given_up,
    beginnings::what_it_has_no_room_for_is_parked,
    beginnings::without_a_desk_it_is_due,
    beginnings::a_rest_of_another_node_holds_here,
    beginnings::what_is_suspended_begins_parked,
    beginnings::a_rule_holds_what_it_matches,
    beginnings::a_rule_of_another_process_counts,
    parked::what_is_due_and_has_no_room_is_parked_once,
    parked::lanes_are_served_in_turn,
    parked::a_turn_goes_round,
    parked::the_walk_finds_what_anybody_parked,
    parked::a_decision_is_due_though_nobody_tries,
    parked::a_suspension_of_a_domain_leaves_its_way_open,
    parked::nothing_is_claimed_of_what_is_suspended,
    parked::what_was_asked_for_since_the_rest_began_says_so,
    parked::a_row_goes_another_way,
    parked::a_dialogue_is_kept,
    claims::what_goes_in_comes_out,
    claims::accepted_twice_is_there_once,
    claims::the_last_recipient_takes_the_body_along,
    claims::a_claim_is_exclusive_until_its_lease_ends,
    claims::the_fence_decides,
    claims::a_settled_row_stays_settled,
    claims::a_lease_can_be_renewed,
    claims::a_restarted_node_takes_its_leases_back,
    claims::later_means_later,
    claims::nodes_side_by_side_share_the_work,
    claims::a_clock_set_back_leaves_nobody_behind,
    claims::a_damaged_row_is_put_aside,
    claims::a_bell_wakes,
    operator::list_and_show,
    operator::who_asks_makes_nothing_later,
    operator::who_is_behind_a_forwarded_letter,
    operator::hold_and_release,
    operator::retry_leaves_work_alone,
    operator::what_was_asked_for_says_so_until_it_is_settled,
    operator::dropped_is_gone,
    operator::by_the_state_of_the_destination,
    operator::destinations_at_a_glance,
    operator::a_rule_can_hold_what_is_there,
    operator::in_an_order,
    operator::a_deed_tells_of_what_it_leaves_alone,
    operator::by_age,
    operator::what_a_letter_would_find,
    operator::the_rule_that_would_hold,
    wishes::what_is_wished_stands_in_the_row,
    wishes::what_fails_is_held_as_was_wished,
    wishes::what_fails_is_dropped_as_was_wished,
    wishes::what_is_delivered_is_delivered,
    wishes::a_wish_is_taken_back,
    wishes::a_wish_outlives_the_one_who_was_sending,
    wishes::when_the_lease_is_over_there_is_nobody_to_wait_for,
    wishes::a_notice_knows_that_its_row_is_kept,
}
