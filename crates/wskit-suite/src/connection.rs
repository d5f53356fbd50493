//! What an open connection does: messages, control frames, back-pressure, deadlines and its end.

pub mod cancel;
pub mod close;
pub mod control;
pub mod corking;
pub mod deadlines;
pub mod echo;
pub mod endings;
pub mod faults;
mod flood_scene;
pub mod floods;
pub mod keepalive;
pub mod last_words;
pub mod parts;
pub mod pressure;
pub mod shutdown;
pub mod turns;

/// The scenarios of the folder `connection`.
#[doc(hidden)]
#[macro_export]
macro_rules! connection_scenarios {
    ($harness:ident) => {
        $crate::scenarios!($harness, connection::echo: {
            text_and_binary_come_back
            every_size_comes_back_through_every_pipe
            fragments_come_back_whole_with_a_ping_between
            sender_cuts_messages_into_fragments
            pieces_come_as_they_arrive
            whole_receive_skips_the_rest_of_pieces
            events_tell_pings_and_pongs
            reserved_message_is_queued_for_certain
        });
        $crate::scenarios!($harness, connection::control: {
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
        $crate::scenarios!($harness, connection::corking: {
            burst_is_answered_with_one_write
            split_burst_is_answered_with_one_write
            fed_message_leaves_when_a_receive_waits
            fed_message_survives_a_split
            send_has_written_when_it_returns
            large_and_small_messages_leave_in_order
        });
        $crate::scenarios!($harness, connection::parts: {
            parts_have_what_was_read_and_not_used
            parts_have_the_start_of_a_header
            parts_have_the_leftover_of_the_handshake
            parts_have_what_was_not_written
            connection_inside_a_message_is_given_back
        });
        $crate::scenarios!($harness, connection::turns: {
            turn_of_small_messages_is_a_quarter_of_the_budget
            turn_of_large_messages_is_the_budget
            turn_is_short_by_default
            turn_ends_inside_a_message_larger_than_the_budget
            smallest_budget_reads_once_a_turn
            connections_in_turn_share_the_buffer_of_large_messages
        });
        $crate::scenarios!($harness, connection::pressure: {
            send_waits_while_the_peer_does_not_read
            waiting_send_goes_on_when_the_peer_reads
            echo_stops_reading_when_its_answers_are_not_read
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
        $crate::scenarios!($harness, connection::close: {
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
        $crate::scenarios!($harness, connection::keepalive: {
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
        $crate::scenarios!($harness, connection::endings: {
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
        $crate::scenarios!($harness, connection::deadlines: {
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
            keepalive_ends_a_send_that_is_not_read
            keepalive_spares_a_peer_that_still_takes_bytes
            split_keepalive_ends_a_send_that_is_not_read
            split_keepalive_works_without_the_reader
            idle_connection_is_closed_with_1001
        });
        $crate::scenarios!($harness, connection::floods: {
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
            flooded_receiver_lets_other_tasks_run_though_it_flushes
            flooded_sink_lets_other_tasks_run_while_it_closes
            flooded_byte_stream_closes_by_its_deadline
            shutdown_gives_up_a_flood
            keepalive_spares_a_peer_that_never_stops
        });
        $crate::scenarios!($harness, connection::last_words: {
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
        $crate::scenarios!($harness, connection::faults: {
            session_with_every_operation_failing_at_the_client
            session_with_every_operation_failing_at_the_server
            split_session_with_every_operation_failing_at_the_client
            split_session_with_every_operation_failing_at_the_server
        });
        $crate::scenarios!($harness, connection::cancel: {
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
        $crate::scenarios!($harness, connection::shutdown: {
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
    };
}
