//! A client over HTTP/2 that sends each small message in a DATA frame of its own.
#![allow(dead_code, reason = "each test file uses its part")]

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use h2::ext::Protocol;
use h2::{RecvStream, SendStream};
use http::{Method, Request};
use tokio::io::{AsyncRead, AsyncWrite};

/// An HTTP/2 connection whose server has announced extended CONNECT.
pub(crate) async fn connect(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> SendRequest<Bytes> {
    let handshake = h2::client::Builder::new().handshake(io);
    let (client, mut connection): (_, Connection<_, Bytes>) = handshake.await.unwrap();
    // The connection reads the settings and does not report them.
    poll_fn(|cx| {
        assert!(Pin::new(&mut connection).poll(cx).is_pending());
        if client.is_extended_connect_protocol_enabled() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    tokio::spawn(connection);
    client
}

/// One WebSocket on the connection.
pub(crate) struct Socket {
    pub(crate) send: SendStream<Bytes>,
    pub(crate) recv: RecvStream,
    got: Vec<u8>,
}

impl Socket {
    pub(crate) async fn open(client: &SendRequest<Bytes>, path: &str) -> Self {
        let request = Request::builder()
            .method(Method::CONNECT)
            .uri(format!("http://example.com{path}"))
            .extension(Protocol::from_static("websocket"))
            // As browsers do.
            .header("accept-encoding", "gzip, deflate, br")
            .header("sec-websocket-version", "13")
            .body(())
            .unwrap();
        let mut client = client.clone().ready().await.unwrap();
        let (response, send) = client.send_request(request, false).unwrap();
        let response = response.await.unwrap();
        assert_eq!(response.status(), 200);
        let recv = response.into_body();
        let got = Vec::new();
        Self { send, recv, got }
    }

    /// Sends one DATA frame as soon as the windows allow; `false` if the stream has ended.
    pub(crate) async fn data(&mut self, bytes: Bytes) -> bool {
        let length = bytes.len();
        self.send.reserve_capacity(length);
        while self.send.capacity() < length {
            if !matches!(poll_fn(|cx| self.send.poll_capacity(cx)).await, Some(Ok(_))) {
                return false;
            }
        }
        self.send.send_data(bytes, false).is_ok()
    }

    /// Reads `length` bytes.
    pub(crate) async fn read(&mut self, length: usize) -> Vec<u8> {
        while self.got.len() < length {
            let data = self.recv.data().await.expect("more").expect("no error");
            self.recv
                .flow_control()
                .release_capacity(data.len())
                .unwrap();
            self.got.extend_from_slice(&data);
        }
        let rest = self.got.split_off(length);
        std::mem::replace(&mut self.got, rest)
    }

    /// Sends a message and waits for its echo.
    pub(crate) async fn round_trip(&mut self, number: u64) {
        assert!(self.data(message(number)).await, "the stream has ended");
        let echo = self.read(18).await;
        assert_eq!(echo, [&b"\x82\x10"[..], &payload(number)].concat());
    }

    /// How the stream ended: every byte until END_STREAM, or the reset.
    pub(crate) async fn read_to_end(&mut self) -> Result<Vec<u8>, h2::Error> {
        while let Some(data) = self.recv.data().await {
            let data = data?;
            self.recv.flow_control().release_capacity(data.len())?;
            self.got.extend_from_slice(&data);
        }
        Ok(std::mem::take(&mut self.got))
    }
}

/// 22 bytes: a masked binary message of 16 that holds a number. The mask is all zeros.
pub(crate) fn message(number: u64) -> Bytes {
    [&b"\x82\x90\0\0\0\0"[..], &payload(number)].concat().into()
}

fn payload(number: u64) -> Vec<u8> {
    [number.to_be_bytes(), [b'.'; 8]].concat()
}

/// A masked Close without a code, to which the answer is the same without a mask.
pub(crate) const CLOSE: &[u8] = b"\x88\x80\0\0\0\0";

/// The number that a message holds.
pub(crate) fn number(message: &[u8]) -> u64 {
    u64::from_be_bytes(message[..8].try_into().unwrap())
}
