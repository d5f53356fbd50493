//! The scenarios of several hubs that share an engine.

pub mod faults;
pub mod present;
pub mod sharing;

/// Expands to a test for each scenario of hubs on this [`Bench`](crate::Bench), in modules named after the
/// scenarios' files.
#[macro_export]
macro_rules! hub_scenarios {
    ($bench:ident) => {
        $crate::listed! { $bench, hubs {
            sharing:
                a_subscriber_gets_what_another_hub_publishes
                subscribers_of_two_hubs_see_one_order
                a_client_recovers_on_another_hub
                a_client_that_was_away_for_too_long_is_told
                the_newest_message_is_there_for_a_new_subscriber
                a_history_is_that_of_all_hubs
                an_id_is_one_message_on_all_hubs;
            faults:
                what_a_hub_missed_comes_when_it_is_back
                what_a_hub_missed_without_an_end_comes_too
                subscribers_stay_while_the_server_is_away
                live_topics_go_on_when_the_server_is_back
                lost_memory_is_told_to_subscribers
                a_position_from_before_the_loss_is_a_gap
                a_hub_that_starts_without_a_server_works_later
                hubs_come_and_go;
            present:
                members_of_all_hubs_are_present
                who_moves_to_another_hub_does_not_leave
                who_leaves_is_told_of
                members_of_a_killed_hub_leave
                members_are_present_again_after_a_wipe;
        } }
    };
}
