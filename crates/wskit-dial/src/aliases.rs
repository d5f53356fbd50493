/// Names the types of this crate for one runtime: what a binding exports, beside those of
/// [`wskit_driver::aliases!`].
///
/// Takes the runtime's type and its transport (generic over the stream). Expects the binding's `ClientStream` and `WebSocket` in scope.
///
/// ```text
/// wskit_dial::aliases!(Tokio, Io);
/// ```
#[macro_export]
macro_rules! aliases {
    ($runtime:ident, $io:ident) => {
        /// Connects to URLs; see [`wskit_dial::Connector`].
        pub type Connector<D = Dialer> = $crate::Connector<$runtime, D>;
        /// Connects again when the connection is lost; see [`wskit_dial::Reconnect`].
        pub type Reconnect<S = ClientStream> = $crate::Reconnect<$runtime, S>;
        /// Sends on the connection of a [`Reconnect`] that was spawned; see
        /// [`wskit_dial::reconnect::Handle`].
        pub type ReconnectHandle<S = ClientStream> = $crate::reconnect::Handle<$io<S>>;
        /// How a [`Connector`] opens streams by default; see [`wskit_dial::Dialer`].
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
            let request = request.try_into().map_err($crate::wskit_handshake::RequestError::from)?;
            connect_to(request).await
        }

        /// Not generic and boxed, so that all of dialling is compiled once, in this crate, and no
        /// caller's future has the code that drops it.
        fn connect_to(
            request: $crate::wskit_handshake::ClientRequest,
        ) -> ::std::pin::Pin<
            ::std::boxed::Box<
                dyn ::std::future::Future<Output = Result<WebSocket<ClientStream>, $crate::DialError>>
                    + Send,
            >,
        > {
            ::std::boxed::Box::pin(async { Ok(Connector::new().connect(request).await?.0) })
        }
    };
}
