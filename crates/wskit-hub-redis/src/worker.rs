use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use wskit_hub::{Command, EngineEvent, NodeId, Reply, RequestId};

use crate::backoff::Backoff;
use crate::builder::Builder;
use crate::command;
use crate::fault::{ConnectError, Failure, Fault, Outcome};
use crate::flights::{Flights, Task};
use crate::inbox::INSTANCE;
use crate::queue::Queue;
use crate::session::Session;
use crate::telemetry;

/// A command of the hub.
pub(crate) struct Request {
    pub(crate) id: RequestId,
    pub(crate) command: Command,
    /// The payload in it, in bytes.
    pub(crate) len: usize,
    pub(crate) since: Instant,
    /// It was sent once, and what became of it is not known.
    pub(crate) is_repeated: bool,
}

/// The task of an engine.
pub(crate) struct Worker {
    settings: Arc<Builder>,
    queue: Arc<Queue>,
    requests: mpsc::UnboundedReceiver<Request>,
    /// The numbers of this hub: the lower bits count its sessions.
    node: NodeId,
    /// What waits until there is a connection again, in order.
    held: VecDeque<Request>,
    /// Why there is no connection.
    fault: Fault,
    backoff: Backoff,
}

/// How often the hub looks whether it still hears itself.
const PROBE: Duration = Duration::from_secs(10);

/// When what is to be done.
struct Times {
    lease: Option<Instant>,
    probe: Option<Instant>,
    /// When the last probe was, or the session began.
    probed: Instant,
    /// Until when the probe has to be heard.
    heard: Option<Instant>,
    touch: Option<Instant>,
}

impl Worker {
    pub(crate) fn new(
        settings: Arc<Builder>,
        queue: Arc<Queue>,
        requests: mpsc::UnboundedReceiver<Request>,
    ) -> Self {
        Self {
            settings,
            queue,
            requests,
            node: NodeId(command::random() & INSTANCE),
            held: VecDeque::new(),
            fault: Fault::Unreachable("there was no connection yet".to_owned()),
            backoff: Backoff::default(),
        }
    }

    pub(crate) async fn connect(&self) -> Result<Arc<Session>, ConnectError> {
        Session::connect(&self.settings, &self.queue, self.node, &[]).await
    }

    /// Works until the engine is dropped.
    pub(crate) async fn run(mut self, session: Option<Arc<Session>>) {
        let mut session = session;
        let mut known = Vec::new();
        loop {
            if let Some(session) = session.take() {
                let since = Instant::now();
                let end = self.serve(&session).await;
                self.backoff.lasted(since.elapsed());
                session.inbox.close();
                let Some(fault) = end else {
                    // If it does not come there, the lease is over after a while.
                    let resigned = session.resign(session.node);
                    let _ = timeout(Duration::from_secs(1), resigned).await;
                    return;
                };
                known = session
                    .links
                    .iter()
                    .map(|link| link.address.clone())
                    .collect();
                telemetry::lost(&fault);
                self.fault = fault;
            }
            self.queue.push(EngineEvent::Down);
            session = self.connect_again(&known).await;
            if session.is_none() {
                return;
            }
            self.queue.push(EngineEvent::Up);
        }
    }

    fn answer(&self, request: Request, result: Result<Reply, Failure>) {
        self.queue.end(request.len);
        self.queue.push(EngineEvent::Done {
            id: request.id,
            result: result.map_err(Failure::engine_error),
        });
    }

    fn is_late(&self, request: &Request) -> bool {
        request.since.elapsed() >= self.settings.deadline
    }

    /// Carries out commands until the session is over, and returns why; `None` if the engine was dropped.
    async fn serve(&mut self, session: &Arc<Session>) -> Option<Fault> {
        let mut flights = Flights::default();
        let now = Instant::now();
        let mut times = Times {
            lease: Some(now + session.next_lease()),
            probe: Some(now + PROBE),
            probed: now,
            heard: None,
            touch: Some(now + self.settings.keep / 3),
        };
        let end = self.fly(session, &mut flights, &mut times).await;
        let fault = end.clone().unwrap_or(Fault::Busy);
        // What is answered already.
        while let Some(Some((number, result))) = flights.flying.next().now_or_never() {
            self.landed(session, &mut flights, &mut times, number, result);
        }
        for (number, (_, task)) in std::mem::take(&mut flights.begun) {
            if let Task::Request(request) = task {
                self.failed(&mut flights, number, request, Failure::lost(fault.clone()));
            }
        }
        // In the order in which they were begun, and before all others.
        for request in flights.again.into_values().rev() {
            self.held.push_front(request);
        }
        end
    }

