//! Compares the lanes with a model without queues, which searches one list of messages each time.

use proptest::prelude::*;
use wskit_proto::Outgoing;

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
}

/// Sends from the lane of the highest priority that has waited longest.
#[derive(Default)]
struct Model {
    lanes: Vec<ModelLane>,
    waiting: Vec<Waiting>,
    clock: u64,
    /// When the turn of the direct writers was added.
    direct: Option<u64>,
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
        let before = self.of(lane).count();
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
        if before == 0 {
            self.lanes[lane].since = self.tick();
        }
        self.waiting.push(Waiting { lane, len });
        self.lanes[lane].entered += 1;
        Ok(match dropped {
            0 => Pushed::Queued,
            count => Pushed::Displaced(count),
        })
    }

    /// The lane and the size of the next message.
    fn next(&mut self, direct_waits: bool) -> Option<(usize, usize)> {
        match (direct_waits, self.direct) {
            (true, None) => self.direct = Some(self.tick()),
            (false, _) => self.direct = None,
            _ => {}
        }
        let best = (0..self.lanes.len())
            .filter(|lane| self.of(*lane).next().is_some())
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
        self.lanes[best].since = self.tick();
        Some((best, sent.len))
    }
}

#[derive(Clone, Debug)]
enum Step {
    Open(LaneConfig),
    Push { lane: usize, len: usize },
    Next { direct_waits: bool },
    DirectEntered,
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
    (priority, overflow, 0..6_usize, 0..400_usize).prop_map(|(priority, overflow, most, bytes)| {
        LaneConfig::new()
            .priority(priority)
            .overflow(overflow)
            .max_messages(most)
            .max_bytes(bytes)
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => config().prop_map(Step::Open),
        20 => (0..8_usize, 0..200_usize).prop_map(|(lane, len)| Step::Push { lane, len }),
        15 => any::<bool>().prop_map(|direct_waits| Step::Next { direct_waits }),
        3 => Just(Step::DirectEntered),
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
                    model.lanes.push(ModelLane { config, entered: 0, gone: 0, dropped: 0, since: 0 });
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
                Step::Clear => {
                    lanes.clear(&mut Vec::new());
                    for lane in 0..model.lanes.len() {
                        model.lanes[lane].dropped += model.of(lane).count() as u64;
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
