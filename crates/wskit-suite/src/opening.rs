//! The opening handshake, at both ends, and what refuses it.

pub mod dropped;
pub mod handshake;
pub mod optimistic;
pub mod refusals;

/// The scenarios of the folder `opening`.
#[doc(hidden)]
#[macro_export]
macro_rules! opening_scenarios {
    ($harness:ident) => {
        $crate::scenarios!($harness, opening::handshake: {
            client_and_server_agree
            server_reads_frames_behind_the_request
            client_reads_frames_behind_the_answer
            server_refuses_what_is_no_handshake
            refusal_is_reported_although_the_peer_has_gone
            server_decides_later
            server_hands_over_ordinary_http
            client_is_refused
            handshake_cut_at_every_byte_is_an_error
            slow_client_gets_the_whole_answer
            answer_that_is_cut_is_an_error
        });
        $crate::scenarios!($harness, opening::refusals: {
            refusal_without_an_end_is_told_soon
            refusal_that_is_cut_is_told_at_once
            body_that_ends_in_time_is_whole
            refusal_is_told_at_the_handshake_deadline
            unfinished_refusal_decides_what_comes_next
            server_of_another_protocol_is_told_at_once
            answer_before_the_request_is_heard
        });
        $crate::scenarios!($harness, opening::optimistic: {
            client_sends_nothing_before_the_answer
            client_sends_nothing_after_a_refusal
            client_follows_a_redirect_on_a_new_connection
            client_sends_nothing_before_the_proxy_has_answered
            server_takes_early_bytes_for_frames_only_once_it_has_accepted
            server_ignores_what_is_behind_a_request_that_it_refuses
        });
        $crate::scenarios!($harness, opening::dropped: {
            dropped_handshakes_leave_nothing
            dropped_dials_leave_nothing
            dial_with_every_operation_failing
        });
    };
}