    async fn fly(
        &mut self,
        session: &Arc<Session>,
        flights: &mut Flights,
        times: &mut Times,
    ) -> Option<Fault> {
        loop {
            if flights.has_no_scripts && flights.flying.is_empty() {
                if let Err(failure) = self.load_scripts(session, flights).await {
                    return Some(failure.fault);
                }
                times.lease = Some(Instant::now());
            }
            while flights.takes_more() {
                match self.held.pop_front() {
                    Some(request) => self.begin(session, flights, request),
                    None => break,
                }
            }
            if let Some(fault) = self.due(session, flights, times) {
                return Some(fault);
            }
            let alarm = sleep_until(self.alarm(flights, times));
            tokio::select! {
                biased;
                fault = session.inbox.ended() => return Some(fault),
                Some((number, result)) = flights.flying.next(), if !flights.flying.is_empty() => {
                    if let Some(fault) = self.landed(session, flights, times, number, result) {
                        return Some(fault);
                    }
                }
                request = self.requests.recv(), if flights.takes_more() => {
                    self.begin(session, flights, request?);
                }
                () = session.inbox.doubted() => times.doubt(Instant::now()),
                () = alarm => {}
            }
        }
    }

    /// Returns when something is due.
    fn alarm(&self, flights: &Flights, times: &Times) -> Instant {
        let deadlines = [flights.oldest(), flights.oldest_request()];
        let deadlines = deadlines.map(|since| since.map(|since| since + self.settings.deadline));
        // Nothing else is begun before the scripts are there.
        let others = if flights.has_no_scripts {
            [None; 3]
        } else {
            [times.lease, times.probe, times.touch]
        };
        let next = others
            .into_iter()
            .chain(deadlines)
            .chain([times.heard])
            .flatten()
            .min();
        next.unwrap_or_else(|| Instant::now() + PROBE)
    }

    /// Does what is due. Returns why the session is over, if it is.
    fn due(
        &self,
        session: &Arc<Session>,
        flights: &mut Flights,
        times: &mut Times,
    ) -> Option<Fault> {
        let now = Instant::now();
        let no_answer = Fault::NoAnswer(self.settings.deadline);
        if flights
            .oldest()
            .is_some_and(|begun| begun + self.settings.deadline <= now)
        {
            return Some(no_answer);
        }
        // What has waited before it was sent has less time. That it has none left says nothing of the connection.
        while flights
            .oldest_request()
            .is_some_and(|since| since + self.settings.deadline <= now)
        {
            if let Some(request) = flights.give_up_oldest() {
                self.answer(request, Err(Failure::refused(no_answer.clone())));
            }
        }
        if times.heard.take_if(|at| *at <= now).is_some() && !session.is_heard() {
            return Some(no_answer);
        }
        if flights.has_no_scripts {
            return None;
        }
        if times.lease.take_if(|at| *at <= now).is_some() {
            let renew = session.clone().renew();
            flights.begin(Task::Lease, renew.map(|done| done.map(|()| Reply::Done)));
        }
        if times.probe.take_if(|at| *at <= now).is_some() {
            times.probe = Some(now + PROBE);
            times.probed = now;
            times.heard = Some(now + PROBE / 2);
            let probe = session.clone().probe();
            flights.begin(Task::Probe, probe.map(|done| done.map(|()| Reply::Done)));
            let look = session.clone().look();
            flights.begin(Task::Look, look.map(|done| done.map(|()| Reply::Done)));
        }
        if times.touch.take_if(|at| *at <= now).is_some() {
            let touch = session.clone().touch();
            flights.begin(Task::Touch, touch.map(|done| done.map(|()| Reply::Done)));
        }
        None
    }

    fn begin(&self, session: &Arc<Session>, flights: &mut Flights, request: Request) {
        if self.is_late(&request) {
            let fault = Fault::NoAnswer(self.settings.deadline);
            self.answer(request, Err(Failure::refused(fault)));
            return;
        }
        let run = command::run(session.clone(), request.command.clone());
        flights.begin(Task::Request(request), run);
    }

    /// A flight is over. Returns why the session is over, if it is.
    fn landed(
        &self,
        session: &Session,
        flights: &mut Flights,
        times: &mut Times,
        number: u64,
        result: Result<Reply, Failure>,
    ) -> Option<Fault> {
        let (_, task) = flights.begun.remove(&number)?;
        let is_listen = matches!(
            &task,
            Task::Request(Request {
                command: Command::Listen { .. } | Command::Unlisten { .. },
                ..
            })
        );
        // If a slot has moved, the answers on the subscribed connection may be those to other requests.
        let result = match session.inbox.fault().filter(|_| is_listen) {
            Some(fault) => Err(Failure::lost(fault)),
            None => result,
        };
        let ends_session = result.as_ref().err().filter(|failure| failure.ends_session);
        let end = ends_session.map(|failure| failure.fault.clone());
        match (task, result) {
            (Task::Request(request), Ok(reply)) => {
                self.overtake(flights, number, &request.command);
                self.answer(request, Ok(reply));
            }
            (Task::Request(request), Err(failure)) => {
                self.failed(flights, number, request, failure);
            }
            (task, result) => {
                let is_no_script =
                    matches!(&result, Err(failure) if failure.outcome == Outcome::NoScript);
                flights.has_no_scripts |= is_no_script;
                let now = Instant::now();
                match task {
                    Task::Lease => times.lease = Some(now + session.next_lease()),
                    Task::Touch if is_no_script => times.touch = Some(now),
                    Task::Touch => times.touch = Some(now + self.settings.keep / 3),
                    _ => {}
                }
            }
        }
        end
    }

