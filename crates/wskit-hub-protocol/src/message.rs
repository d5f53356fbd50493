//! The messages of the protocol, as both of its encodings carry them.
//!
//! Fields that are absent have the default of their type. Payloads, such as `data`, are JSON on JSON connections
//! and any bytes on Protobuf connections. Fields of the schema that this crate does not use are left out:
//! they are ignored when they come.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::codec::{never, omit, plain, raw};

/// Declares a message: for each field its type, whether JSON omits the default and how it is carried, and its kind
/// and number in Protobuf.
macro_rules! message {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$field_doc:meta])* $field:ident: $type:ty = $omit:tt $with:tt ($($prost:tt)*),)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "protobuf", derive(prost::Message))]
        #[cfg_attr(not(feature = "protobuf"), derive(Debug, Default))]
        #[serde(default)]
        pub struct $name {
            $(
                $(#[$field_doc])*
                #[cfg_attr(feature = "protobuf", prost($($prost)*))]
                #[serde(skip_serializing_if = $omit, with = $with)]
                pub $field: $type,
            )*
        }
    };
}

message! {
    /// What a client sends: an id, and one request.
    Command {
        /// The number that the reply will have. 0 is for messages without a reply.
        id: u32 = "omit" "plain" (uint32, tag = 1),
        /// Begins the session.
        connect: Option<ConnectRequest> = "omit" "plain" (message, optional, tag = 4),
        /// Subscribes.
        subscribe: Option<SubscribeRequest> = "omit" "plain" (message, optional, tag = 5),
        /// Ends a subscription.
        unsubscribe: Option<UnsubscribeRequest> = "omit" "plain" (message, optional, tag = 6),
        /// Publishes.
        publish: Option<PublishRequest> = "omit" "plain" (message, optional, tag = 7),
        /// Asks who is present.
        presence: Option<PresenceRequest> = "omit" "plain" (message, optional, tag = 8),
        /// Asks how many are present.
        presence_stats: Option<PresenceStatsRequest> = "omit" "plain" (message, optional, tag = 9),
        /// Reads a page of history.
        history: Option<HistoryRequest> = "omit" "plain" (message, optional, tag = 10),
        /// Is not used by clients.
        ping: Option<Empty> = "omit" "plain" (message, optional, tag = 11),
        /// Sends data that gets no reply.
        send: Option<SendRequest> = "omit" "plain" (message, optional, tag = 12),
        /// Calls a procedure.
        rpc: Option<RpcRequest> = "omit" "plain" (message, optional, tag = 13),
        /// Prolongs the session.
        refresh: Option<RefreshRequest> = "omit" "plain" (message, optional, tag = 14),
        /// Prolongs a subscription.
        sub_refresh: Option<SubRefreshRequest> = "omit" "plain" (message, optional, tag = 15),
    }
}

message! {
    /// What a server sends: the answer to a command, a push, or, if it is empty, a ping.
    Reply {
        /// The number of the command; 0 for pushes and pings.
        id: u32 = "omit" "plain" (uint32, tag = 1),
        /// Why the command failed.
        error: Option<Error> = "omit" "plain" (message, optional, tag = 2),
        /// What happens, without a command.
        push: Option<Push> = "omit" "plain" (message, optional, tag = 4),
        /// The session has begun.
        connect: Option<ConnectResult> = "omit" "plain" (message, optional, tag = 5),
        /// The client is subscribed.
        subscribe: Option<SubscribeResult> = "omit" "plain" (message, optional, tag = 6),
        /// The subscription has ended.
        unsubscribe: Option<Empty> = "omit" "plain" (message, optional, tag = 7),
        /// It is published.
        publish: Option<Empty> = "omit" "plain" (message, optional, tag = 8),
        /// Who is present.
        presence: Option<PresenceResult> = "omit" "plain" (message, optional, tag = 9),
        /// How many are present.
        presence_stats: Option<PresenceStatsResult> = "omit" "plain" (message, optional, tag = 10),
        /// A page of history.
        history: Option<HistoryResult> = "omit" "plain" (message, optional, tag = 11),
        /// What the procedure returned.
        rpc: Option<RpcResult> = "omit" "plain" (message, optional, tag = 13),
        /// The session is prolonged.
        refresh: Option<RefreshResult> = "omit" "plain" (message, optional, tag = 14),
        /// The subscription is prolonged.
        sub_refresh: Option<SubRefreshResult> = "omit" "plain" (message, optional, tag = 15),
    }
}

