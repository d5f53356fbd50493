use std::fmt;

/// Declares the codes of one kind, with their numbers and the texts that go with them.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Returns the number.
            #[must_use]
            pub const fn get(self) -> u32 {
                match self {
                    $(Self::$variant => $code,)*
                }
            }

            /// Returns the text that goes with it.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// Returns the code of a number.
            #[must_use]
            pub fn from_number(number: u32) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.get() == number)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} ({})", self.text(), self.get())
            }
        }
    };
}

codes! {
    /// Why a command failed, in the reply to it.
    ErrorCode {
        /// Something went wrong in the server. The client may try again.
        Internal = 100, "internal server error";
        /// It is not known who the client is.
        Unauthorized = 101, "unauthorized";
        /// There is no such topic.
        UnknownChannel = 102, "unknown channel";
        /// The client may not do this.
        PermissionDenied = 103, "permission denied";
        /// There is no such command or procedure.
        MethodNotFound = 104, "method not found";
        /// The client is subscribed already.
        AlreadySubscribed = 105, "already subscribed";
        /// A limit is reached, such as that of topics.
        LimitExceeded = 106, "limit exceeded";
        /// The command makes no sense. To send it again makes none either.
        BadRequest = 107, "bad request";
        /// The server, or the topic, does not have this.
        NotAvailable = 108, "not available";
        /// The token has expired: the client gets a new one.
        TokenExpired = 109, "token expired";
        /// The connection or the subscription has expired.
        Expired = 110, "expired";
        /// The client asks too much in a short time. It may try again later.
        TooManyRequests = 111, "too many requests";
        /// The history does not have what comes after the position that was given.
        UnrecoverablePosition = 112, "unrecoverable position";
        /// Another page of the same topic is being read.
        ConcurrentPagination = 113, "concurrent pagination";
    }
}

impl ErrorCode {
    /// Whether the same command may succeed later, so that clients try again by themselves.
    #[must_use]
    pub const fn is_temporary(self) -> bool {
        matches!(
            self,
            Self::Internal | Self::TooManyRequests | Self::ConcurrentPagination
        )
    }
}

codes! {
    /// Why a subscription has ended. From 2500 on clients subscribe again.
    UnsubscribeCode {
        /// The client has asked for it. This is not sent to clients.
        Client = 0, "client unsubscribed";
        /// The connection is over. This is not sent to clients.
        Disconnect = 1, "client disconnected";
        /// The server has ended it.
        Server = 2000, "server unsubscribe";
        /// Messages were missed: the client subscribes again, with its position.
        InsufficientState = 2500, "insufficient state";
        /// The subscription has expired.
        Expired = 2501, "subscription expired";
        /// What the client keeps of the topic, and its token, are no longer valid.
        StateInvalidated = 2502, "state invalidated";
    }
}

codes! {
    /// Why a connection is closed, as the code of its Close frame. Clients connect again, except after those from
    /// 3500 on.
    DisconnectCode {
        /// The connection is over, for a reason that is not known. This is not sent to clients.
        ConnectionClosed = 3000, "connection closed";
        /// The server shuts down.
        Shutdown = 3001, "shutdown";
        /// Something went wrong in the server.
        ServerError = 3004, "internal server error";
        /// The connection has expired.
        Expired = 3005, "connection expired";
        /// A subscription that the server has made has expired.
        SubExpired = 3006, "subscription expired";
        /// The client reads too slowly.
        Slow = 3008, "slow";
        /// Writing to the client failed. This is not sent to clients.
        WriteError = 3009, "write error";
        /// Messages were missed: the client connects again, with its positions.
        InsufficientState = 3010, "insufficient state";
        /// The server wants the client to connect again.
        ForceReconnect = 3011, "force reconnect";
        /// The client did not answer a ping.
        NoPong = 3012, "no pong";
        /// The client sends too many commands.
        TooManyRequests = 3013, "too many requests";
        /// What the client keeps, and its token, are no longer valid.
        StateInvalidated = 3014, "state invalidated";
        /// The token is not valid.
        InvalidToken = 3500, "invalid token";
        /// The client breaks the protocol.
        BadRequest = 3501, "bad request";
        /// The client did not connect in time.
        Stale = 3502, "stale";
        /// The server does not want the client to come back.
        ForceNoReconnect = 3503, "force disconnect";
        /// There are too many connections, of this user or at all.
        ConnectionLimit = 3504, "connection limit";
        /// There are too many topics for one connection.
        ChannelLimit = 3505, "channel limit";
        /// The payload does not fit the client's format.
        InappropriateProtocol = 3506, "inappropriate protocol";
        /// The client may not use this server.
        PermissionDenied = 3507, "permission denied";
        /// The server does not have what the client asks for.
        NotAvailable = 3508, "not available";
        /// Too many of the client's commands fail.
        TooManyErrors = 3509, "too many errors";
    }
}

impl DisconnectCode {
    /// Whether clients connect again.
    #[must_use]
    pub const fn is_reconnecting(self) -> bool {
        self.get() < 3500
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_14_errors_6_ends_of_subscriptions_and_22_of_connections() {
        assert_eq!(ErrorCode::ALL.len(), 14);
        assert_eq!(UnsubscribeCode::ALL.len(), 6);
        assert_eq!(DisconnectCode::ALL.len(), 22);
        for code in DisconnectCode::ALL {
            assert_eq!(DisconnectCode::from_number(code.get()), Some(*code));
            assert!(code.text().len() <= 123, "it fits a Close");
        }
        assert_eq!(ErrorCode::from_number(99), None);
        assert_eq!(ErrorCode::TokenExpired.to_string(), "token expired (109)");
    }
}
