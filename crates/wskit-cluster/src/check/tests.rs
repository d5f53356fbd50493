//! Logs by hand: one without a fault, and for each fault one that has it.

use super::*;

fn log(who: &str, what: &[What]) -> Vec<Record> {
    let mut records = vec![What::Open { node: "1".into() }];
    records.extend_from_slice(what);
    let record = |(at, what)| Record {
        at,
        who: who.into(),
        what,
    };
    (1..).zip(records).map(record).collect()
}

fn sub(how: How, after: Option<&str>, pos: &str) -> What {
    What::Sub {
        topic: "t".into(),
        how,
        after: after.map(str::to_owned),
        pos: pos.into(),
        past: None,
    }
}

fn fresh() -> What {
    sub(How::Fresh, None, "a-0")
}

fn msg(pos: &str, id: &str) -> What {
    What::Msg {
        topic: "t".into(),
        pos: pos.into(),
        id: id.into(),
    }
}

fn ack(pos: &str, id: &str) -> What {
    What::Ack {
        topic: "t".into(),
        id: id.into(),
        pos: Some(pos.into()),
    }
}

fn ack_somewhere(id: &str) -> What {
    What::Ack {
        topic: "t".into(),
        id: id.into(),
        pos: None,
    }
}

fn gap(pos: &str) -> What {
    What::Gap {
        topic: "t".into(),
        pos: pos.into(),
    }
}

