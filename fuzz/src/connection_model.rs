use std::collections::VecDeque;

use wskit_proto::{Ending, MessageKind, ProtocolError, SendError, State};

use crate::stream_reference::{Rules, Seen, read_stream};

/// A whole connection by RFC 6455 §5 to §7, written for plainness: it reads everything that has ever come
/// again each time, and keeps what is to be written as a list of frames.
///
/// It knows nothing of buffers. Compressed messages it sends plain.
#[derive(Debug)]
pub struct ConnectionModel {
    settings: ModelSettings,
    /// Keys drawn so far.
    drawn: u32,
    came: Vec<u8>,
    /// How many of its events have been returned.
    told: usize,
    stopped: bool,
    /// Frames to be written; of the first, `begun` bytes are.
    data: VecDeque<Vec<u8>>,
    begun: usize,
    control: VecDeque<(Control, Vec<u8>)>,
    control_begun: usize,
    /// Part of `control` has been written since it was last empty.
    control_first: bool,
    blocked: bool,
    open: Option<(MessageKind, bool, Vec<u8>)>,
    closing: Option<Closing>,
}

/// What the model has to know of a configuration.
#[derive(Clone, Copy, Debug)]
pub struct ModelSettings {
    /// Which end it is.
    pub client: bool,
    /// What it accepts.
    pub rules: Rules,
    /// Whether pings are answered.
    pub pongs: bool,
    /// The largest frame of a message that is cut.
    pub fragment: Option<usize>,
    /// Bytes of data in the queue from which on no message is taken.
    pub queue_limit: usize,
}

/// Why a connection is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelCause {
    /// Two Closes.
    Closed,
    /// The peer broke a rule.
    Protocol(ProtocolError),
    /// No answer to the Close.
    Timeout,
    /// The end of the stream without a Close.
    Disconnected,
    /// The transport failed.
    Transport,
}

/// Which end began it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Control {
    Ping,
    Answer,
    Unasked,
}

/// How it ended: the cause, whether this end began it, the peer's Close, the code of ours.
pub type ModelOutcome = (
    ModelCause,
    Option<bool>,
    Option<Option<(u16, String)>>,
    Option<Option<u16>>,
);

#[derive(Debug, Default)]
struct Closing {
    sent: Option<Option<u16>>,
    received: Option<Option<(u16, String)>>,
    by_us: Option<bool>,
    failed: Option<ModelCause>,
    shut_down: bool,
    ended: bool,
    over: bool,
}

impl ConnectionModel {
    /// At the start.
    #[must_use]
    pub fn new(settings: ModelSettings) -> Self {
        Self {
            settings,
            drawn: 0,
            came: Vec::new(),
            told: 0,
            stopped: false,
            data: VecDeque::new(),
            begun: 0,
            control: VecDeque::new(),
            control_begun: 0,
            control_first: false,
            blocked: false,
            open: None,
            closing: None,
        }
    }

    /// Takes bytes. Returns the events of them, and the error at the end.
    pub fn receive(&mut self, bytes: &[u8]) -> (Vec<Seen>, Option<ProtocolError>) {
        if self.stopped {
            return (Vec::new(), None);
        }
        self.came.extend_from_slice(bytes);
        let reading = read_stream(&self.came, self.settings.rules);
        let events = reading.events[self.told..].to_vec();
        self.told = reading.events.len();
        for event in &events {
            match event {
                Seen::Ping(payload) if self.settings.pongs => self.answer(payload),
                Seen::Close(close) => self.receive_close(close.clone()),
                _ => {}
            }
        }
        if let Some(error) = &reading.error {
            // §7.1.7: the connection fails, and says why.
            self.stopped = true;
            let code = error.close_code().get();
            let closing = self.closing.get_or_insert_default();
            closing
                .failed
                .get_or_insert(ModelCause::Protocol(error.clone()));
            self.push_close(Some((code, String::new())));
        }
        (events, reading.error)
    }

    fn receive_close(&mut self, close: Option<(u16, String)>) {
        self.stopped = true;
        self.open = None;
        let closing = self.closing.get_or_insert_default();
        closing.by_us.get_or_insert(false);
        closing.received.get_or_insert(close.clone());
        // What is owed to pings need not be sent any more.
        if !self.control_first {
            self.control.clear();
        }
        self.push_close(close);
    }

    fn answer(&mut self, payload: &[u8]) {
        if self
            .closing
            .as_ref()
            .is_some_and(|closing| closing.received.is_some() || closing.over)
        {
            return;
        }
        let frame = self.frame(0x8a, payload);
        // §5.5.3: only the latest ping needs an answer once the peer does not take them.
        if self.blocked || self.is_control_full() {
            let whole = self.control.len() > 1 || self.control_begun == 0;
            if whole && matches!(self.control.back(), Some((Control::Answer, _))) {
                self.control.pop_back();
            }
        }
        self.control.push_back((Control::Answer, frame));
    }

