//! Messages in pieces, byte streams, and `Stream` with `Sink`.

pub mod byte_stream;
pub mod byte_stream_faults;
pub mod cut_transfers;
pub mod sink;
pub mod sink_close;
mod sink_scene;
pub mod sink_tasks;
pub mod streaming;
pub mod streaming_faults;

/// The scenarios of the folder `streams`.
#[doc(hidden)]
#[macro_export]
macro_rules! streams_scenarios {
    ($harness:ident) => {
        $crate::scenarios!($harness, streams::streaming: {
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
        $crate::scenarios!($harness, streams::streaming_faults: {
            cut_pieces_come_once
            stream_with_every_operation_failing
        });
        $crate::scenarios!($harness, streams::byte_stream: {
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
        $crate::scenarios!($harness, streams::byte_stream_faults: {
            cut_reads_and_writes_lose_nothing
            byte_stream_with_every_operation_failing
        });
        $crate::scenarios!($harness, streams::cut_transfers: {
            byte_stream_cut_by_a_close_is_an_unexpected_end
            byte_stream_that_was_cut_stays_cut
            message_writer_that_is_dropped_cuts_the_stream_of_the_peer
            shutdown_waits_for_a_message_in_pieces
            shutdown_waits_for_a_message_in_pieces_of_a_writer
            shutdown_gives_up_a_message_that_is_not_finished
            outcome_tells_of_a_message_that_was_cut
            outcome_tells_of_a_frame_that_was_cut
        });
        $crate::scenarios!($harness, streams::sink: {
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
        $crate::scenarios!($harness, streams::sink_close: {
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
        $crate::scenarios!($harness, streams::sink_tasks: {
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
    };
}
