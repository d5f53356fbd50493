/// Names the types of this crate for one runtime: what a binding exports, beside those of
/// [`wskit_driver::aliases!`].
///
/// Takes the runtime's type and its transport (generic over the stream). Expects the binding's `ClientStream` and `WebSocket` in scope.
/// With `types` first it defines what [`wskit_driver::aliases!`] would: the types alone, but for `Dialer`.
///
/// ```text
/// wskit_dial::aliases!(Tokio, Io);
/// ```
#[macro_export]
macro_rules! aliases {
    (types $runtime:ident, $io:ident) => {
        /// Connects to URLs: the settings of a client, for one connection or many. Cheap to clone.
        ///
        /// ```no_run
        /// # use std::time::Duration;
        #[doc = concat!("# use ", env!("CARGO_CRATE_NAME"), "::{Connector, DialError};")]
        /// # use wskit_driver::wskit_proto::Config;
        /// # async fn doc() -> Result<(), DialError> {
        /// let connector = Connector::new()
        ///     .config(Config::new().max_message_size(16 << 20))
        ///     .redirects(3);
        /// let (ws, response) = connector.connect("wss://example.com/feed").await?;
        /// println!("{:?} {:?}", ws.protocol(), response.headers());
        /// # Ok(()) }
        /// ```
        ///
        /// # What does dropping do?
        /// Dropping the future of `connect` drops the attempt and its streams. Dropping a connector does not
        /// affect its connections.
        ///
        /// All methods: [`wskit_dial::Connector`].
        #[doc(alias(
            "config", "connect", "deflate", "dial_by", "head_limits", "local_address",
            "max_concurrent", "new", "observer", "proxy", "reconnect", "redirects",
            "socket_options", "tls", "tls_layer",
        ))]
        pub type Connector<D = $crate::Dialer<$runtime>> = $crate::Connector<$runtime, D>;
        /// A client that connects again whenever its connection is lost. From
        /// [`Connector::reconnect`](wskit_dial::Connector::reconnect), or made with a way of your own to open
        /// connections.
        ///
        /// ```no_run
        #[doc = concat!("# use ", env!("CARGO_CRATE_NAME"), "::{Connector, reconnect::Event};")]
        /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
        /// let mut feed = Connector::new()
        ///     .reconnect("wss://example.com/feed".try_into()?)
        ///     .on_open(|mut ws| async move { Ok(ws.send("subscribe").await?) });
        /// while let Some(event) = feed.next().await? {
        ///     match event {
        ///         Event::Opened => println!("connected"),
        ///         Event::Message(message) => println!("{:?}", message.as_text()),
        ///         Event::Lost { loss, retry_in } => println!("{loss}; next attempt in {retry_in:?}"),
        ///         _ => {}
        ///     }
        /// }
        /// # Ok(()) }
        /// ```
        ///
        /// # When does what I send leave?
        /// `send` writes to the connection that is open, before it returns. Nothing is kept for the next one.
        ///
        /// # What does dropping do?
        /// Dropping it drops its connection without a Close; `close` ends it in order. Once it is
        /// [spawned](wskit_dial::Reconnect::spawn), dropping the events ends it, and dropping handles does
        /// nothing.
        ///
        /// All methods: [`wskit_dial::Reconnect`].
        #[doc(alias(
            "backoff", "classify", "close", "connection", "healthy_after", "into_parts", "new",
            "next", "on_open", "on_open_timeout", "outcome", "over", "poll_next", "retries",
            "send", "send_json", "spawn",
        ))]
        pub type Reconnect<S = ClientStream> = $crate::Reconnect<$runtime, S>;
        /// Sends on the connection of a [`Reconnect`] that was [spawned](wskit_dial::Reconnect::spawn). Clone
        /// it for every task that sends.
        ///
        /// # When does what I send leave?
        /// `send` writes to the connection that is open, before it returns. Without one it is an error.
        ///
        /// # What does dropping do?
        /// Nothing: the client goes on until its events are dropped.
        ///
        /// All methods: [`wskit_dial::reconnect::Handle`].
        #[doc(alias(
            "close", "is_connected", "round_trip", "send", "send_json", "wait_connected", "writer",
        ))]
        pub type ReconnectHandle<S = ClientStream> = $crate::reconnect::Handle<$io<S>>;
    };
    ($runtime:ident, $io:ident) => {
        $crate::aliases!(types $runtime, $io);

        /// How a [`Connector`] opens streams by default; see [`wskit_dial::Dialer`].
        #[doc(alias("local_address", "new", "proxy", "socket_options", "tcp", "tls"))]
        pub type Dialer = $crate::Dialer<$runtime>;

        /// Connects to a `ws://` or `wss://` URL with the default settings.
        ///
        /// A request is a URL or anything else that [`Connector::connect`] takes, whose errors and cancel
        /// safety are this function's.
        ///
        /// ```no_run
        #[doc = concat!("# async fn doc() -> Result<(), ", env!("CARGO_CRATE_NAME"), "::Error> {")]
        #[doc = concat!("let mut ws = ", env!("CARGO_CRATE_NAME"), "::connect(\"ws://127.0.0.1:9001\").await?;")]
        /// ws.send("hello").await?;
        /// # Ok(()) }
        /// ```
        pub async fn connect<Q>(request: Q) -> Result<WebSocket<ClientStream>, $crate::DialError>
        where
            Q: TryInto<$crate::wskit_handshake::ClientRequest>,
            $crate::wskit_handshake::RequestError: From<Q::Error>,
        {
            connect_to(request.try_into().map_err($crate::wskit_handshake::RequestError::from)).await
        }

        /// Not generic and boxed, so that all of dialling is compiled once, in this crate, and no
        /// caller's future has the code that drops it.
        fn connect_to(
            request: Result<$crate::wskit_handshake::ClientRequest, $crate::wskit_handshake::RequestError>,
        ) -> ::std::pin::Pin<
            ::std::boxed::Box<
                dyn ::std::future::Future<Output = Result<WebSocket<ClientStream>, $crate::DialError>>
                    + Send,
            >,
        > {
            ::std::boxed::Box::pin(async { Ok(Connector::new().connect(request?).await?.0) })
        }
    };
}
