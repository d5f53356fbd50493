//! From a URL to a connection, and back to one after a loss.

pub mod connect;
pub mod proxies;
pub mod proxy_choice;
pub mod reconnect;
pub mod reconnect_calls;
pub mod reconnect_handles;
pub mod reconnect_hooks;
mod reconnect_scene;
pub mod reconnect_spawned;
pub mod redirects;

/// The scenarios of the folder `dial`.
#[doc(hidden)]
#[macro_export]
macro_rules! dial_scenarios {
    ($harness:ident) => {
        $crate::scenarios!($harness, dial::connect: {
            first_address_that_answers_wins
            slow_address_may_still_win
            refusal_is_followed_by_the_next_address_at_once
            refusal_beside_another_attempt_is_followed_at_once
            no_address_that_answers_is_one_error
            addresses_and_local_addresses_are_used_as_given
            one_deadline_covers_every_step
            dropped_connect_leaves_nothing_behind
            bad_url_opens_no_socket
            connections_are_opened_so_many_at_a_time
            dropped_turn_is_passed_on
        });
        $crate::scenarios!($harness, dial::proxies: {
            http_proxy_opens_the_way
            socks_proxy_opens_the_way
            only_proxies_get_their_credentials
            only_http_proxies_get_headers
            proxy_that_refuses_is_told_as_such
            what_is_no_proxy_is_told_as_such
            proxy_that_goes_away_is_told_at_every_byte
            proxy_that_hangs_is_blamed_for_the_deadline
            proxy_that_cannot_be_reached_is_told_as_such
            tls_that_the_proxy_needs_is_told_as_such
            every_operation_on_the_way_through_a_proxy_may_fail
        });
        $crate::scenarios!($harness, dial::proxy_choice: {
            environment_chooses_the_proxy
        });
        $crate::scenarios!($harness, dial::redirects: {
            redirect_is_a_refusal_unless_asked_for
            redirect_within_an_origin_keeps_everything
            redirect_to_another_origin_leaves_credentials_behind
            redirect_is_followed_before_its_body
            redirect_loop_ends
            redirect_to_nowhere_is_told_as_such
            other_refusals_are_not_followed
            redirects_share_one_deadline
            own_dialler_supplies_the_stream
        });
        $crate::scenarios!($harness, dial::reconnect: {
            delays_are_random_and_grow
            close_codes_decide_what_comes_next
            broken_connection_is_replaced
            normal_close_may_be_a_loss_too
            refusal_decides_what_comes_next
            good_connection_begins_the_delays_anew
            retries_are_bounded
            caller_decides_what_a_loss_is
        });
        $crate::scenarios!($harness, dial::reconnect_calls: {
            hook_runs_before_the_messages_of_each_connection
            hook_that_fails_is_an_attempt_that_failed
            cut_next_goes_on_where_it_was
            send_needs_a_connection
            failed_send_leaves_the_reason_to_next
            close_ends_it_in_every_state
            connector_comes_back
        });
        $crate::scenarios!($harness, dial::reconnect_hooks: {
            hook_has_the_deadline_of_the_handshake
            hooks_share_a_deadline_of_their_own
            close_during_a_hook_decides
            close_that_says_nothing_leaves_the_error_of_the_hook
            close_behind_the_answer_of_the_server_is_read
            close_that_is_not_finished_is_waited_for
            connection_that_breaks_during_a_hook_decides
            break_without_a_close_leaves_the_error_of_the_hook
            close_by_a_hook_leaves_its_error
            message_before_the_end_is_returned_after_a_hook
            hook_that_keeps_its_connection_has_failed
            errors_of_the_application_come_back
        });
        $crate::scenarios!($harness, dial::reconnect_handles: {
            handles_send_on_the_connection_that_is_open
            waiting_handles_go_on_with_each_connection
            handle_closes_in_every_state
            close_that_cannot_be_sent_changes_nothing
            end_of_the_client_ends_every_call
            send_in_progress_ends_with_the_task
            dropped_events_close_the_connection
            dropped_handles_change_nothing
        });
        $crate::scenarios!($harness, dial::reconnect_spawned: {
            slow_consumer_is_not_thrown_out
            slow_consumer_that_nothing_may_be_dropped_for_stops_the_reading
            oldest_messages_are_dropped
            messages_of_the_lost_connection_are_dropped_first
            latest_message_replaces_all
            consumer_that_is_too_slow_gets_a_new_connection
            losses_that_are_not_taken_are_bounded
        });
    };
}