message! {
    /// Why a command failed.
    Error {
        /// The number; see [`ErrorCode`](crate::ErrorCode).
        code: u32 = "omit" "plain" (uint32, tag = 1),
        /// For the log of the client.
        message: String = "omit" "plain" (string, tag = 2),
        /// Whether the client may try again.
        temporary: bool = "omit" "plain" (bool, tag = 3),
    }
}

message! {
    /// A message without fields.
    Empty {}
}

message! {
    /// The request to begin the session.
    ConnectRequest {
        /// What proves who the client is.
        token: String = "omit" "plain" (string, tag = 1),
        /// Data for the application.
        data: Bytes = "omit" "raw" (bytes = "bytes", tag = 2),
        /// The positions in topics that the server subscribes the client to.
        subs: BTreeMap<String, SubscribeRequest> = "omit" "plain" (btree_map = "string, message", tag = 3),
        /// The client's name.
        name: String = "omit" "plain" (string, tag = 4),
        /// The client's version.
        version: String = "omit" "plain" (string, tag = 5),
        /// What would be headers, were they not fixed in browsers.
        headers: BTreeMap<String, String> = "omit" "plain" (btree_map = "string, string", tag = 6),
    }
}

message! {
    /// The session has begun.
    ConnectResult {
        /// The id of the connection.
        client: String = "omit" "plain" (string, tag = 1),
        /// The version of the server.
        version: String = "omit" "plain" (string, tag = 2),
        /// Whether the session expires.
        expires: bool = "omit" "plain" (bool, tag = 3),
        /// In how many seconds.
        ttl: u32 = "omit" "plain" (uint32, tag = 4),
        /// Data of the application.
        data: Bytes = "omit" "raw" (bytes = "bytes", tag = 5),
        /// The topics that the server has subscribed the client to.
        subs: BTreeMap<String, SubscribeResult> = "omit" "plain" (btree_map = "string, message", tag = 6),
        /// How often the server pings, in seconds.
        ping: u32 = "omit" "plain" (uint32, tag = 7),
        /// Whether the client has to answer pings.
        pong: bool = "omit" "plain" (bool, tag = 8),
        /// The id of the session.
        session: String = "omit" "plain" (string, tag = 9),
        /// The id of the server's node.
        node: String = "omit" "plain" (string, tag = 10),
    }
}

message! {
    /// The request to subscribe.
    SubscribeRequest {
        /// The topic.
        channel: String = "omit" "plain" (string, tag = 1),
        /// What proves that the client may.
        token: String = "omit" "plain" (string, tag = 2),
        /// Whether the client has a position.
        recover: bool = "omit" "plain" (bool, tag = 3),
        /// The epoch of the position.
        epoch: String = "omit" "plain" (string, tag = 6),
        /// The offset of the position.
        offset: u64 = "omit" "plain" (uint64, tag = 7),
        /// Data for the application.
        data: Bytes = "omit" "raw" (bytes = "bytes", tag = 8),
        /// Whether the client wants to know of what it misses.
        positioned: bool = "omit" "plain" (bool, tag = 9),
        /// Whether the client wants to recover.
        recoverable: bool = "omit" "plain" (bool, tag = 10),
        /// Whether the client wants to know who comes and goes.
        join_leave: bool = "omit" "plain" (bool, tag = 11),
        /// A filter. It is not available.
        tf: Option<Empty> = "omit" "plain" (message, optional, tag = 13),
        /// The type of subscription. Only 0 is available.
        r#type: i32 = "omit" "plain" (int32, tag = 15),
    }
}

