//! What RFC 6455, RFC 7692 and the settings ask of a connection, section by section.

#[path = "../wire/mod.rs"]
mod wire;

mod close_bodies;
mod compression_per_message;
mod default_settings;
mod delivery_in_pieces;
mod error_texts;
mod fragment_size;
mod frames_of_the_program;
mod json_messages;
mod masking_of_replies;
mod payload_is_not_changed;
mod prepared_messages;
mod s10_limits;
mod s5_1_masking;
mod s5_2_framing;
mod s5_4_fragmentation;
mod s5_5_control;
mod s5_6_text;
mod s5_8_extensions;
mod s6_sending;
mod s7_3_no_arbitrary_close;
mod s7_4_codes;
mod s7_closing;
mod streamed_messages;
mod timers;
mod value_types;
mod zero_settings;
