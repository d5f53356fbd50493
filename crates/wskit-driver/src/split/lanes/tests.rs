//! Compares the lanes with a model without queues, which searches one list of messages each time.

use proptest::prelude::*;
use wskit_proto::Outgoing;

use super::pace::Pace;
use super::*;

/// A message that waits.
#[derive(Clone, Debug)]
struct Waiting {
    lane: usize,
    len: usize,
}

#[derive(Clone, Debug)]
struct ModelLane {
    config: LaneConfig,
    entered: u64,
    gone: u64,
    dropped: u64,
    /// When its turn was added.
    since: u64,
    has_turn: bool,
    /// The marks behind its messages that are not answered.
    unanswered: Vec<u32>,
}

impl ModelLane {
    fn lets_go(&self) -> bool {
        match self.config.pace {
            Pace::Messages(most) => self.unanswered.len() < most,
            _ => true,
        }
    }
}

/// Sends from the lane of the highest priority that has waited longest.
#[derive(Default)]
struct Model {
    lanes: Vec<ModelLane>,
    waiting: Vec<Waiting>,
    clock: u64,
    /// When the turn of the direct writers was added.
    direct: Option<u64>,
    /// The number of the latest mark, and whether messages have left since.
    mark: u32,
    owes_mark: bool,
    /// The lanes of the messages that are not answered, in the order in which they left.
    under_way: Vec<usize>,
}