    /// The end of the peer's stream.
    pub fn end_of_stream(&mut self) {
        self.stopped = true;
        let closing = self.closing.get_or_insert_default();
        closing.ended = true;
        if closing.received.is_none() {
            closing.failed.get_or_insert(ModelCause::Disconnected);
        }
        if closing.failed.is_some() {
            self.over();
        }
    }

    /// The transport fails, or (without `by_io`) the time for the closing handshake is over.
    pub fn give_up(&mut self, by_io: bool) {
        self.stopped = true;
        let all_written = self.queued() == 0;
        let closing = self.closing.get_or_insert_default();
        if !(closing.sent.is_some() && closing.received.is_some() && all_written) {
            closing.failed.get_or_insert(if by_io {
                ModelCause::Transport
            } else {
                ModelCause::Timeout
            });
        }
        self.over();
    }

    fn over(&mut self) {
        self.closing.get_or_insert_default().over = true;
        self.data.clear();
        self.control.clear();
        (self.begun, self.control_begun, self.control_first) = (0, 0, false);
        self.open = None;
    }

    /// Our end of the stream has been shut down, as [`ending`](Self::ending) asked for.
    pub fn shut_down(&mut self) {
        let closing = self.closing.get_or_insert_default();
        closing.shut_down = true;
        closing.over |=
            closing.failed.is_none() && closing.sent.is_some() && closing.received.is_some();
    }

    /// The transport took all it was given, or did not.
    pub fn set_blocked(&mut self, blocked: bool) {
        self.blocked = blocked;
    }

    /// Queues a message.
    pub fn feed(&mut self, kind: MessageKind, data: &[u8]) -> Result<(), SendError> {
        self.check()?;
        let most = self.settings.fragment.filter(|most| data.len() > *most);
        self.push(kind, true, data, true, most.unwrap_or(usize::MAX));
        Ok(())
    }

    /// Begins a streamed message.
    pub fn begin(&mut self, kind: MessageKind) -> Result<(), SendError> {
        self.check()?;
        self.open = Some((kind, true, Vec::new()));
        Ok(())
    }

    /// Queues a piece of it.
    pub fn piece(&mut self, data: &[u8], last: bool) -> Result<(), SendError> {
        if self.closing.is_some() {
            return Err(SendError::Closed);
        }
        let Some((kind, first, mut text)) = self.open.clone() else {
            return Err(SendError::NoMessageOpen);
        };
        // The mere end of a message is always taken.
        let is_mere_end = last && data.is_empty();
        if self.queued_data() >= self.settings.queue_limit && !is_mere_end {
            return Err(SendError::QueueFull);
        }
        if kind == MessageKind::Text {
            text.extend_from_slice(data);
            match core::str::from_utf8(&text) {
                Ok(_) => {}
                Err(error) if error.error_len().is_none() && !last => {}
                Err(_) => return Err(SendError::InvalidUtf8),
            }
        }
        // A piece is one frame unless it is to be cut.
        let most = self
            .settings
            .fragment
            .map_or(usize::MAX, |most| most.min(COPIED));
        self.push(kind, first, data, last, most);
        self.open = (!last).then_some((kind, false, text));
        Ok(())
    }