message! {
    /// The client is subscribed.
    SubscribeResult {
        /// Whether the subscription expires.
        expires: bool = "omit" "plain" (bool, tag = 1),
        /// In how many seconds.
        ttl: u32 = "omit" "plain" (uint32, tag = 2),
        /// Whether the client can recover.
        recoverable: bool = "omit" "plain" (bool, tag = 3),
        /// The epoch of the topic.
        epoch: String = "omit" "plain" (string, tag = 6),
        /// What the client has missed.
        publications: Vec<Publication> = "omit" "plain" (message, repeated, tag = 7),
        /// Whether that is all that it has missed.
        recovered: bool = "omit" "plain" (bool, tag = 8),
        /// The offset after which new messages come.
        offset: u64 = "omit" "plain" (uint64, tag = 9),
        /// Whether positions are kept.
        positioned: bool = "omit" "plain" (bool, tag = 10),
        /// Data of the application.
        data: Bytes = "omit" "raw" (bytes = "bytes", tag = 11),
        /// Whether the client had a position.
        was_recovering: bool = "omit" "plain" (bool, tag = 12),
    }
}

message! {
    /// The request to prolong the session.
    RefreshRequest {
        /// The new token.
        token: String = "omit" "plain" (string, tag = 1),
    }
}

message! {
    /// The session is prolonged.
    RefreshResult {
        /// The id of the connection.
        client: String = "omit" "plain" (string, tag = 1),
        /// The version of the server.
        version: String = "omit" "plain" (string, tag = 2),
        /// Whether the session expires.
        expires: bool = "omit" "plain" (bool, tag = 3),
        /// In how many seconds.
        ttl: u32 = "omit" "plain" (uint32, tag = 4),
    }
}

message! {
    /// The request to prolong a subscription.
    SubRefreshRequest {
        /// The topic.
        channel: String = "omit" "plain" (string, tag = 1),
        /// The new token.
        token: String = "omit" "plain" (string, tag = 2),
        /// The type. Only 0 is available.
        r#type: i32 = "omit" "plain" (int32, tag = 3),
    }
}

message! {
    /// The subscription is prolonged.
    SubRefreshResult {
        /// Whether the subscription expires.
        expires: bool = "omit" "plain" (bool, tag = 1),
        /// In how many seconds.
        ttl: u32 = "omit" "plain" (uint32, tag = 2),
    }
}

message! {
    /// The request to end a subscription.
    UnsubscribeRequest {
        /// The topic.
        channel: String = "omit" "plain" (string, tag = 1),
    }
}

message! {
    /// The request to publish.
    PublishRequest {
        /// The topic.
        channel: String = "omit" "plain" (string, tag = 1),
        /// The payload.
        data: Bytes = "omit" "raw" (bytes = "bytes", tag = 2),
        /// The type. Only 0 is available.
        r#type: i32 = "omit" "plain" (int32, tag = 3),
    }
}

message! {
    /// The request for who is present.
    PresenceRequest {
        /// The topic.
        channel: String = "omit" "plain" (string, tag = 1),
    }
}

message! {
    /// Who is present.
    PresenceResult {
        /// The connections, by their ids.
        presence: BTreeMap<String, ClientInfo> = "never" "plain" (btree_map = "string, message", tag = 1),
    }
}

message! {
    /// The request for how many are present.
    PresenceStatsRequest {
        /// The topic.
        channel: String = "omit" "plain" (string, tag = 1),
    }
}

message! {
    /// How many are present.
    PresenceStatsResult {
        /// Connections.
        num_clients: u32 = "never" "plain" (uint32, tag = 1),
        /// Users.
        num_users: u32 = "never" "plain" (uint32, tag = 2),
    }
}

message! {
    /// A position in a topic.
    StreamPosition {
        /// The offset.
        offset: u64 = "omit" "plain" (uint64, tag = 1),
        /// The epoch.
        epoch: String = "omit" "plain" (string, tag = 2),
    }
}

message! {
    /// The request for a page of history.
    HistoryRequest {
        /// The topic.
        channel: String = "omit" "plain" (string, tag = 1),
        /// The most messages; 0 for none, less than 0 for as many as there may be.
        limit: i32 = "omit" "plain" (int32, tag = 7),
        /// The position after which the page begins.
        since: Option<StreamPosition> = "omit" "plain" (message, optional, tag = 8),
        /// Newest first. It is not available.
        reverse: bool = "omit" "plain" (bool, tag = 9),
    }
}

