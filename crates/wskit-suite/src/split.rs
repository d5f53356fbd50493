//! A connection in halves: readers, writers and lanes.

pub mod any;
pub mod batch;
pub mod halves;
pub mod handles;
pub mod lane_company;
pub mod lane_faults;
pub mod lanes;
pub mod paced_lanes;
pub mod reunite;
pub mod wake_ups;

/// The scenarios of the folder `split`.
#[doc(hidden)]
#[macro_export]
macro_rules! split_scenarios {
    ($harness:ident) => {
        $crate::scenarios!($harness, split::halves: {
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
        $crate::scenarios!($harness, split::any: {
            any_writer_sends_in_every_way
            list_has_writers_over_several_transports
            any_writers_wait_for_room_in_turn
            any_lane_does_what_a_lane_does
            any_lane_is_paced_as_a_lane_is
            any_writer_keeps_a_connection_as_a_writer_does
            any_writer_closes_when_the_reader_is_gone
        });
        $crate::scenarios!($harness, split::batch: {
            batch_leaves_in_order_with_one_write
            batch_ends_where_the_queue_is_full
            batch_does_not_overtake_writers
            batch_writes_what_lanes_have
            reader_writes_what_a_batch_leaves
            batch_reads_when_the_reader_is_gone
            batch_of_an_ended_connection_is_an_error
            batch_is_compressed_where_that_was_agreed
        });
        $crate::scenarios!($harness, split::wake_ups: {
            room_waker_is_woken_when_the_peer_reads
            task_sends_all_with_room_wakers
            room_waker_is_woken_when_others_are_done
            wakers_are_woken_by_the_end
        });
        $crate::scenarios!($harness, split::reunite: {
            reunited_connection_loses_nothing
            messages_of_a_paced_lane_are_queued_at_once
            halves_of_two_connections_are_given_back
            halves_are_given_back_while_other_handles_live
            ended_connection_stays_in_halves
            message_that_a_sink_holds_back_is_queued
            reunited_connection_goes_on_with_what_was_begun
        });
        $crate::scenarios!($harness, split::handles: {
            transport_goes_with_a_clean_close_although_writers_live
            transport_goes_with_a_failure_although_writers_live
            transport_goes_with_a_deadline_although_writers_live
            transport_goes_when_a_writer_sees_the_end
            transport_goes_when_a_lane_sees_the_end
            transport_goes_with_a_reader_that_was_not_told
            lanes_alone_do_not_keep_a_connection
            lanes_that_are_left_alone_leave_first
            lanes_that_are_left_alone_do_not_wait
            reader_or_writer_keeps_a_connection_for_its_lanes
        });
        $crate::scenarios!($harness, split::lanes: {
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
        $crate::scenarios!($harness, split::lane_company: {
            own_close_goes_after_what_waits
            waiting_reader_writes_for_lanes
            lanes_wait_for_a_message_in_pieces
            permits_and_lanes_do_not_meet
            dropped_lane_leaves_nothing_behind
            lanes_read_when_the_reader_is_gone
            refused_close_moves_no_lane
            idle_timeout_waits_for_the_lanes
            unfinished_message_lets_no_lane_go_before_its_close
            message_begun_before_the_split_drops_what_waits_in_lanes
        });
        $crate::scenarios!($harness, split::paced_lanes: {
            newest_message_follows_the_pong
            later_pong_answers_earlier_pings
            pong_of_another_ping_replaces_those_of_lanes
            pongs_of_the_keepalive_alone_move_lanes
            lanes_written_together_share_a_ping
            message_of_a_dropped_paced_lane_leaves_at_once
            other_pongs_are_events
            flush_of_a_paced_lane_waits_for_the_pong
            close_does_not_wait_for_a_pong
            paced_lane_reads_when_the_reader_is_gone
            late_pong_from_before_a_reunion_answers_nothing
            full_paced_lane_reads_before_it_decides
            paced_lane_of_a_silent_peer_stands_still
            idle_timeout_does_not_wait_for_a_pong
            limit_by_delay_grows
        });
        $crate::scenarios!($harness, split::lane_faults: {
            cut_lane_sends_are_whole_or_nothing
            lanes_with_every_operation_failing
        });
    };
}
