use std::task::{Context, Poll, Waker};

use wskit_hub::{EngineErrorKind, Epoch, History, Position, Publication};
use wskit_hub_suite::servers::redis::Redis as Server;

use super::*;
use crate::Redis;

/// A worker whose commands are answered by the test.
struct Bench {
    worker: Worker,
    session: Arc<Session>,
    flights: Flights,
    times: Times,
    _server: Server,
}

impl Bench {
    async fn new() -> Self {
        let server = Server::start();
        let settings = Arc::new(Redis::server(server.url()));
        let (_, requests) = mpsc::unbounded_channel();
        let worker = Worker::new(settings, Arc::new(Queue::default()), requests);
        let session = worker.connect().await.unwrap();
        Self {
            worker,
            session,
            flights: Flights::default(),
            times: Times {
                lease: None,
                probe: None,
                probed: Instant::now(),
                heard: None,
                touch: None,
            },
            _server: server,
        }
    }

    /// A message to a topic is on its way, and was given to the engine some time ago.
    fn flies(&mut self, number: u64, topic: &str, age: Duration) {
        assert!(self.worker.queue.begin(0));
        let request = Request {
            id: RequestId(number),
            command: Command::Publish {
                topic: topic.into(),
                publication: Publication::text("x"),
                history: Some(History::last(10)),
            },
            len: 0,
            since: Instant::now() - age,
            is_repeated: false,
        };
        let task = (Instant::now(), Task::Request(request));
        self.flights.begun.insert(number, task);
    }

    fn lands(&mut self, number: u64, result: Result<Reply, Failure>) -> Option<Fault> {
        let (flights, times) = (&mut self.flights, &mut self.times);
        self.worker
            .landed(&self.session, flights, times, number, result)
    }

    /// What the hub is told, with the kind of error.
    fn answers(&self) -> Vec<(u64, Option<EngineErrorKind>)> {
        let mut answers = Vec::new();
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(event) = self.worker.queue.poll(&mut cx) {
            if let EngineEvent::Done { id, result } = event {
                answers.push((id.0, result.err().map(|error| error.kind())));
            }
        }
        answers
    }
}

fn published() -> Reply {
    Reply::Published(Position {
        epoch: Epoch::new(1),
        offset: 1,
    })
}

#[tokio::test]
async fn a_message_that_was_not_taken_does_not_come_after_a_later_one_of_its_topic() {
    for failure in [
        Failure::of_server("NOSCRIPT", ""),
        Failure::of_server("TRYAGAIN", ""),
    ] {
        let mut bench = Bench::new().await;
        for (number, topic) in [(1, "t"), (2, "other"), (3, "t"), (4, "t")] {
            bench.flies(number, topic, Duration::ZERO);
        }
        for number in [1, 2] {
            bench.lands(number, Err(failure.clone()));
        }
        assert_eq!(bench.answers(), []);
        bench.lands(3, Ok(published()));
        bench.lands(4, Err(failure));
        let unavailable = Some(EngineErrorKind::Unavailable);
        assert_eq!(bench.answers(), [(1, unavailable), (3, None)]);
        assert!(bench.flights.again.keys().eq(&[2, 4]));
    }
}

#[tokio::test]
async fn a_message_that_has_waited_is_answered_by_its_deadline_and_does_not_end_the_session() {
    let mut bench = Bench::new().await;
    let deadline = bench.worker.settings.deadline;
    bench.flies(1, "t", deadline);
    bench.flies(2, "t", Duration::ZERO);
    let at = bench.worker.alarm(&bench.flights, &bench.times);
    assert!(at <= Instant::now());
    let (worker, session) = (&bench.worker, &bench.session);
    let end = worker.due(session, &mut bench.flights, &mut bench.times);
    assert_eq!(end, None);
    let unavailable = Some(EngineErrorKind::Unavailable);
    assert_eq!(bench.answers(), [(1, unavailable)]);
    // The next alarm is for the second.
    assert!(bench.worker.alarm(&bench.flights, &bench.times) > Instant::now());
    bench.lands(1, Ok(published()));
    bench.lands(2, Ok(published()));
    assert_eq!(bench.answers(), [(2, None)]);
}

#[tokio::test]
async fn doubts_bring_the_next_probe_forward_but_never_close_to_the_last() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut times = Times {
        lease: None,
        probe: Some(at(10)),
        probed: start,
        heard: None,
        touch: None,
    };
    for _ in 0..3 {
        times.doubt(start);
        assert_eq!(times.probe, Some(at(1)));
    }
    times.probe = Some(at(10));
    times.doubt(at(7));
    assert_eq!(times.probe, Some(at(7)));
}
