//! What frames do to a room, byte by byte, without a socket.

use together::room::{Bad, DOCUMENT, Outcome, Room};
use yrs::types::ToJson;
use yrs::updates::decoder::Decode;
use yrs::{
    Any, Array, ArrayPrelim, Doc, GetString, In, ReadTxn, StateVector, Text, Transact, Update,
};

/// A client's document with a text, and its update as a frame.
fn written(client: u64, text: &str) -> Vec<u8> {
    let doc = Doc::with_client_id(client);
    let root = doc.get_or_insert_text("text");
    root.insert(&mut doc.transact_mut(), 0, text);
    frame(&[0, 2], &state(&doc))
}

fn state(doc: &Doc) -> Vec<u8> {
    doc.transact()
        .encode_state_as_update_v1(&StateVector::default())
}

fn frame(kind: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut frame = kind.to_vec();
    varint(&mut frame, payload.len());
    frame.extend_from_slice(payload);
    frame
}

fn varint(to: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        to.push(0x80 | (number & 0x7f) as u8);
        number >>= 7;
    }
    to.push(number as u8);
}

fn awareness(client: u8, clock: u8, json: &str) -> Vec<u8> {
    let mut payload = vec![1, client, clock];
    payload.extend(frame(&[], json.as_bytes()));
    frame(&[1], &payload)
}

fn text(saved: &[u8]) -> String {
    let doc = Doc::new();
    let root = doc.get_or_insert_text("text");
    let update = Update::decode_v1(saved).expect("a snapshot");
    doc.transact_mut().apply_update(update).expect("it applies");
    root.get_string(&doc.transact())
}

#[test]
fn a_state_vector_is_answered_with_what_it_lacks() {
    let mut room = Room::open(&[]).expect("a new room");
    // Sync, step 1, one byte: no clients. Sync, step 2, two bytes: no blocks and no deletions.
    let outcome = room.receive(1, &[0, 0, 1, 0]).expect("a good frame");
    assert_eq!(outcome.reply.as_deref(), Some(&[0, 1, 2, 0, 0][..]));
    assert_eq!(outcome.publish, None);
}

#[test]
fn an_update_is_published_once_and_known_after_a_restart() {
    let mut room = Room::open(&[]).expect("a new room");
    let hello = written(7, "hello");
    let first = room.receive(1, &hello).expect("a good frame");
    assert_eq!(first.publish.as_deref(), Some(&hello[..]));
    assert!(room.unsaved);
    // The same again, as clients send it that come back.
    assert_eq!(room.receive(2, &hello).expect("a good frame").publish, None);
    let saved = room.snapshot();
    assert_eq!(text(&saved), "hello");
    let again = Room::open(&saved).expect("what was saved");
    assert_eq!(again.snapshot(), saved);
    assert!(!again.unsaved);
}

#[test]
fn an_update_that_hangs_in_the_air_is_asked_for_again() {
    let doc = Doc::with_client_id(7);
    let root = doc.get_or_insert_text("text");
    root.insert(&mut doc.transact_mut(), 0, "to");
    let before = doc.transact().state_vector();
    root.insert(&mut doc.transact_mut(), 2, "gether");
    let second = doc.transact().encode_diff_v1(&before);
    let mut room = Room::open(&[]).expect("a new room");
    let outcome = room.receive(1, &frame(&[0, 2], &second)).expect("good");
    assert_eq!(
        outcome.reply.as_deref(),
        Some(&[0, 0, 1, 0][..]),
        "what has it all?"
    );
    assert_eq!(outcome.publish, None);
    // It answers with everything, which may hang in the air itself: no second question.
    assert_eq!(
        room.receive(1, &frame(&[0, 1], &second)),
        Ok(Outcome::default())
    );
    let all = room
        .receive(1, &frame(&[0, 1], &state(&doc)))
        .expect("good");
    assert_eq!(all.publish, Some(frame(&[0, 2], &state(&doc))));
    assert_eq!(text(&room.snapshot()), "together");
}