fn top(node: &str, pos: &str) -> What {
    What::Top {
        node: node.into(),
        topic: "t".into(),
        pos: pos.into(),
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn present(node: &str, who: &[&str]) -> What {
    What::Present {
        node: node.into(),
        topic: "t".into(),
        names: names(who),
    }
}

fn enter() -> What {
    What::Enter {
        topic: "t".into(),
        name: None,
    }
}

/// Returns the rules that logs break, with a history of ten messages.
fn broken(logs: &[Vec<Record>]) -> Vec<&'static str> {
    let checker = check(logs, 10);
    for violation in &checker.violations {
        println!("{violation:?}");
    }
    checker.violations.iter().map(|found| found.rule).collect()
}

#[test]
fn a_log_in_order_breaks_nothing() {
    let ann = log(
        "ann",
        &[
            fresh(),
            msg("a-1", "x"),
            msg("a-2", "y"),
            What::Lost,
            What::Open { node: "2".into() },
            sub(How::All, Some("a-2"), "a-4"),
            msg("a-3", "z"),
            msg("a-4", "v"),
            gap("b-7"),
            msg("b-8", "w"),
        ],
    );
    let publisher = log("bob", &[ack("a-1", "x"), ack("a-2", "y"), ack("b-8", "w")]);
    let run = log("run", &[top("1", "b-8"), top("2", "b-8")]);
    assert_eq!(broken(&[ann, publisher, run]), [""; 0]);
}

#[test]
fn offsets_of_other_topics_may_lie_between() {
    let ann = log("ann", &[fresh(), msg("a-1", "x"), msg("a-9", "y")]);
    assert_eq!(broken(&[ann, log("bob", &[ack("a-9", "y")])]), [""; 0]);
}

#[test]
fn an_offset_that_falls_is_found() {
    let ann = log("ann", &[fresh(), msg("a-2", "y"), msg("a-1", "x")]);
    assert_eq!(broken(&[ann]), ["I1"]);
}

#[test]
fn a_message_that_comes_twice_is_found() {
    let ann = log("ann", &[fresh(), msg("a-1", "x"), msg("a-1", "x")]);
    assert_eq!(broken(&[ann]), ["I2"]);
}

#[test]
fn a_message_with_two_places_is_found() {
    let ann = log("ann", &[fresh(), msg("a-1", "x"), msg("a-2", "x")]);
    assert_eq!(broken(&[ann]), ["I2"]);
}

#[test]
fn a_message_that_is_published_again_after_the_history_forgot_it_is_counted() {
    let many = (1..30).map(|i| msg(&format!("a-{i}"), &format!("x{}", i % 28)));
    let seen: Vec<_> = std::iter::once(fresh()).chain(many).collect();
    let checker = check(&[log("ann", &seen)], 10);
    assert_eq!(
        (checker.violations, checker.counts.repeated_later),
        (vec![], 1)
    );
}

#[test]
fn an_acknowledged_message_that_is_passed_over_is_found_whatever_log_comes_first() {
    let ann = log("ann", &[fresh(), msg("a-1", "x"), msg("a-3", "z")]);
    let bob = log("bob", &[ack("a-2", "y")]);
    assert_eq!(broken(&[ann.clone(), bob.clone()]), ["I3"]);
    assert_eq!(broken(&[bob, ann]), ["I3"]);
}

#[test]
fn one_acknowledged_without_a_position_is_found_by_what_others_saw() {
    let ann = log("ann", &[fresh(), msg("a-1", "x"), msg("a-3", "z")]);
    let cat = log(
        "cat",
        &[fresh(), msg("a-1", "x"), msg("a-2", "y"), msg("a-3", "z")],
    );
    assert_eq!(
        broken(&[ann, cat, log("bob", &[ack_somewhere("y")])]),
        ["I3"]
    );
}

#[test]
fn one_acknowledged_without_a_position_that_no_one_saw_is_found() {
    let ann = log("ann", &[fresh(), msg("a-1", "x")]);
    assert_eq!(broken(&[ann, log("bob", &[ack_somewhere("y")])]), ["I8"]);
}

#[test]
fn what_is_missing_before_the_first_message_is_found() {
    let ann = log("ann", &[fresh(), msg("a-2", "y")]);
    assert_eq!(broken(&[ann, log("bob", &[ack("a-1", "x")])]), ["I3"]);
}

#[test]
fn a_gap_that_was_told_is_none_to_find() {
    let ann = log(
        "ann",
        &[fresh(), msg("a-1", "x"), gap("a-2"), msg("a-3", "z")],
    );
    assert_eq!(broken(&[ann, log("bob", &[ack("a-2", "y")])]), [""; 0]);
}

#[test]
fn what_is_missing_after_a_gap_that_was_told_is_found() {
    let ann = log(
        "ann",
        &[fresh(), msg("a-1", "x"), gap("a-2"), msg("a-4", "z")],
    );
    assert_eq!(broken(&[ann, log("bob", &[ack("a-3", "y")])]), ["I3"]);
}

#[test]
fn a_new_epoch_that_was_not_told_is_found() {
    let ann = log("ann", &[fresh(), msg("a-1", "x"), msg("b-2", "y")]);
    assert_eq!(broken(&[ann]), ["I3"]);
}

#[test]
fn all_after_a_position_of_another_epoch_is_found() {
    let ann = log(
        "ann",
        &[fresh(), What::Lost, sub(How::All, Some("a-0"), "b-3")],
    );
    assert_eq!(broken(&[ann]), ["I3"]);
}

#[test]
fn all_after_a_position_that_the_topic_has_not_reached_is_found() {
    let seen = [
        fresh(),
        msg("a-5", "x"),
        What::Lost,
        sub(How::All, Some("a-5"), "a-3"),
    ];
    assert_eq!(broken(&[log("ann", &seen)]), ["I3"]);
}

#[test]
fn a_client_that_comes_back_and_is_told_nothing_is_found() {
    let ann = log("ann", &[fresh(), msg("a-1", "x"), What::Lost, fresh()]);
    assert_eq!(broken(&[ann]), ["I3"]);
}

#[test]
fn what_recovery_leaves_out_is_found() {
    let seen = [
        fresh(),
        msg("a-1", "x"),
        What::Lost,
        sub(How::All, Some("a-1"), "a-3"),
        msg("a-3", "z"),
    ];
    assert_eq!(
        broken(&[log("ann", &seen), log("bob", &[ack("a-2", "y")])]),
        ["I3"]
    );
}

#[test]
fn a_client_that_stays_behind_is_found() {
    let ann = log("ann", &[fresh(), msg("a-1", "x")]);
    let run = log("run", &[top("1", "a-2"), top("2", "a-2")]);
    assert_eq!(broken(&[ann, run]), ["I4"]);
}

#[test]
fn a_client_without_its_subscription_is_found() {
    let unsub = What::Unsub { topic: "t".into() };
    let ann = log("ann", &[fresh(), msg("a-1", "x"), unsub]);
    assert_eq!(broken(&[ann, log("run", &[top("1", "a-1")])]), ["I4"]);
}

#[test]
fn nodes_that_disagree_about_the_end_are_found() {
    let run = log("run", &[top("1", "a-2"), top("2", "a-3")]);
    assert_eq!(broken(&[run]), ["I4"]);
}

#[test]
fn an_engine_that_goes_back_is_found() {
    let bob = log("bob", &[ack("a-5", "x")]);
    assert_eq!(broken(&[bob, log("run", &[top("1", "a-4")])]), ["I8"]);
}

#[test]
fn a_position_with_two_messages_is_found() {
    let ann = log("ann", &[fresh(), msg("a-1", "x")]);
    assert_eq!(broken(&[ann, log("bob", &[ack("a-1", "y")])]), ["I8"]);
}

#[test]
fn a_member_that_is_not_shown_is_found() {
    let ann = log("ann", &[enter()]);
    assert_eq!(broken(&[ann, log("run", &[present("1", &[])])]), ["I5"]);
}

#[test]
fn a_member_that_is_gone_and_still_shown_is_found() {
    let run = log("run", &[present("1", &["ann"])]);
    for end in [What::Lost, What::Bye, What::Leave { topic: "t".into() }] {
        assert_eq!(broken(&[log("ann", &[enter(), end]), run.clone()]), ["I5"]);
    }
}

#[test]
fn a_subscriber_that_sees_others_than_the_nodes_is_found() {
    let here = |who: &[&str]| What::Here {
        topic: "t".into(),
        names: names(who),
    };
    let join = What::Join {
        topic: "t".into(),
        name: "ghost".into(),
    };
    let run = log("run", &[present("1", &["ann"])]);
    let right = log("ann", &[enter(), fresh(), here(&["ann"])]);
    assert_eq!(broken(&[right, run.clone()]), [""; 0]);
    let wrong = log("ann", &[enter(), fresh(), here(&["ann"]), join]);
    assert_eq!(broken(&[wrong, run]), ["I5"]);
}

#[test]
fn a_message_without_a_subscription_is_found() {
    let unsub = What::Unsub { topic: "t".into() };
    assert_eq!(broken(&[log("ann", &[msg("a-1", "x")])]), ["I9"]);
    assert_eq!(
        broken(&[log("ann", &[fresh(), unsub, msg("a-1", "x")])]),
        ["I9"]
    );
}

#[test]
fn a_record_is_the_same_after_it_was_text() {
    for record in log(
        "ann",
        &[fresh(), msg("a-1", "x"), ack_somewhere("y"), What::Bye],
    ) {
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(
            serde_json::from_str::<Record>(&text).unwrap(),
            record,
            "{text}"
        );
    }
}