    /// A command has failed. It is begun again later, or answered.
    fn failed(&self, flights: &mut Flights, number: u64, mut request: Request, failure: Failure) {
        let is_first = !request.is_repeated;
        request.is_repeated |= failure.outcome == Outcome::Unknown;
        let can_wait = match (&request.command, failure.outcome) {
            (_, Outcome::NoScript) => {
                flights.has_no_scripts = true;
                true
            }
            (Command::Publish { .. }, Outcome::NotDone) => failure.ends_session,
            // What has a name is not published twice. It is repeated once: it may be what ends connections.
            (
                Command::Publish {
                    publication,
                    history: Some(_),
                    ..
                },
                Outcome::Unknown,
            ) => is_first && publication.get_id().is_some(),
            _ => false,
        };
        if can_wait && !self.is_late(&request) {
            flights.again.insert(number, request);
        } else {
            self.answer(request, Err(failure));
        }
    }

    /// A message was stored. Those of its topic that were begun before, and that the server did not take, would
    /// come after it.
    fn overtake(&self, flights: &mut Flights, number: u64, command: &Command) {
        let Command::Publish { topic, .. } = command else {
            return;
        };
        let is_behind = |request: &Request| match &request.command {
            // What may have been stored before keeps its place.
            Command::Publish { topic: other, .. } => other == topic && !request.is_repeated,
            _ => false,
        };
        let before = flights.again.range(..number);
        let behind: Vec<_> = before
            .filter(|(_, request)| is_behind(request))
            .map(|(number, _)| *number)
            .collect();
        for number in behind {
            if let Some(request) = flights.again.remove(&number) {
                self.answer(request, Err(Failure::refused(Fault::Overtaken)));
            }
        }
    }

    /// Gives the scripts to the servers again, and begins again what has failed without them.
    async fn load_scripts(
        &mut self,
        session: &Session,
        flights: &mut Flights,
    ) -> Result<(), Failure> {
        let deadline = self.settings.deadline;
        let loaded = timeout(deadline, session.load_scripts()).await;
        loaded.unwrap_or_else(|_| Err(Failure::lost(Fault::NoAnswer(deadline))))?;
        flights.has_no_scripts = false;
        for request in std::mem::take(&mut flights.again).into_values().rev() {
            self.held.push_front(request);
        }
        Ok(())
    }

    /// Connects again. Returns `None` if the engine was dropped.
    async fn connect_again(&mut self, known: &[String]) -> Option<Arc<Session>> {
        let old = self.node;
        self.node = NodeId((old.0 & INSTANCE) | (old.0.wrapping_add(1) & !INSTANCE));
        let (settings, queue, node) = (self.settings.clone(), self.queue.clone(), self.node);
        loop {
            let wait = self.backoff.next(command::random());
            self.meanwhile(sleep(wait)).await?;
            let attempt = async {
                let session = Session::connect(&settings, &queue, node, known).await?;
                // The members of the session before are those of no hub.
                let _ = timeout(settings.deadline, session.resign(old)).await;
                Ok::<_, ConnectError>(session)
            };
            match self.meanwhile(Box::pin(attempt)).await? {
                Ok(session) => {
                    telemetry::connected(session.links.len());
                    return Some(session);
                }
                Err(error) => {
                    telemetry::still_away(error.fault());
                    self.fault = error.fault().clone();
                }
            }
        }
    }

    /// Waits for a future while there is no connection: messages to publish wait too, all else fails. Returns
    /// `None` if the engine was dropped.
    async fn meanwhile<F: Future>(&mut self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        loop {
            while self
                .held
                .front()
                .is_some_and(|request| self.is_late(request))
            {
                if let Some(request) = self.held.pop_front() {
                    self.answer(request, Err(Failure::lost(self.fault.clone())));
                }
            }
            let first = self.held.front().map(|request| request.since);
            let late = async {
                match first {
                    Some(since) => sleep_until(since + self.settings.deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                output = &mut future => return Some(output),
                request = self.requests.recv() => {
                    let request = request?;
                    if matches!(request.command, Command::Publish { .. }) {
                        self.held.push_back(request);
                    } else {
                        self.answer(request, Err(Failure::lost(self.fault.clone())));
                    }
                }
                () = late => {}
            }
        }
    }
}

impl Times {
    /// It has to be asked soon whether the server is still the primary, but not again and again.
    fn doubt(&mut self, now: Instant) {
        let soon = now.max(self.probed + Duration::from_secs(1));
        self.probe = self.probe.map(|at| at.min(soon));
    }
}

#[cfg(test)]
mod tests;
