//! The scenarios of engines without hubs.

pub mod alone;
pub mod back;
pub mod following;
pub mod names;
pub mod presence;
pub mod publishing;
pub mod reading;

/// Expands to a test for each scenario of engines on this [`Bench`](crate::Bench), in modules named after the
/// scenarios' files.
#[macro_export]
macro_rules! engine_scenarios {
    ($bench:ident) => {
        $crate::listed! { $bench, engines {
            publishing:
                offsets_rise_and_the_epoch_stays
                an_id_is_published_once
                an_id_is_published_once_by_all_nodes
                ids_of_two_topics_are_two
                two_publishers_have_no_offset_twice
                live_topics_pass_messages_on
                ids_of_live_topics_do_no_harm;
            reading:
                an_empty_topic_has_no_messages
                a_live_topic_has_no_messages
                a_page_begins_after_a_position
                a_page_has_the_newest_of_more
                a_position_of_another_epoch_reads_all
                a_page_after_the_newest_is_empty_and_complete
                as_many_are_kept_as_the_history_has
                what_is_gone_is_not_complete
                old_messages_are_gone
                a_message_that_grew_old_unseen_is_a_gap
                tops_are_those_of_five_hundred_topics;
            following:
                before_is_the_message_before
                two_nodes_see_one_order
                nothing_is_missed_after_listening
                listening_twice_passes_on_once
                nothing_comes_after_unlistening
                listening_again_after_unlistening_works
                many_topics_are_listened_to_at_once
                a_node_hears_its_own_messages;
            names:
                odd_names_are_different_topics
                payloads_are_passed_on_as_they_are
                ids_are_passed_on
                a_large_payload_is_passed_on
                a_payload_that_is_too_large_is_refused_and_the_rest_goes_on;
            presence:
                members_come_and_go
                what_is_told_of_a_member_changes
                own_members_are_not_among_the_others
                one_identity_on_two_nodes_is_two_members
                odd_identities_are_different_members
                members_of_a_node_that_is_gone_are_gone
                members_stay_while_their_node_lives
                members_are_told_again_after_a_wipe;
            alone:
                commands_before_the_server_is_there_are_answered
                commands_fail_while_the_server_is_down
                an_engine_is_dropped_with_commands_in_flight
                many_commands_are_all_answered
                a_node_that_does_not_poll_is_told_what_it_missed
                one_byte_at_a_time_is_enough
                a_stalled_connection_is_noticed;
            back:
                a_cut_connection_comes_back
                publishes_are_told_or_there_while_connections_are_cut
                a_publish_repeated_after_a_cut_is_there_once
                a_connection_may_end_within_a_message
                a_killed_server_comes_back
                lost_memory_is_a_new_epoch
                a_node_that_slept_through_it_sees_the_new_epoch;
        } }
    };
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// A scenario that no list names would run nowhere.
    #[test]
    fn lists_name_every_scenario() {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for folder in ["engines", "hubs"] {
            let folder = src.join(folder);
            let list = fs::read_to_string(folder.join("mod.rs")).unwrap();
            for file in fs::read_dir(folder).unwrap() {
                let text = fs::read_to_string(file.unwrap().path()).unwrap();
                for line in text.lines() {
                    let Some(rest) = line.strip_prefix("pub async fn ") else {
                        continue;
                    };
                    let name = rest.split('<').next().unwrap();
                    let is_listed = list.split([' ', ';', '\n']).any(|word| word == name);
                    assert!(is_listed, "{name} is not listed");
                }
            }
        }
    }
}