    /// Queues a ping.
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.check_control(payload)?;
        let frame = self.frame(0x89, payload);
        self.control.push_back((Control::Ping, frame));
        Ok(())
    }

    /// Queues a pong: where pings are not answered, the answer.
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), SendError> {
        match self.check_control(payload) {
            Ok(()) | Err(SendError::QueueFull) if !self.settings.pongs => self.answer(payload),
            Ok(()) => {
                let frame = self.frame(0x8a, payload);
                self.control.push_back((Control::Unasked, frame));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Queues a Close that may be sent.
    pub fn close(&mut self, close: Option<(u16, String)>) {
        self.push_close(close);
    }

    fn push_close(&mut self, close: Option<(u16, String)>) {
        self.open = None;
        let closing = self.closing.get_or_insert_default();
        if closing.sent.is_some() || closing.over {
            return;
        }
        closing.sent = Some(close.as_ref().map(|(code, _)| *code));
        closing.by_us.get_or_insert(true);
        let payload = close.map_or(Vec::new(), |(code, reason)| {
            [&code.to_be_bytes()[..], reason.as_bytes()].concat()
        });
        let frame = self.frame(0x88, &payload);
        self.data.push_back(frame);
    }

    fn push(&mut self, kind: MessageKind, first: bool, data: &[u8], last: bool, most: usize) {
        let opcode = match kind {
            MessageKind::Text => 1,
            MessageKind::Binary => 2,
        };
        let count = data.len().div_ceil(most).max(1);
        for at in 0..count {
            let end = data.len().min((at + 1).saturating_mul(most));
            let fin = if last && at + 1 == count { 0x80 } else { 0 };
            let opcode = if first && at == 0 { opcode } else { 0 };
            let frame = self.frame(fin | opcode, &data[at * most.min(data.len())..end]);
            self.data.push_back(frame);
        }
    }

    fn frame(&mut self, first: u8, payload: &[u8]) -> Vec<u8> {
        let bit = if self.settings.client { 0x80 } else { 0 };
        let mut frame = vec![first];
        match payload.len() {
            len @ 0..126 => frame.push(bit | len as u8),
            len @ 126..0x1_0000 => {
                frame.push(bit | 126);
                frame.extend_from_slice(&(len as u16).to_be_bytes());
            }
            len => {
                frame.push(bit | 127);
                frame.extend_from_slice(&(len as u64).to_be_bytes());
            }
        }
        let mut key = [0; 4];
        if self.settings.client {
            // The keys of `mask_keys`: a new one for every frame.
            self.drawn += 1;
            key = self.drawn.wrapping_mul(0x9e37_79b1).to_be_bytes();
            frame.extend_from_slice(&key);
        }
        frame.extend(
            payload
                .iter()
                .zip(key.iter().cycle())
                .map(|(byte, key)| byte ^ key),
        );
        frame
    }

    /// Takes the next `n` bytes to be written.
    pub fn write(&mut self, n: usize) -> Vec<u8> {
        let mut out = Vec::new();
        while out.len() < n {
            // Pings and pongs go first, but never inside a frame.
            let control = !self.control.is_empty() && (self.control_first || self.begun == 0);
            let (frame, begun) = if control {
                (
                    self.control.front().map(|(_, frame)| frame),
                    &mut self.control_begun,
                )
            } else {
                (self.data.front(), &mut self.begun)
            };
            let Some(frame) = frame else { break };
            out.push(frame[*begun]);
            *begun += 1;
            let whole = *begun == frame.len();
            if whole {
                *begun = 0;
            }
            if control {
                self.control_first = true;
                if whole {
                    self.control.pop_front();
                    self.control_first = !self.control.is_empty();
                }
            } else if whole {
                self.data.pop_front();
            }
        }
        out
    }

    /// Bytes to be written.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queued_data() + self.queued_control()
    }

    fn queued_data(&self) -> usize {
        self.data.iter().map(Vec::len).sum::<usize>() - self.begun
    }

    fn queued_control(&self) -> usize {
        self.control
            .iter()
            .map(|(_, frame)| frame.len())
            .sum::<usize>()
            - self.control_begun
    }

    /// Whether 4 KiB of pings and pongs wait.
    #[must_use]
    pub fn is_control_full(&self) -> bool {
        self.queued_control() >= 4 << 10
    }

    /// Whether a message is taken now.
    pub fn check(&self) -> Result<(), SendError> {
        if self.closing.is_some() {
            Err(SendError::Closed)
        } else if self.open.is_some() {
            Err(SendError::MessageOpen)
        } else if self.queued_data() >= self.settings.queue_limit {
            Err(SendError::QueueFull)
        } else {
            Ok(())
        }
    }

    fn check_control(&self, payload: &[u8]) -> Result<(), SendError> {
        if payload.len() > 125 {
            Err(SendError::ControlTooLong)
        } else if self.closing.is_some() {
            Err(SendError::Closed)
        } else if self.is_control_full() {
            Err(SendError::QueueFull)
        } else {
            Ok(())
        }
    }

    /// §7.1.3.
    #[must_use]
    pub fn state(&self) -> State {
        match &self.closing {
            None => State::Open,
            Some(closing) if closing.over => State::Closed,
            Some(_) => State::Closing,
        }
    }

    /// §7.1.1: what is to be done to the transport.
    #[must_use]
    pub fn ending(&self) -> Ending {
        let Some(closing) = &self.closing else {
            return Ending::NotYet;
        };
        let both = closing.sent.is_some() && closing.received.is_some();
        if closing.over {
            Ending::Done
        } else if self.queued() > 0 || !(both || closing.failed.is_some()) {
            Ending::NotYet
        } else if closing.shut_down {
            Ending::Drain
        } else if self.settings.client && closing.failed.is_none() && !closing.ended {
            // The server ends the stream first.
            Ending::Drain
        } else {
            Ending::ShutDown
        }
    }

    /// How it ended, once it has.
    #[must_use]
    pub fn outcome(&self) -> Option<ModelOutcome> {
        let closing = self.closing.as_ref().filter(|closing| closing.over)?;
        Some((
            closing.failed.clone().unwrap_or(ModelCause::Closed),
            closing.by_us,
            closing.received.clone(),
            closing.sent,
        ))
    }
}

/// The largest frame of a streamed message.
const COPIED: usize = 16 << 10;