message! {
    /// A page of history.
    HistoryResult {
        /// The messages.
        publications: Vec<Publication> = "never" "plain" (message, repeated, tag = 1),
        /// The epoch of the topic.
        epoch: String = "never" "plain" (string, tag = 2),
        /// The offset of the newest message.
        offset: u64 = "never" "plain" (uint64, tag = 3),
    }
}

message! {
    /// The call of a procedure.
    RpcRequest {
        /// The argument.
        data: Bytes = "omit" "raw" (bytes = "bytes", tag = 1),
        /// The name of the procedure.
        method: String = "omit" "plain" (string, tag = 2),
    }
}

message! {
    /// What a procedure returned.
    RpcResult {
        /// The value.
        data: Bytes = "omit" "raw" (bytes = "bytes", tag = 1),
    }
}

message! {
    /// Data that gets no reply.
    SendRequest {
        /// The data.
        data: Bytes = "omit" "raw" (bytes = "bytes", tag = 1),
    }
}

message! {
    /// What happens without a command.
    Push {
        /// The topic, if it is about one.
        channel: String = "omit" "plain" (string, tag = 2),
        /// A message was published.
        r#pub: Option<Publication> = "omit" "plain" (message, optional, tag = 4),
        /// A client has come.
        join: Option<Coming> = "omit" "plain" (message, optional, tag = 5),
        /// A client has left.
        leave: Option<Coming> = "omit" "plain" (message, optional, tag = 6),
        /// A subscription has ended.
        unsubscribe: Option<Unsubscribe> = "omit" "plain" (message, optional, tag = 7),
        /// Data of the application.
        message: Option<SendRequest> = "omit" "plain" (message, optional, tag = 8),
        /// The server has subscribed the client.
        subscribe: Option<Subscribe> = "omit" "plain" (message, optional, tag = 9),
        /// The client is to end the connection.
        disconnect: Option<Disconnect> = "omit" "plain" (message, optional, tag = 11),
        /// The session expires at another time.
        refresh: Option<SubRefreshResult> = "omit" "plain" (message, optional, tag = 12),
    }
}

message! {
    /// A message of a topic.
    Publication {
        /// The payload.
        data: Bytes = "never" "raw" (bytes = "bytes", tag = 4),
        /// The offset.
        offset: u64 = "omit" "plain" (uint64, tag = 6),
    }
}

message! {
    /// A client has come or left.
    Coming {
        /// The client.
        info: Option<ClientInfo> = "omit" "plain" (message, optional, tag = 1),
    }
}

message! {
    /// Who a connection is.
    ClientInfo {
        /// The user.
        user: String = "never" "plain" (string, tag = 1),
        /// The id of the connection.
        client: String = "never" "plain" (string, tag = 2),
        /// What else is told of the connection.
        conn_info: Bytes = "omit" "raw" (bytes = "bytes", tag = 3),
        /// What else is told of the subscription.
        chan_info: Bytes = "omit" "raw" (bytes = "bytes", tag = 4),
    }
}

message! {
    /// A subscription has ended.
    Unsubscribe {
        /// The number; see [`UnsubscribeCode`](crate::UnsubscribeCode).
        code: u32 = "omit" "plain" (uint32, tag = 2),
        /// For the log of the client.
        reason: String = "omit" "plain" (string, tag = 3),
    }
}

message! {
    /// The server has subscribed the client.
    Subscribe {
        /// Whether the client can recover.
        recoverable: bool = "omit" "plain" (bool, tag = 1),
        /// The epoch of the topic.
        epoch: String = "omit" "plain" (string, tag = 4),
        /// The offset after which new messages come.
        offset: u64 = "omit" "plain" (uint64, tag = 5),
        /// Whether positions are kept.
        positioned: bool = "omit" "plain" (bool, tag = 6),
        /// Data of the application.
        data: Bytes = "omit" "raw" (bytes = "bytes", tag = 7),
    }
}

message! {
    /// The client is to end the connection.
    Disconnect {
        /// The number; see [`DisconnectCode`](crate::DisconnectCode).
        code: u32 = "omit" "plain" (uint32, tag = 1),
        /// For the log of the client.
        reason: String = "omit" "plain" (string, tag = 2),
        /// Whether the client connects again.
        reconnect: bool = "omit" "plain" (bool, tag = 3),
    }
}
