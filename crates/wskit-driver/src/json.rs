//! Values of the application as JSON messages, by serde.

use serde::Serialize;
use serde::de::DeserializeOwned;
use wskit_proto::Outgoing;

use crate::error::ConnectionError;
use crate::split::{Reader, Writer};
use crate::transport::Transport;
use crate::websocket::WebSocket;

impl<T: Transport> WebSocket<T> {
    /// Receives a message and returns the value that it holds as JSON, text and binary alike; `None` after
    /// a clean close.
    ///
    /// ```no_run
    /// # async fn doc<T: wskit_driver::Transport>(mut ws: wskit_driver::WebSocket<T>) -> Result<(), wskit_driver::ConnectionError> {
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Greeting {
    ///     name: String,
    /// }
    ///
    /// while let Some(greeting) = ws.recv_json::<Greeting>().await? {
    ///     ws.send_json(&greeting).await?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ConnectionError::Json`] for a message that is not JSON of this type. It has been received, and the
    /// connection goes on: close it, or receive the next. All others are those of
    /// [`recv`](WebSocket::recv).
    ///
    /// # Cancel safety
    /// Safe: no message is lost when the future is dropped.
    pub async fn recv_json<V: DeserializeOwned>(&mut self) -> Result<Option<V>, ConnectionError> {
        match self.recv_ref().await? {
            Some((message, _)) => Ok(Some(message.json()?)),
            None => Ok(None),
        }
    }

    /// Sends a value as JSON, in a text message; see [`send`](WebSocket::send).
    ///
    /// # Errors
    /// [`ConnectionError::Json`] if the value has no JSON form; nothing was sent. All others are those of
    /// [`send`](WebSocket::send).
    ///
    /// # Cancel safety
    /// That of [`send`](WebSocket::send).
    pub async fn send_json<V: Serialize + ?Sized>(
        &mut self,
        value: &V,
    ) -> Result<(), ConnectionError> {
        // Not inside the call: the value need not be `Sync` for the future to be `Send`.
        let message = Outgoing::json(value)?;
        self.send(message).await
    }
}

impl<T: Transport> Reader<T> {
    /// Receives a message and returns the value that it holds as JSON; see [`WebSocket::recv_json`].
    ///
    /// # Errors
    /// Those of [`WebSocket::recv_json`].
    ///
    /// # Cancel safety
    /// Safe: no message is lost when the future is dropped.
    pub async fn recv_json<V: DeserializeOwned>(&mut self) -> Result<Option<V>, ConnectionError> {
        match self.recv_ref().await? {
            Some(message) => Ok(Some(message.json()?)),
            None => Ok(None),
        }
    }
}

impl<T: Transport> Writer<T> {
    /// Sends a value as JSON, in a text message; see [`send`](Writer::send).
    ///
    /// # Errors
    /// Those of [`WebSocket::send_json`].
    ///
    /// # Cancel safety
    /// That of [`send`](Writer::send).
    pub async fn send_json<V: Serialize + ?Sized>(&self, value: &V) -> Result<(), ConnectionError> {
        let message = Outgoing::json(value)?;
        self.send(message).await
    }
}
