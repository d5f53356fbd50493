//! The scenarios that every binding passes, generic over its [`Harness`](crate::Harness).
//!
//! [`suite!`](crate::suite!) makes a `#[test]` of each.

pub mod byte_stream;
pub mod byte_stream_faults;
pub mod cancel;
pub mod close;
pub mod control;
pub mod corking;
pub mod cut_transfers;
pub mod deadlines;
pub mod dial;
pub mod dropped;
pub mod echo;
pub mod endings;
pub mod faults;
pub mod floods;
pub mod handles;
pub mod handshake;
pub mod keepalive;
pub mod lane_company;
pub mod lane_faults;
pub mod lanes;
pub mod last_words;
pub mod pressure;
pub mod proxies;
pub mod reconnect;
pub mod redirects;
pub mod refusals;
mod scene;
pub mod shutdown;
pub mod sink;
pub mod sink_close;
mod sink_scene;
pub mod sink_tasks;
pub mod split;
pub mod streaming;
pub mod streaming_faults;

/// Expands to one `#[test]` for each scenario of the [`suite`](mod@crate::suite), run on this harness, in
/// modules of their names.
///
/// ```
/// use wskit_test::Simulated;
/// wskit_test::suite!(Simulated);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! suite {
    ($harness:ident) => {
        $crate::scenarios!($harness, echo: {
            text_and_binary_come_back
            every_size_comes_back_through_every_pipe
            fragments_come_back_whole_with_a_ping_between
            sender_cuts_messages_into_fragments
            pieces_come_as_they_arrive
            whole_receive_skips_the_rest_of_pieces
            events_tell_pings_and_pongs
            reserved_message_is_queued_for_certain
        });
        $crate::scenarios!($harness, control: {
            pong_leaves_while_only_a_receive_is_pending
            split_reader_answers_pings_while_writer_is_idle
            close_is_answered_by_a_pending_receive
            split_reader_echoes_close_while_writer_is_idle
            sender_answers_pings_and_keeps_the_first_message
            message_kept_while_sending_is_not_overwritten
            large_message_kept_while_sending_is_whole
            message_kept_while_sending_suits_every_receive
            ten_pings_get_ten_pongs_in_order
            every_ping_of_a_burst_gets_its_pong
            unanswered_ping_is_told_after_a_send
            pong_that_comes_while_sending_is_told
            nothing_behind_a_close_counts
            echo_and_pings_mix
        });
        $crate::scenarios!($harness, corking: {
            burst_is_answered_with_one_write
            split_burst_is_answered_with_one_write
            fed_message_leaves_when_a_receive_waits
            fed_message_survives_a_split
            send_has_written_when_it_returns
            large_and_small_messages_leave_in_order
        });
        $crate::scenarios!($harness, pressure: {
            send_waits_while_the_peer_does_not_read
            waiting_send_goes_on_when_the_peer_reads
            echo_stops_reading_when_nobody_takes_the_answers
            receive_and_close_read_while_much_is_queued
            lending_receive_reads_although_much_was_queued_before
            ping_flood_behind_a_stuck_write_is_bounded
            close_behind_a_full_queue_is_answered_after_it
            split_writers_wait_while_the_peer_does_not_read
            split_writers_are_let_in_in_order
            split_writer_that_gives_up_lets_the_next_in
            split_line_moves_on_by_itself
            split_permit_is_room_for_certain
            writers_and_lanes_send_with_a_mark_of_0
            split_writers_that_wait_learn_of_the_end
            flood_lets_other_tasks_run
            large_message_lets_other_tasks_run
            large_message_in_single_bytes_lets_other_tasks_run
        });
        $crate::scenarios!($harness, close: {
            close_completes_from_either_end
            server_ends_the_transport_at_once
            late_pong_that_fails_does_not_end_the_reading
            client_waits_for_the_server_to_end_the_transport
            crossing_closes_are_clean
            close_discards_data_that_still_comes
            start_close_keeps_data_that_still_comes
            close_that_may_not_be_sent_changes_nothing
            dropped_connection_ends_the_transport
            send_after_the_peers_close_is_an_error
            broken_rule_is_told_to_both
        });
        $crate::scenarios!($harness, split: {
            writers_and_reader_work_at_once
            full_duplex_against_an_echo_goes_on
            send_ends_although_others_keep_the_queue_full
            waiting_reader_finishes_a_dropped_send
            reader_receives_in_every_way
            writer_closes_while_the_reader_waits
            writer_starts_to_close_and_goes
            writer_reads_when_the_reader_is_gone
            waiting_writer_learns_of_a_close_when_the_reader_is_gone
            writer_closes_when_the_reader_is_gone
            reader_goes_while_a_writer_closes
            two_writers_close_at_once
            reader_goes_on_without_writers
            transport_is_dropped_with_the_last_half
            message_kept_before_the_split_reaches_the_reader
            both_halves_learn_of_a_reset
        });
        $crate::scenarios!($harness, handles: {
            transport_goes_with_a_clean_close_although_writers_live
            transport_goes_with_a_failure_although_writers_live
            transport_goes_with_a_deadline_although_writers_live
            transport_goes_when_a_writer_sees_the_end
            transport_goes_when_a_lane_sees_the_end
            transport_goes_with_a_reader_that_was_not_told
            lanes_alone_do_not_keep_a_connection
            lanes_that_are_left_alone_leave_first
            lanes_that_are_left_alone_wait_for_nobody
            reader_or_writer_keeps_a_connection_for_its_lanes
        });
        $crate::scenarios!($harness, sink: {
            forward_of_10_kb_messages_through_a_4_kib_pipe
            message_fed_in_mid_flush_is_flushed_too
            send_dropped_in_mid_flush_then_a_flush_of_another_then_a_second_send
            sink_dropped_in_mid_flush_leaves_the_rest_to_the_reader
            sink_fed_again_in_mid_flush_leaves_the_rest_to_the_reader
            six_clones_that_are_ready_start_400_kib_each
            ready_sink_starts_although_the_limit_is_below_the_mark
            flush_that_was_dropped_and_repeated
            flush_of_lost_data_is_an_error
            flush_after_the_reader_has_seen_a_reset_is_an_error
        });
        $crate::scenarios!($harness, sink_close: {
            answers_that_come_20_ms_after_the_source_has_ended
            stream_that_is_polled_late_receives_what_came
            close_that_is_answered_at_once_ends_at_once
            close_that_is_not_answered_ends_by_the_deadline
            close_ends_by_the_deadline_although_nothing_reads
            forward_ends_by_the_deadline_although_nothing_reads
            close_that_is_cut_keeps_its_first_deadline
            close_sends_what_was_fed_before
            forward_of_three_messages_into_a_dead_pipe
            close_of_a_peer_that_has_gone
            close_that_is_followed_by_the_end_of_the_stream
            close_behind_a_queue_that_is_reset
            close_of_a_closed_sink_is_ok
        });
        $crate::scenarios!($harness, sink_tasks: {
            echoes_of_1000_messages_of_10_bytes
            echoes_of_5_messages_of_10_bytes
            echoes_of_20_messages_of_500_kb
            echoes_in_one_task_with_a_waker_for_each_half
            echoes_after_the_sending_task_has_ended
            sink_that_waits_for_room_learns_of_a_close
            sink_that_waits_for_room_learns_of_a_reset
            stream_that_waits_learns_of_a_close_of_the_sink
            sink_goes_on_after_the_receiving_task_has_ended
            relay_by_forward_both_ways
        });
        $crate::scenarios!($harness, streaming: {
            pieces_leave_as_frames
            streams_pass_each_other
            pongs_go_between_pieces
            write_waits_while_the_peer_does_not_read
            message_ends_behind_a_full_queue
            other_writers_wait_for_the_end
            stream_begins_after_the_permits
            message_without_a_piece_is_taken_back
            unfinished_message_closes_with_1011
            streamed_text_is_checked_as_it_goes
            close_ends_a_message_that_is_being_made
            streaming_writers_learn_of_the_end
        });
        $crate::scenarios!($harness, streaming_faults: {
            cut_pieces_come_once
            stream_with_every_operation_failing
        });
        $crate::scenarios!($harness, byte_stream: {
            written_bytes_come_out
            borders_of_messages_mean_nothing
            only_an_ordinary_close_is_the_end
            small_writes_leave_together
            stream_waits_while_the_peer_does_not_read
            two_tasks_share_a_stream
            waiting_reader_is_woken_after_a_write_of_another
            stream_that_only_writes_answers_pings
            closed_stream_can_be_read_to_the_end
        });
        $crate::scenarios!($harness, byte_stream_faults: {
            cut_reads_and_writes_lose_nothing
            byte_stream_with_every_operation_failing
        });
        $crate::scenarios!($harness, lanes: {
            push_is_written_at_once
            urgent_goes_before_what_waits
            pong_goes_before_what_waits_in_lanes
            lanes_take_turns
            plain_writers_and_lanes_take_turns
            full_lane_waits_or_refuses
            lane_is_bounded_in_bytes
            full_lane_drops_its_oldest
            lane_keeps_only_its_latest
            slow_peer_is_disconnected
        });
        $crate::scenarios!($harness, lane_company: {
            own_close_goes_after_what_waits
            waiting_reader_writes_for_lanes
            lanes_wait_for_a_message_in_pieces
            permits_and_lanes_do_not_meet
            dropped_lane_leaves_nothing_behind
            lanes_read_when_the_reader_is_gone
            refused_close_moves_no_lane
            idle_timeout_waits_for_the_lanes
            unfinished_message_lets_no_lane_go_before_its_close
        });
        $crate::scenarios!($harness, lane_faults: {
            cut_lane_sends_are_whole_or_nothing
            lanes_with_every_operation_failing
        });
        $crate::scenarios!($harness, shutdown: {
            tracked_connection_closes_and_its_loop_ends
            what_the_peer_still_sends_is_received
            connection_that_joins_late_is_told_at_once
            shutdown_reports_how_each_ended
            shutdown_gives_up_those_who_are_left
            waiting_sender_is_told_of_a_shutdown
            answer_is_finished_before_a_shutdown_closes
            lanes_leave_before_the_close_of_a_shutdown
            flood_does_not_hide_a_shutdown
            accepting_ends_with_the_request
            cut_finish_goes_on
            shutdown_with_every_operation_failing
        });
        $crate::scenarios!($harness, keepalive: {
            owner_that_only_sends_measures_the_round_trip
            writers_know_the_round_trip
            writer_without_a_reader_gives_up_a_silent_peer
            owner_that_only_sends_gives_up_a_silent_peer
            idle_halves_are_closed_with_1001
            sending_alone_is_not_idle
            owner_that_only_sends_spares_a_peer_that_said_something
            stream_that_only_writes_spares_a_peer_that_said_something
            slow_download_is_a_sign_of_life
            slow_download_from_a_large_buffer_is_a_sign_of_life
        });
        $crate::scenarios!($harness, endings: {
            end_of_stream_at_every_byte_is_told_once
            reset_at_every_byte_is_told_once
            split_end_of_stream_at_every_byte_is_told_once
            split_reset_at_every_byte_is_told_once
            abrupt_end_at_every_byte_is_told_once
            split_abrupt_end_at_every_byte_is_told_once
            cut_message_is_told_as_such
            sender_learns_of_the_end
            last_words_outlive_a_failed_send
            leftover_at_every_byte_is_read_first
        });
        $crate::scenarios!($harness, deadlines: {
            slow_loris_is_cut_off
            client_gives_up_on_a_server_that_does_not_answer
            refusal_does_not_wait_for_ever
            close_that_is_not_answered_ends_by_its_deadline
            close_behind_a_stuck_queue_ends_by_its_deadline
            endless_deadlines_are_none
            deadlines_of_zero_end
            client_ends_the_transport_by_the_deadline
            chatter_does_not_put_off_the_close_deadline
            split_close_ends_by_its_deadline
            reader_keeps_the_close_deadline_of_a_writer
            keepalive_gives_up_a_silent_peer
            keepalive_spares_a_quiet_peer
            keepalive_spares_a_peer_of_a_busy_owner
            deadline_is_judged_only_after_a_read
            keepalive_ends_a_send_that_nobody_takes
            keepalive_spares_a_peer_that_still_takes_bytes
            split_keepalive_ends_a_send_that_nobody_takes
            split_keepalive_works_without_the_reader
            idle_connection_is_closed_with_1001
        });
        $crate::scenarios!($harness, floods: {
            flooded_close_ends_by_its_deadline
            flooded_close_behind_a_stuck_queue_ends_by_its_deadline
            flooded_receiver_ends_by_the_close_deadline
            flooded_lender_ends_by_the_close_deadline
            flooded_protocol_error_is_told_by_the_close_deadline
            flood_behind_the_peers_close_ends_by_the_close_deadline
            idle_timeout_ends_a_flood_of_pings
            flooded_writer_without_a_reader_closes_by_its_deadline
            flooded_writer_beside_a_reader_that_rests_closes_by_its_deadline
            flooded_halves_close_by_their_deadline
            flooded_sink_closes_by_its_deadline
            flooded_byte_stream_closes_by_its_deadline
            shutdown_gives_up_a_flood
            keepalive_spares_a_peer_that_never_stops
        });
        $crate::scenarios!($harness, last_words: {
            last_words_are_received_after_two_sends
            last_words_are_received_around_two_sends
            last_words_are_received_after_a_message_in_pieces
            last_words_reach_the_sink_of_a_connection
            last_words_reach_the_reader_after_a_failed_write
            last_words_reach_the_reader_beside_a_writer
            last_words_reach_the_reader_after_a_lane
            writer_without_a_reader_learns_why_the_peer_went
            bytes_before_the_end_outlive_a_failed_write
            failed_write_leaves_the_reading_until_the_close_deadline
            answers_are_written_before_the_end_is_told
            answers_that_cannot_leave_do_not_hold_the_end_up
        });
        $crate::scenarios!($harness, cut_transfers: {
            byte_stream_cut_by_a_close_is_an_unexpected_end
            byte_stream_that_was_cut_stays_cut
            message_writer_that_is_dropped_cuts_the_stream_of_the_peer
            shutdown_waits_for_a_message_in_pieces
            shutdown_waits_for_a_message_in_pieces_of_a_writer
            shutdown_gives_up_a_message_that_is_not_finished
            outcome_tells_of_a_message_that_was_cut
            outcome_tells_of_a_frame_that_was_cut
        });
        $crate::scenarios!($harness, handshake: {
            client_and_server_agree
            server_reads_frames_behind_the_request
            client_reads_frames_behind_the_answer
            server_refuses_what_is_no_handshake
            refusal_is_reported_although_nobody_hears_it
            server_decides_later
            server_hands_over_ordinary_http
            client_is_refused
            handshake_cut_at_every_byte_is_an_error
            slow_client_gets_the_whole_answer
            answer_that_is_cut_is_an_error
        });
        $crate::scenarios!($harness, refusals: {
            refusal_without_an_end_is_told_soon
            refusal_that_is_cut_is_told_at_once
            body_that_ends_in_time_is_whole
            refusal_is_told_at_the_handshake_deadline
            unfinished_refusal_decides_what_comes_next
            server_of_another_protocol_is_told_at_once
            answer_before_the_request_is_heard
        });
        $crate::scenarios!($harness, dial: {
            first_address_that_answers_wins
            slow_address_may_still_win
            refusal_is_followed_by_the_next_address_at_once
            no_address_that_answers_is_one_error
            addresses_and_local_addresses_are_used_as_given
            one_deadline_covers_every_step
            dropped_connect_leaves_nothing_behind
            bad_url_opens_no_socket
            connections_are_opened_so_many_at_a_time
            dropped_turn_is_passed_on
        });
        $crate::scenarios!($harness, proxies: {
            http_proxy_opens_the_way
            socks_proxy_opens_the_way
            proxies_get_their_credentials_and_nobody_else
            http_proxy_gets_headers_and_nobody_else
            proxy_that_refuses_is_told_as_such
            what_is_no_proxy_is_told_as_such
            proxy_that_goes_away_is_told_at_every_byte
            proxy_that_hangs_is_blamed_for_the_deadline
            proxy_that_cannot_be_reached_is_told_as_such
            environment_chooses_the_proxy
            every_operation_on_the_way_through_a_proxy_may_fail
        });
        $crate::scenarios!($harness, redirects: {
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
        $crate::scenarios!($harness, reconnect: {
            delays_are_random_and_grow
            close_codes_decide_what_comes_next
            broken_connection_is_replaced
            normal_close_may_be_a_loss_too
            refusal_decides_what_comes_next
            hook_runs_before_the_messages_of_each_connection
            hook_that_fails_is_an_attempt_that_failed
            good_connection_begins_the_delays_anew
            retries_are_bounded
            caller_decides_what_a_loss_is
            cut_next_goes_on_where_it_was
            send_needs_a_connection
            failed_send_leaves_the_reason_to_next
            close_ends_it_in_every_state
            connector_comes_back
        });
        $crate::scenarios!($harness, faults: {
            session_with_every_operation_failing_at_the_client
            session_with_every_operation_failing_at_the_server
            split_session_with_every_operation_failing_at_the_client
            split_session_with_every_operation_failing_at_the_server
        });
        $crate::scenarios!($harness, dropped: {
            dropped_handshakes_leave_nothing
            dropped_dials_leave_nothing
            dial_with_every_operation_failing
        });
        $crate::scenarios!($harness, cancel: {
            cut_receives_lose_nothing
            cut_recv_event_loses_nothing
            cut_recv_piece_loses_nothing
            dropped_recv_piece_leaves_the_message_whole
            cut_split_receives_lose_nothing
            cut_sends_are_whole_or_nothing
            cut_pings_are_sent_once_at_most
            cut_split_sends_are_whole_or_nothing
            receive_and_send_dropped_in_turn
        });
    };
}

/// The tests of one module of the suite.
#[doc(hidden)]
#[macro_export]
macro_rules! scenarios {
    ($harness:ident, $module:ident: { $($scenario:ident)* }) => {
        mod $module {
            $(
                #[test]
                fn $scenario() {
                    $crate::suite::$module::$scenario::<super::$harness>();
                }
            )*
        }
    };
}

#[cfg(test)]
mod tests {
    /// A scenario that the macro forgets would run nowhere.
    #[test]
    fn macro_names_every_scenario() {
        let list = include_str!("suite.rs");
        let sources = [
            include_str!("suite/echo.rs"),
            include_str!("suite/control.rs"),
            include_str!("suite/corking.rs"),
            include_str!("suite/pressure.rs"),
            include_str!("suite/close.rs"),
            include_str!("suite/split.rs"),
            include_str!("suite/handles.rs"),
            include_str!("suite/sink.rs"),
            include_str!("suite/sink_close.rs"),
            include_str!("suite/sink_tasks.rs"),
            include_str!("suite/lanes.rs"),
            include_str!("suite/lane_company.rs"),
            include_str!("suite/lane_faults.rs"),
            include_str!("suite/shutdown.rs"),
            include_str!("suite/keepalive.rs"),
            include_str!("suite/streaming.rs"),
            include_str!("suite/streaming_faults.rs"),
            include_str!("suite/byte_stream.rs"),
            include_str!("suite/byte_stream_faults.rs"),
            include_str!("suite/endings.rs"),
            include_str!("suite/deadlines.rs"),
            include_str!("suite/floods.rs"),
            include_str!("suite/last_words.rs"),
            include_str!("suite/cut_transfers.rs"),
            include_str!("suite/handshake.rs"),
            include_str!("suite/dial.rs"),
            include_str!("suite/proxies.rs"),
            include_str!("suite/redirects.rs"),
            include_str!("suite/refusals.rs"),
            include_str!("suite/reconnect.rs"),
            include_str!("suite/faults.rs"),
            include_str!("suite/cancel.rs"),
            include_str!("suite/dropped.rs"),
        ];
        let scenarios = sources
            .iter()
            .flat_map(|source| source.lines())
            .filter_map(|line| {
                line.strip_prefix("pub fn ")?
                    .split_once("<H: Harness>()")
                    .map(|(name, _)| name)
            });
        for name in scenarios {
            assert!(
                list.lines().any(|line| line.trim() == name),
                "{name} is not in the macro"
            );
        }
    }
}
