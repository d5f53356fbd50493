/// Names the types of this crate for one runtime: what a binding exports.
///
/// Takes the runtime's type, then its transport (generic over the stream) and its timer, all in scope where
/// the macro is called. Also expects in scope what pairs in memory run over: the type `DuplexStream`, and
/// the function `duplex`, which takes a capacity. Defines `WebSocket<S>`, its halves and handles, `Server`,
/// `Client`, what they receive, `from_parts` and `pair`.
///
/// With `types` first it defines the types alone, for a facade of the binding, because search
/// in a crate's documentation finds nothing by the `doc(alias)` of types that it exports again.
///
/// ```text
/// wskit_driver::aliases!(Tokio, Io, TokioTimer);
/// ```
#[macro_export]
macro_rules! aliases {
    (types $runtime:ident, $io:ident, $timer:ident) => {
        /// A WebSocket connection, for one task: it receives, sends and closes.
        /// [`split`](wskit_driver::WebSocket::split) makes a [`Reader`] and a [`Writer`] of it, for more.
        ///
        /// ```no_run
        #[doc = concat!("# use ", env!("CARGO_CRATE_NAME"), "::{ClientStream, ConnectionError, WebSocket};")]
        /// # async fn doc(mut ws: WebSocket<ClientStream>) -> Result<(), ConnectionError> {
        /// ws.send("hello").await?;
        /// while let Some(message) = ws.recv().await? {
        ///     println!("{:?}", message.as_text()); // Close, ping and pong are no messages
        /// }
        /// println!("{:?}", ws.outcome());
        /// # Ok(()) }
        /// ```
        ///
        /// # When does what I send leave?
        /// `send` writes before it returns. What `feed` queues leaves with the next `send` or `flush`, when
        /// `Config::write_high_water` bytes are queued, and whenever a receive has to wait.
        ///
        /// # What does dropping do?
        /// Dropping a connection cuts it off: what is queued is lost, and the peer sees an end without a Close
        /// (1006). `close` ends it in order. Every future can be dropped without losing a message.
        ///
        /// All methods, and when pings are answered: [`wskit_driver::WebSocket`].
        #[doc(alias(
            "begin", "buffer_bytes", "close", "config", "counters", "deflate", "feed", "flush",
            "from_parts", "from_parts_with_deflate", "get_mut", "get_ref", "into_parts",
            "local_addr", "observer", "outbox", "outcome", "peer_addr", "ping", "poll_flush",
            "poll_recv", "protocol", "queued", "recv", "recv_event", "recv_json", "recv_piece", "recv_ref",
            "reserve", "round_trip", "send", "send_json", "split", "start_close", "state",
            "tls_session", "track",
        ))]
        pub type WebSocket<S> = $crate::WebSocket<$io<S>>;
        /// The receiving half of a split connection. It also answers pings and the peer's Close, so keep it
        /// receiving.
        ///
        /// # What does dropping do?
        /// The connection stays open, and the writers go on sending: messages that come are thrown away.
        ///
        /// All methods: [`wskit_driver::Reader`].
        #[doc(alias(
            "local_addr", "outcome", "peer_addr", "poll_recv", "protocol", "recv", "recv_event",
            "recv_json", "recv_piece", "recv_ref", "reunite", "round_trip", "state", "tls_session",
            "track", "writer",
        ))]
        pub type Reader<S> = $crate::Reader<$io<S>>;
        /// A sending half of a split connection. Clone it for every task that sends; messages leave whole and
        /// in order.
        ///
        /// ```no_run
        #[doc = concat!("# use ", env!("CARGO_CRATE_NAME"), "::{ClientStream, ConnectionError, WebSocket};")]
        /// # async fn doc(ws: WebSocket<ClientStream>) -> Result<(), ConnectionError> {
        /// let (mut reader, writer) = ws.split(); // the receiving half first
        /// let to_answer = writer.clone();
        /// writer.send("hello").await?;
        /// while let Some(message) = reader.recv().await? {
        ///     to_answer.send(message).await?;
        /// }
        /// # Ok(()) }
        /// ```
        ///
        /// # When does what I send leave?
        /// `send` returns when the message is written. What `feed` queues leaves with the next `send` or
        /// `flush` of any writer, when `Config::write_high_water` bytes are queued, and whenever the [`Reader`]
        /// is about to wait.
        ///
        /// # What does dropping do?
        /// Dropping a writer does not affect the others, and dropping the last neither flushes nor closes. The
        /// connection ends, without a Close, when the reader and all writers are dropped.
        ///
        /// All methods: [`wskit_driver::Writer`].
        #[doc(alias(
            "batch", "begin", "buffered", "close", "downgrade", "erase", "feed", "flush", "lane",
            "local_addr", "outcome", "peer_addr", "ping", "protocol", "queued", "reserve",
            "round_trip", "send", "send_json", "start_close", "state", "tls_session", "try_feed",
            "wake_when_closed", "wake_when_room",
        ))]
        pub type Writer<S> = $crate::Writer<$io<S>>;
        /// A handle to a connection that does not keep it open, for lists of connections. From
        /// [`Writer::downgrade`](wskit_driver::Writer::downgrade); see [`wskit_driver::WeakWriter`].
        #[doc(alias("batch", "erase", "upgrade", "wake_when_closed", "wake_when_room"))]
        pub type WeakWriter<S> = $crate::WeakWriter<$io<S>>;
        /// A queue for one sender, with a priority, a bound, and a rule for messages that do not fit. From
        /// [`Writer::lane`](wskit_driver::Writer::lane).
        ///
        /// ```no_run
        #[doc = concat!("# use ", env!("CARGO_CRATE_NAME"), "::{ClientStream, Writer};")]
        /// # use wskit_driver::{ConnectionError, LaneConfig, Overflow};
        /// # async fn doc(writer: Writer<ClientStream>) -> Result<(), ConnectionError> {
        /// let mut prices = writer.lane(LaneConfig::new().overflow(Overflow::LatestOnly));
        /// prices.push("41")?; // never waits
        /// prices.push("42")?; // replaces 41 if that has not left yet
        /// # Ok(()) }
        /// ```
        ///
        /// # When does what I send leave?
        /// `push` writes what the socket takes at once, and `send` waits until the message is written. The rest
        /// leaves while the [`Reader`] waits, and with every call of a writer or lane that writes.
        ///
        /// # What does dropping do?
        /// Messages of a lane that is dropped are still sent, in their turn. Those of a paced lane wait for
        /// no pong then. A lane does not keep the
        /// connection open.
        ///
        /// All methods: [`wskit_driver::Lane`].
        #[doc(alias("buffered", "dropped", "feed", "flush", "push", "send"))]
        pub type Lane<S> = $crate::Lane<$io<S>>;
        /// Closes many connections in order: no new ones, a Close with 1001 to each that is open, time to
        /// finish, and a report.
        ///
        /// ```no_run
        /// # use std::time::Duration;
        #[doc = concat!("# use ", env!("CARGO_CRATE_NAME"), "::{ClientStream, ConnectionError, Shutdown, WebSocket};")]
        /// # async fn doc(mut ws: WebSocket<ClientStream>) -> Result<(), ConnectionError> {
        /// let shutdown = Shutdown::new();
        /// ws.track(&shutdown); // in each connection's task
        /// // Elsewhere, when it is time:
        /// let report = shutdown.finish(Duration::from_secs(10)).await?;
        /// println!("{report}");
        /// # Ok(()) }
        /// ```
        ///
        /// # When does the Close leave?
        /// When a connection next waits to receive, after what it has queued. A loop that receives then ends by
        /// itself.
        ///
        /// # What does dropping do?
        /// Nothing: clones are the same shutdown, and without a request connections go on.
        ///
        /// All methods: [`wskit_driver::Shutdown`].
        #[doc(alias(
            "connections", "finish", "is_requested", "joining", "new", "request", "requested",
            "until_requested", "with_timer",
        ))]
        pub type Shutdown = $crate::Shutdown<$timer>;
        /// A message that is sent while it is written. From
        /// [`WebSocket::begin`](wskit_driver::WebSocket::begin) or
        /// [`Writer::begin`](wskit_driver::Writer::begin).
        ///
        /// # What does dropping do?
        /// Dropping it unfinished, after something was written, closes the connection with code 1011. Call
        /// `finish`.
        ///
        /// All methods: [`wskit_driver::MessageWriter`].
        #[doc(alias(
            "finish", "flush", "poll_finish", "poll_flush", "poll_write", "uncompressed", "write",
        ))]
        pub type MessageWriter<'a, S> = $crate::MessageWriter<'a, $io<S>>;
        /// A connection as a stream of bytes, over which any protocol can be spoken.
        ///
        /// # When does what I write leave?
        /// With a flush, when `Config::write_high_water` bytes are queued, and as soon as a read waits.
        ///
        /// # What does dropping do?
        /// Dropping it without closing looks like a broken connection to the peer.
        ///
        /// All methods: [`wskit_driver::ByteStream`].
        #[doc(alias(
            "consume", "get_ref", "new", "poll_close", "poll_fill_buf", "poll_flush", "poll_read",
            "poll_write",
        ))]
        pub type ByteStream<S> = $crate::ByteStream<$io<S>>;
        /// Accepts connections: the settings that all of them share. Cheap to clone.
        ///
        /// ```no_run
        #[doc = concat!("# use ", env!("CARGO_CRATE_NAME"), "::ConnectionError;")]
        /// # use wskit_driver::{Listener, ServeRuntime, Server};
        /// # use wskit_handshake::OriginPolicy;
        /// # async fn doc<R: ServeRuntime<L::Stream>, L: Listener<R>>(listener: L) -> std::io::Result<()> {
        /// let server = Server::new(OriginPolicy::SameOrigin); // whose pages may connect
        /// server
        ///     .serve(listener, |mut ws, _peer| async move {
        ///         while let Some(message) = ws.recv().await? {
        ///             ws.send(message).await?;
        ///         }
        ///         Ok::<_, ConnectionError>(())
        ///     })
        ///     .await
        /// # }
        /// ```
        ///
        /// # What does dropping do?
        /// Dropping the future of `serve` stops accepting; connections that were accepted go on in their tasks.
        /// A handler that returns drops its connection. Dropping a `Server` does nothing.
        ///
        /// All methods: [`wskit_driver::Server`].
        #[doc(alias(
            "accept", "config", "deflate", "head_limits", "new", "observer", "origin", "protocols",
            "receive", "serve", "serve_requests", "socket_options", "upgrade",
        ))]
        pub type Server = $crate::Server<$runtime>;
        /// Performs the opening handshake on a stream that the caller supplies. [`Connector`] opens streams
        /// too.
        ///
        /// All methods: [`wskit_driver::Client`].
        #[doc(alias(
            "attempt_failed", "config", "deflate", "handshake", "handshake_within", "head_limits",
            "new", "observer", "request", "settings",
        ))]
        pub type Client = $crate::Client<$runtime>;
        /// A request received by a server, for a WebSocket or for ordinary HTTP. From
        /// [`Server::receive`](wskit_driver::Server::receive); see [`wskit_driver::Request`].
        pub type Request<S> = $crate::Request<$io<S>>;
        /// A request for a WebSocket, which waits for an answer: `accept`, `accept_with` or `reject`. It derefs
        /// to the request with its path, headers and cookies.
        ///
        /// # What does dropping do?
        /// Dropping it drops the connection without an answer.
        ///
        /// All methods: [`wskit_driver::Upgrade`].
        #[doc(alias("accept", "accept_with", "get_ref", "reject"))]
        pub type Upgrade<S> = $crate::Upgrade<$io<S>>;
        /// An HTTP request that asks for no WebSocket: `respond` answers it, with a page or a health check. All
        /// methods: [`wskit_driver::PlainHttp`].
        #[doc(alias("into_parts", "request", "respond"))]
        pub type PlainHttp<S> = $crate::PlainHttp<$io<S>>;
    };
    ($runtime:ident, $io:ident, $timer:ident) => {
        $crate::aliases!(types $runtime, $io, $timer);

        /// Returns a connection over a stream that is upgraded already.
        ///
        /// `S` is any stream that [`Server::accept`](wskit_driver::Server::accept) takes. `leftover` is
        /// what was read after the opening handshake.
        pub fn from_parts<S>(
            stream: S,
            role: $crate::wskit_proto::Role,
            leftover: $crate::bytes::Bytes,
            config: impl Into<std::sync::Arc<$crate::wskit_proto::Config>>,
        ) -> WebSocket<S>
        where
            $io<S>: $crate::Transport + From<S>,
        {
            WebSocket::from_parts($io::from(stream), role, leftover, config)
        }

        /// Returns two open connections that face each other in memory, the client's and the server's,
        /// for tests.
        ///
        /// There was no opening handshake: no sub-protocol and no compression is agreed on. `config` is
        /// for both ends; with [`from_parts`] each can have its own. The pipe between them holds 64 KiB
        /// each way, so a send of more waits until the other end receives.
        ///
        /// ```no_run
        #[doc = concat!("use ", env!("CARGO_CRATE_NAME"), "::{ConnectionError, pair};")]
        ///
        /// # async fn doc() -> Result<(), ConnectionError> {
        /// let (mut client, mut server) = pair(wskit_proto::Config::new());
        /// client.send("hello").await?;
        /// assert_eq!(server.recv().await?.unwrap().as_text(), Some("hello"));
        /// # Ok(()) }
        /// ```
        pub fn pair(
            config: impl Into<std::sync::Arc<$crate::wskit_proto::Config>>,
        ) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
            use $crate::{bytes::Bytes, wskit_proto::Role};

            let config = config.into();
            let (near, far) = duplex(64 << 10);
            (
                from_parts(near, Role::Client, Bytes::new(), config.clone()),
                from_parts(far, Role::Server, Bytes::new(), config),
            )
        }
    };
}