#[test]
fn the_half_of_a_block_that_is_known_is_not_taken_again() {
    // A list of client 7: values 1 and 2 hang in the air; then 0 and 1 come as one block, then all.
    let in_the_air = frame(
        &[0, 2],
        b"\x01\x01\x07\x01\x08\x01\x01a\x02\x77\x01b\x77\x01c\x00",
    );
    let first = frame(
        &[0, 2],
        b"\x01\x01\x07\x00\x08\x01\x01a\x02\x77\x01a\x77\x01b\x00",
    );
    let all = frame(
        &[0, 2],
        b"\x01\x01\x07\x00\x08\x01\x01a\x03\x77\x01a\x77\x01b\x77\x01c\x00",
    );
    let mut room = Room::open(&[]).expect("a new room");
    assert!(room.receive(1, &in_the_air).expect("good").reply.is_some());
    assert!(room.receive(1, &first).expect("good").publish.is_some());
    // Only what is new goes to the others: one value behind that of clock 1.
    let new = frame(&[0, 2], b"\x01\x01\x07\x02\x88\x07\x01\x01\x77\x01c\x00");
    assert_eq!(room.receive(1, &all).expect("good").publish, Some(new));
}

#[test]
fn awareness_goes_to_all_and_to_its_sender_and_ends_with_its_connection() {
    let mut room = Room::open(&[]).expect("a new room");
    let ada = awareness(7, 1, r#"{"user":"Ada"}"#);
    assert_eq!(
        room.receive(1, &ada).expect("good").publish.as_ref(),
        Some(&ada)
    );
    // Who comes is told; a question is answered.
    assert_eq!(room.greeting()[1], ada);
    assert_eq!(
        room.receive(2, &[3]).expect("good").reply.as_ref(),
        Some(&ada)
    );
    // Others repeat it, as `y-websocket` does: no news.
    assert_eq!(room.receive(2, &ada).expect("good").publish, None);
    assert_eq!(
        room.receive(2, &awareness(7, 2, "null"))
            .expect("good")
            .publish,
        None
    );
    // The page that comes back by a new connection keeps its state when the old one ends.
    let newer = awareness(7, 2, r#"{"user":"Ada"}"#);
    assert!(room.receive(3, &newer).expect("good").publish.is_some());
    assert_eq!(room.leave(1), None);
    assert_eq!(room.leave(3), Some(awareness(7, 3, "null")));
    assert_eq!(room.greeting().len(), 1);
}

#[test]
fn one_connection_keeps_sixteen_states_at_most() {
    let mut room = Room::open(&[]).expect("a new room");
    for client in 0..16 {
        room.receive(1, &awareness(client, 1, "{}"))
            .expect("a good frame");
    }
    assert_eq!(room.receive(1, &awareness(16, 1, "{}")), Err(Bad::States));
}

#[test]
fn states_that_are_refused_are_not_kept() {
    // Seventeen clients with a state each, in one message.
    let mut payload = vec![17];
    for client in 0..17 {
        payload.extend([client, 1, 2, b'{', b'}']);
    }
    let mut room = Room::open(&[]).expect("a new room");
    assert_eq!(room.receive(1, &frame(&[1], &payload)), Err(Bad::States));
    assert_eq!(room.greeting().len(), 1);
    // What others have told may be repeated, however many they are.
    for client in 0..17 {
        room.receive(client.into(), &awareness(client, 1, "{}"))
            .expect("a good frame");
    }
    let repeated = room.receive(17, &frame(&[1], &payload));
    assert_eq!(repeated, Ok(Outcome::default()));
}

#[test]
fn one_connection_keeps_64_kib_of_states_at_most() {
    let mut room = Room::open(&[]).expect("a new room");
    let large = format!("\"{}\"", "x".repeat(30 << 10));
    for (client, clock) in [(1, 1), (2, 1), (1, 2)] {
        room.receive(1, &awareness(client, clock, &large))
            .expect("a good frame");
    }
    let third = awareness(3, 1, &large);
    assert_eq!(room.receive(1, &third), Err(Bad::States));
    // An end that is older than the state makes no room for another.
    let mut both = vec![2, 1, 1];
    both.extend(frame(&[], b"null"));
    both.extend([3, 1]);
    both.extend(frame(&[], large.as_bytes()));
    assert_eq!(room.receive(1, &frame(&[1], &both)), Err(Bad::States));
    // One that is newer does.
    room.receive(1, &awareness(2, 2, "null")).expect("good");
    room.receive(1, &third).expect("a good frame");
}

#[test]
fn states_that_have_ended_are_forgotten() {
    let mut room = Room::open(&[]).expect("a new room");
    let ada = awareness(7, 1, r#"{"user":"Ada"}"#);
    room.receive(1, &ada).expect("a good frame");
    let size = format!("{room:?}").len();
    let of = |client: usize, clock, json: &[u8]| {
        let mut payload = vec![1];
        varint(&mut payload, client);
        payload.push(clock);
        frame(&[1], &[payload, frame(&[], json)].concat())
    };
    let mut largest = 0;
    for client in 1000..4000 {
        room.receive(2, &of(client, 1, b"{}")).expect("good");
        match client % 2 {
            0 => assert!(room.leave(2).is_some()),
            _ => assert!(room.receive(2, &of(client, 2, b"null")).is_ok()),
        }
        if client % 100 == 0 {
            largest = largest.max(format!("{room:?}").len());
        }
    }
    assert!(largest < size + 100_000, "{size}, then {largest}");
    assert_eq!(room.greeting()[1], ada);
}

#[test]
fn what_is_no_message_is_refused_and_changes_nothing() {
    let mut room = Room::open(&[]).expect("a new room");
    let hello = written(7, "hello");
    room.receive(1, &hello).expect("a good frame");
    let saved = room.snapshot();
    for end in 0..hello.len() {
        assert_eq!(
            room.receive(1, &hello[..end]),
            Err(Bad::Torn),
            "{end} bytes of an update"
        );
    }
    let mut longer = hello.clone();
    longer.push(0);
    let most = [0xff, 0xff, 0xff, 0x7f];
    let torn: &[&[u8]] = &[
        &longer,
        &[0, 3, 1, 0], // a fourth kind of sync
        &[0, 0, 10, 1, 255, 255, 255, 255, 255, 255, 255, 31, 1], // a client of 54 bits
        &[0, 0, 1, 9], // a state vector of nine clients, none there
        &[3, 0],       // a question with something behind it
        &frame(&[0, 0], &most), // room for 268 million clients
        &frame(&[0, 2], &most), // the same in an update
        &frame(&[1], &most), // and in awareness
        &awareness(7, 1, "{"), // which is not JSON
        &awareness(7, 1, &format!("\"{}\"", "x".repeat(70 << 10))), // and too large
        &frame(&[0, 2], &[1, 1, 7, 0, 4, 1, 1, b't', 2, 0xc3, b'(', 0]), // not UTF-8
        &frame(&[0, 2], &[1, 1, 7, 0, 9, 1, 1, b't', 1, b'g', 126, 0]), // a document in a document
    ];
    for bytes in torn {
        assert_eq!(
            room.receive(1, bytes),
            Err(Bad::Torn),
            "{:?}",
            &bytes[..bytes.len().min(16)]
        );
    }
    for bytes in [&[2, 0, 1, b'x'][..], &[4], &[200, 1, 0]] {
        assert_eq!(room.receive(1, bytes), Err(Bad::Kind), "{bytes:?}");
    }
    assert_eq!(room.snapshot(), saved);
}

#[test]
fn values_nested_without_end_do_not_overflow_the_stack() {
    // A list of one list of one list, and so on: two bytes for each level.
    let nested = |levels: usize| {
        let mut update = vec![1, 1, 7, 0, 8, 1, 1, b'a', 1];
        for _ in 0..levels {
            update.extend([117, 1]);
        }
        update.extend([126, 0]);
        frame(&[0, 2], &update)
    };
    let mut room = Room::open(&[]).expect("a new room");
    assert_eq!(room.receive(1, &nested(500_000)), Err(Bad::Torn));
    assert!(
        room.receive(1, &nested(60))
            .expect("a good frame")
            .publish
            .is_some()
    );
}

#[test]
fn types_nested_without_end_do_not_overflow_the_stack() {
    // Each list is in the one before: `yrs` deletes them one within the other.
    let doc = Doc::with_client_id(7);
    let root = doc.get_or_insert_array("a");
    let mut room = Room::open(&[]).expect("a new room");
    let mut parent = root.clone();
    let mut refused = None;
    for level in 0..600 {
        let before = doc.transact().state_vector();
        parent = {
            let mut change = doc.transact_mut();
            parent.push_back(&mut change, ArrayPrelim::from(Vec::<In>::new()))
        };
        let update = doc.transact().encode_diff_v1(&before);
        if let Err(bad) = room.receive(1, &frame(&[0, 2], &update)) {
            refused = Some((level, bad));
            break;
        }
    }
    assert_eq!(refused, Some((500, Bad::Full)));
    let before = doc.transact().state_vector();
    root.remove(&mut doc.transact_mut(), 0);
    let update = doc.transact().encode_diff_v1(&before);
    room.receive(1, &frame(&[0, 2], &update))
        .expect("a good frame");
    // Those that are gone count no longer.
    room.receive(1, &written(8, "x")).expect("a good frame");
}

#[test]
fn a_document_grows_to_its_limit_and_no_further() {
    let mut room = Room::open(&[]).expect("a new room");
    let large = "x".repeat(DOCUMENT / 3);
    room.receive(1, &written(7, &large)).expect("a good frame");
    // Clients that come back repeat what is known.
    for _ in 0..4 {
        room.receive(1, &written(7, &large)).expect("a good frame");
    }
    room.receive(1, &written(8, &large)).expect("a good frame");
    assert_eq!(room.receive(1, &written(9, &large)), Err(Bad::Full));
    room.receive(1, &written(9, "a little"))
        .expect("a good frame");
}

#[test]
fn small_inserts_end_at_the_limit_and_a_deletion_passes_there() {
    let mut room = Room::open(&[]).expect("a new room");
    let doc = Doc::with_client_id(7);
    let root = doc.get_or_insert_text("text");
    let kilobyte = "x".repeat(1000);
    let refused = (0..1200).find_map(|_| {
        let before = doc.transact().state_vector();
        root.insert(&mut doc.transact_mut(), 0, &kilobyte);
        let update = doc.transact().encode_diff_v1(&before);
        room.receive(1, &frame(&[0, 2], &update)).err()
    });
    assert_eq!(refused, Some(Bad::Full));
    // Nothing but which blocks are deleted.
    let before = doc.transact().state_vector();
    root.remove_range(&mut doc.transact_mut(), 1000, 500_000);
    let deletion = doc.transact().encode_diff_v1(&before);
    let deleted = room.receive(1, &frame(&[0, 2], &deletion));
    assert!(deleted.expect("a deletion").publish.is_some());
    assert!(room.snapshot().len() < DOCUMENT);
    assert!(room.receive(1, &written(8, &kilobyte)).is_ok());
}

#[test]
fn a_file_that_is_damaged_is_not_opened() {
    let mut room = Room::open(&[]).expect("a new room");
    room.receive(1, &written(7, "hello")).expect("a good frame");
    let saved = room.snapshot();
    for end in 1..saved.len() {
        assert!(Room::open(&saved[..end]).is_err(), "{end} bytes of a file");
    }
}

#[test]
fn what_a_page_sends_arrives() {
    // An object with a text, and a list of numbers, as `yjs` encodes them.
    let update = b"\x01\x01\x07\x00\x08\x01\x07strokes\x01\x76\x02\x03ink\x77\x07#20222c\x06points\x75\x04\x7d\x01\x7d\x02\x7d\xac\x04\x7d\xc5\x01\x00";
    let mut room = Room::open(&[]).expect("a new room");
    room.receive(1, &frame(&[0, 2], update))
        .expect("a good frame");
    let doc = Doc::new();
    let strokes = doc.get_or_insert_array("strokes");
    let saved = Update::decode_v1(&room.snapshot()).expect("a snapshot");
    doc.transact_mut().apply_update(saved).expect("it applies");
    let json = strokes.to_json(&doc.transact());
    let mut text = String::new();
    json.to_json(&mut text);
    let Any::Array(lines) = &json else {
        panic!("{text}")
    };
    assert_eq!(lines.len(), 1);
    assert!(text.contains(r##""ink":"#20222c""##), "{text}");
    assert!(text.contains("[1,2,300,-69]"), "{text}");
}
