use crate::codes::{DisconnectCode, ErrorCode};
use crate::message::{
    Command, ConnectRequest, Disconnect, HistoryRequest, PresenceRequest, PresenceStatsRequest,
    PublishRequest, RefreshRequest, RpcRequest, SendRequest, SubRefreshRequest, SubscribeRequest,
    UnsubscribeRequest,
};
use crate::message::{
    ConnectResult, HistoryResult, PresenceResult, PresenceStatsResult, RefreshResult, RpcResult,
    SubRefreshResult, SubscribeResult,
};

/// What a client asks for. It is well-formed; whether the client may is for the host to decide.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Request {
    /// To begin the session.
    Connect(ConnectRequest),
    /// To be subscribed.
    Subscribe(SubscribeRequest),
    /// To end a subscription.
    Unsubscribe(UnsubscribeRequest),
    /// To publish.
    Publish(PublishRequest),
    /// Who is present.
    Presence(PresenceRequest),
    /// How many are present.
    PresenceStats(PresenceStatsRequest),
    /// A page of history.
    History(HistoryRequest),
    /// To call a procedure.
    Rpc(RpcRequest),
    /// To take data, without a reply.
    Send(SendRequest),
    /// To prolong the session.
    Refresh(RefreshRequest),
    /// To prolong a subscription.
    SubRefresh(SubRefreshRequest),
}

/// The answer to a [`Request`] of the same name.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// The session has begun, with the subscriptions that the server has made.
    Connect(ConnectResult),
    /// The client is subscribed to a topic.
    Subscribe(String, SubscribeResult),
    /// The client is not subscribed to a topic any more.
    Unsubscribe(String),
    /// It is published.
    Publish,
    /// Who is present.
    Presence(PresenceResult),
    /// How many are present.
    PresenceStats(PresenceStatsResult),
    /// A page of history.
    History(HistoryResult),
    /// What a procedure returned.
    Rpc(RpcResult),
    /// The data is taken. The client gets no reply.
    Send,
    /// The session is prolonged.
    Refresh(RefreshResult),
    /// The subscription to a topic is prolonged.
    SubRefresh(String, SubRefreshResult),
}

/// What a request's answer is given back with.
#[derive(Debug)]
#[must_use = "a request wants an answer"]
pub struct Ticket {
    pub(super) id: u32,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Connect,
    Rpc,
    Send,
    Other,
}

/// The longest name of a topic, in bytes.
const CHANNEL: usize = 255;

impl Request {
    /// Returns what a command asks for, or why that makes no sense.
    pub(super) fn of(command: Command) -> Result<Result<Self, ErrorCode>, Disconnect> {
        // Of several the first counts.
        let request = if let Some(connect) = command.connect {
            Self::Connect(connect)
        } else if let Some(subscribe) = command.subscribe {
            Self::Subscribe(subscribe)
        } else if let Some(unsubscribe) = command.unsubscribe {
            Self::Unsubscribe(unsubscribe)
        } else if let Some(publish) = command.publish {
            Self::Publish(publish)
        } else if let Some(presence) = command.presence {
            Self::Presence(presence)
        } else if let Some(stats) = command.presence_stats {
            Self::PresenceStats(stats)
        } else if let Some(history) = command.history {
            Self::History(history)
        } else if command.ping.is_some() {
            return Ok(Err(ErrorCode::NotAvailable));
        } else if let Some(send) = command.send {
            Self::Send(send)
        } else if let Some(rpc) = command.rpc {
            Self::Rpc(rpc)
        } else if let Some(refresh) = command.refresh {
            Self::Refresh(refresh)
        } else if let Some(refresh) = command.sub_refresh {
            Self::SubRefresh(refresh)
        } else {
            return Ok(Err(ErrorCode::MethodNotFound));
        };
        match request.channel().map(str::len) {
            Some(0) => return Err(DisconnectCode::BadRequest.into()),
            Some(len) if len > CHANNEL => return Ok(Err(ErrorCode::BadRequest)),
            _ => {}
        }
        Ok(match &request {
            // Map topics, polled topics and filters; keys; keys that are tracked; newest first.
            Self::Subscribe(subscribe) if subscribe.r#type != 0 || subscribe.tf.is_some() => {
                Err(ErrorCode::NotAvailable)
            }
            Self::Publish(publish) if publish.r#type != 0 => Err(ErrorCode::NotAvailable),
            Self::SubRefresh(refresh) if refresh.r#type != 0 => Err(ErrorCode::NotAvailable),
            Self::History(history) if history.reverse => Err(ErrorCode::NotAvailable),
            Self::SubRefresh(refresh) if refresh.token.is_empty() => Err(ErrorCode::BadRequest),
            Self::Refresh(refresh) if refresh.token.is_empty() => {
                return Err(DisconnectCode::BadRequest.into());
            }
            _ => Ok(request),
        })
    }

    /// Returns the topic that it is about.
    fn channel(&self) -> Option<&str> {
        Some(match self {
            Self::Subscribe(request) => &request.channel,
            Self::Unsubscribe(request) => &request.channel,
            Self::Publish(request) => &request.channel,
            Self::Presence(request) => &request.channel,
            Self::PresenceStats(request) => &request.channel,
            Self::History(request) => &request.channel,
            Self::SubRefresh(request) => &request.channel,
            Self::Connect(_) | Self::Rpc(_) | Self::Send(_) | Self::Refresh(_) => return None,
        })
    }
}
