/// Names the types of this crate for one runtime: what a binding exports.
///
/// Takes the runtime's type, then its transport (generic over the stream) and its timer, all in scope where
/// the macro is called. Also expects in scope what pairs in memory run over: the type `DuplexStream`, and
/// the function `duplex`, which takes a capacity. Defines `WebSocket<S>`, its halves and handles, `Server`,
/// `Client`, what they receive, `from_parts` and `pair`.
///
/// ```text
/// wskit_driver::aliases!(Tokio, Io, TokioTimer);
/// ```
#[macro_export]
macro_rules! aliases {
    ($runtime:ident, $io:ident, $timer:ident) => {
        /// A WebSocket connection; see [`wskit_driver::WebSocket`].
        pub type WebSocket<S> = $crate::WebSocket<$io<S>>;
        /// The receiving half of a split connection; see [`wskit_driver::Reader`].
        pub type Reader<S> = $crate::Reader<$io<S>>;
        /// A sending half of a split connection; see [`wskit_driver::Writer`].
        pub type Writer<S> = $crate::Writer<$io<S>>;
        /// A handle to a connection that does not keep it open; see [`wskit_driver::WeakWriter`].
        pub type WeakWriter<S> = $crate::WeakWriter<$io<S>>;
        /// A sender's own queue; see [`wskit_driver::Lane`].
        pub type Lane<S> = $crate::Lane<$io<S>>;
        /// Closes many connections in an orderly way; see [`wskit_driver::Shutdown`].
        pub type Shutdown = $crate::Shutdown<$timer>;
        /// A message that is sent while it is written; see [`wskit_driver::MessageWriter`].
        pub type MessageWriter<'a, S> = $crate::MessageWriter<'a, $io<S>>;
        /// A connection as a stream of bytes; see [`wskit_driver::ByteStream`].
        pub type ByteStream<S> = $crate::ByteStream<$io<S>>;
        /// Accepts connections; see [`wskit_driver::Server`].
        pub type Server = $crate::Server<$runtime>;
        /// Opens connections on streams that the caller supplies; see [`wskit_driver::Client`].
        pub type Client = $crate::Client<$runtime>;
        /// A request received by a server; see [`wskit_driver::Request`].
        pub type Request<S> = $crate::Request<$io<S>>;
        /// A request for a WebSocket; see [`wskit_driver::Upgrade`].
        pub type Upgrade<S> = $crate::Upgrade<$io<S>>;
        /// An HTTP request that asks for no WebSocket; see [`wskit_driver::PlainHttp`].
        pub type PlainHttp<S> = $crate::PlainHttp<$io<S>>;

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