impl Model {
    fn of(&self, lane: usize) -> impl Iterator<Item = &Waiting> {
        self.waiting.iter().filter(move |one| one.lane == lane)
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn drop_oldest(&mut self, lane: usize) {
        let at = self.waiting.iter().position(|one| one.lane == lane);
        self.waiting.remove(at.expect("one waits"));
        self.lanes[lane].dropped += 1;
        self.lanes[lane].gone += 1;
    }

    fn push(&mut self, lane: usize, len: usize) -> Result<Pushed, SendError> {
        let config = self.lanes[lane].config.clone();
        let fits = |model: &Self| {
            let count = model.of(lane).count();
            let bytes: usize = model.of(lane).map(|one| one.len).sum();
            count == 0 || (count < config.max_messages && bytes + len <= config.max_bytes)
        };
        let mut dropped = 0;
        match config.overflow {
            Overflow::Wait | Overflow::Disconnect => {
                if !fits(self) {
                    return Err(SendError::QueueFull);
                }
            }
            Overflow::DropOldest => {
                while !fits(self) {
                    self.drop_oldest(lane);
                    dropped += 1;
                }
            }
            Overflow::LatestOnly => {
                while self.of(lane).next().is_some() {
                    self.drop_oldest(lane);
                    dropped += 1;
                }
            }
        }
        self.waiting.push(Waiting { lane, len });
        self.take_turn(lane);
        self.lanes[lane].entered += 1;
        Ok(match dropped {
            0 => Pushed::Queued,
            count => Pushed::Displaced(count),
        })
    }

    fn take_turn(&mut self, lane: usize) {
        let waits = self.of(lane).next().is_some();
        if waits && self.lanes[lane].lets_go() && !self.lanes[lane].has_turn {
            self.lanes[lane].has_turn = true;
            self.lanes[lane].since = self.tick();
        }
    }

    fn next_mark(&mut self) -> Option<u32> {
        core::mem::take(&mut self.owes_mark).then(|| {
            self.mark += 1;
            self.mark
        })
    }

    fn answered(&mut self, number: u32) -> bool {
        let oldest = self.lanes.iter().filter_map(|lane| lane.unanswered.first());
        let oldest = oldest.min().copied().unwrap_or(u32::MAX);
        if !(oldest..=self.mark).contains(&number) {
            return false;
        }
        while let Some(&lane) = self.under_way.first() {
            if self.lanes[lane].unanswered[0] > number {
                break;
            }
            self.under_way.remove(0);
            self.lanes[lane].unanswered.remove(0);
            self.take_turn(lane);
        }
        true
    }

    /// The lane and the size of the next message.
    fn next(&mut self, direct_waits: bool) -> Option<(usize, usize)> {
        match (direct_waits, self.direct) {
            (true, None) => self.direct = Some(self.tick()),
            (false, _) => self.direct = None,
            _ => {}
        }
        let best = (0..self.lanes.len())
            .filter(|lane| self.lanes[*lane].has_turn)
            .min_by_key(|lane| {
                let lane = &self.lanes[*lane];
                (std::cmp::Reverse(lane.config.priority), lane.since)
            })?;
        let (priority, since) = (self.lanes[best].config.priority, self.lanes[best].since);
        let direct_first = self.direct.is_some_and(|direct| {
            priority < Priority::Normal || (priority == Priority::Normal && direct < since)
        });
        if direct_first {
            return None;
        }
        let at = self.waiting.iter().position(|one| one.lane == best)?;
        let sent = self.waiting.remove(at);
        self.lanes[best].gone += 1;
        if self.lanes[best].config.pace != Pace::Free {
            self.lanes[best].unanswered.push(self.mark + 1);
            self.under_way.push(best);
            self.owes_mark = true;
        }
        self.lanes[best].has_turn = false;
        self.take_turn(best);
        Some((best, sent.len))
    }
}

#[derive(Clone, Debug)]
enum Step {
    Open(LaneConfig),
    Push {
        lane: usize,
        len: usize,
    },
    Next {
        direct_waits: bool,
    },
    DirectEntered,
    Mark,
    /// A pong of the mark with this distance to the latest.
    Pong(u32),
    StopPacing,
    Clear,
}

fn config() -> impl Strategy<Value = LaneConfig> {
    let priority = prop_oneof![
        Just(Priority::Bulk),
        Just(Priority::Normal),
        Just(Priority::Urgent)
    ];
    let overflow = prop_oneof![
        Just(Overflow::Wait),
        Just(Overflow::DropOldest),
        Just(Overflow::LatestOnly),
        Just(Overflow::Disconnect)
    ];
    let pace = prop_oneof![2 => Just(None), 3 => (0..4_usize).prop_map(Some)];
    (priority, overflow, 0..6_usize, 0..400_usize, pace).prop_map(
        |(priority, overflow, most, bytes, pace)| {
            let config = LaneConfig::new()
                .priority(priority)
                .overflow(overflow)
                .max_messages(most)
                .max_bytes(bytes);
            match pace {
                None => config,
                Some(messages) => config.paced(messages),
            }
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => config().prop_map(Step::Open),
        20 => (0..8_usize, 0..200_usize).prop_map(|(lane, len)| Step::Push { lane, len }),
        15 => any::<bool>().prop_map(|direct_waits| Step::Next { direct_waits }),
        3 => Just(Step::DirectEntered),
        5 => Just(Step::Mark),
        5 => (0..4_u32).prop_map(|back| Step::Pong(back.wrapping_sub(1))),
        1 => Just(Step::StopPacing),
        1 => Just(Step::Clear),
    ]
}

proptest! {
    /// Proves: X-io-3
    #[test]
    fn lanes_do_as_the_model(steps in proptest::collection::vec(step(), 1..150)) {
        let (mut lanes, mut model) = (Lanes::default(), Model::default());
        let mut ids = Vec::new();
        for step in steps {
            match step {
                Step::Open(config) => {
                    ids.push(lanes.open(config.clone()));
                    model.lanes.push(ModelLane {
                        config,
                        entered: 0,
                        gone: 0,
                        dropped: 0,
                        since: 0,
                        has_turn: false,
                        unanswered: Vec::new(),
                    });
                }
                Step::Push { lane, len } if !ids.is_empty() => {
                    let lane = lane % ids.len();
                    let bytes = vec![lane as u8; len];
                    let mut message = Some(QueuedMessage::from(Outgoing::from(&bytes)));
                    let pushed = lanes.push(ids[lane], &mut message, &mut Vec::new());
                    prop_assert_eq!(message.is_none(), pushed.is_ok());
                    prop_assert_eq!(pushed, model.push(lane, len));
                }
                Step::Next { direct_waits } => {
                    let next = lanes.next(direct_waits).map(|message| message.len());
                    let expected = model.next(direct_waits);
                    prop_assert_eq!(next, expected.map(|(_, len)| len));
                }
                Step::DirectEntered => {
                    lanes.remove_direct();
                    model.direct = None;
                }
                Step::Mark => {
                    let mark = lanes.next_mark(Instant::now);
                    let number = mark.map(|payload| mark_number(&payload).expect("a mark"));
                    prop_assert_eq!(number, model.next_mark());
                }
                Step::Pong(back) => {
                    let number = model.mark.wrapping_sub(back);
                    prop_assert_eq!(lanes.answered(number, Instant::now), model.answered(number));
                }
                Step::StopPacing => {
                    lanes.stop_pacing();
                    for lane in 0..model.lanes.len() {
                        model.lanes[lane].config.pace = Pace::Free;
                        model.take_turn(lane);
                    }
                }
                Step::Clear => {
                    lanes.clear(&mut Vec::new());
                    for lane in 0..model.lanes.len() {
                        model.lanes[lane].dropped += model.of(lane).count() as u64;
                        model.lanes[lane].has_turn = false;
                    }
                    model.waiting.clear();
                    model.direct = None;
                }
                Step::Push { .. } => {}
            }
            let all = lanes.buffered();
            prop_assert_eq!(all.messages, model.waiting.len());
            prop_assert_eq!(all.bytes, model.waiting.iter().map(|one| one.len).sum::<usize>());
            prop_assert_eq!(lanes.is_empty(), model.waiting.is_empty());
            let ready = model.lanes.iter().filter(|lane| lane.has_turn).count();
            prop_assert_eq!(lanes.ready, ready);
            for (lane, id) in ids.iter().enumerate() {
                let ModelLane { entered, gone, dropped, .. } = model.lanes[lane];
                prop_assert_eq!(lanes.buffered_in(*id).messages, model.of(lane).count());
                prop_assert_eq!((lanes.entered(*id), lanes.dropped(*id)), (entered, dropped));
                prop_assert!(lanes.have_gone(*id, gone) && !lanes.have_gone(*id, gone + 1));
            }
        }
    }

    /// Numbers of lanes are reused, and messages of a lane without an owner are still sent.
    #[test]
    fn released_lanes_are_emptied_and_reused(sizes in proptest::collection::vec(0..4_usize, 1..40)) {
        let mut lanes = Lanes::default();
        for count in sizes {
            let id = lanes.open(LaneConfig::new());
            for _ in 0..count {
                let mut message = Some(QueuedMessage::from(Outgoing::from("x")));
                prop_assert_eq!(lanes.push(id, &mut message, &mut Vec::new()), Ok(Pushed::Queued));
            }
            lanes.release(id);
            for _ in 0..count {
                prop_assert!(lanes.next(false).is_some());
            }
            prop_assert!(lanes.next(false).is_none());
        }
        prop_assert_eq!(lanes.queues.len(), 1);
    }
}

/// Nothing is kept of paced lanes that were dropped, but for the pongs that may still come.
#[test]
fn dropped_lanes_of_a_peer_that_answers_no_mark_take_no_memory() {
    let mut lanes = Lanes::default();
    let message = || Some(QueuedMessage::from(Outgoing::from("x")));
    let kept = lanes.open(LaneConfig::new().paced(1));
    for round in 0..100_000_u32 {
        if round == 1000 {
            let pushed = lanes.push(kept, &mut message(), &mut Vec::new());
            assert_eq!(pushed, Ok(Pushed::Queued));
        }
        let id = lanes.open(LaneConfig::new().paced(1));
        for _ in 0..2 {
            let pushed = lanes.push(id, &mut message(), &mut Vec::new());
            assert_eq!(pushed, Ok(Pushed::Queued));
        }
        while lanes.next(false).is_some() {}
        assert!(lanes.next_mark(Instant::now).is_some());
        lanes.release(id);
        while lanes.next(false).is_some() {}
        assert!(lanes.next_mark(Instant::now).is_none());
        assert!(lanes.is_empty());
        assert!(lanes.queues.len() <= 2);
        assert!(lanes.marks.as_ref().is_some_and(|marks| marks.len() <= 2));
    }
    // A pong of a lane that is gone is no event.
    assert!(lanes.answered(1, Instant::now));
    assert!(lanes.answered(100_000, Instant::now));
    assert!(!lanes.answered(1, Instant::now));
    assert!(!lanes.repeat_mark());
}

/// A keepalive ping overtakes what is queued, so that its pong answers only what had been written before the
/// keepalive ping was sent.
#[test]
fn keepalive_pong_answers_what_was_written_at_the_one_before() {
    let mut lanes = Lanes::default();
    let id = lanes.open(LaneConfig::new().paced(1));
    for _ in 0..3 {
        let mut message = Some(QueuedMessage::from(Outgoing::from("x")));
        let pushed = lanes.push(id, &mut message, &mut Vec::new());
        assert_eq!(pushed, Ok(Pushed::Queued));
    }
    assert!(!lanes.keepalive_answered(true), "no message has left");
    // The mark waits in the queue, then has been written, then was read.
    assert!(lanes.next(false).is_some());
    assert!(lanes.next_mark(Instant::now).is_some());
    assert!(!lanes.keepalive_answered(false));
    assert!(!lanes.keepalive_answered(true));
    assert!(!lanes.has_ready());
    assert!(lanes.keepalive_answered(true));
    // What leaves now is answered by the next but one.
    assert!(lanes.next(false).is_some());
    assert!(lanes.next_mark(Instant::now).is_some());
    assert!(!lanes.keepalive_answered(true));
    assert!(lanes.keepalive_answered(true));
    assert!(lanes.has_ready());
    assert!(!lanes.keepalive_answered(true));
}
