//! Connections over a Unix socket.

use std::io;
use std::path::PathBuf;

use tokio::net::UnixStream;
use wskit::dial::{Dial, MaybeTls, TokioRustls};
use wskit::{ClientRequest, ConnectCause, ConnectError, DialError, Stage, tls};

/// Opens Unix sockets instead of TCP connections, with TLS for `wss://`.
#[derive(Clone, Debug)]
pub(crate) struct UnixDialer {
    pub(crate) path: PathBuf,
    /// The settings for `wss://`.
    pub(crate) tls: Option<tls::Connector>,
}

impl Dial for UnixDialer {
    type Stream = MaybeTls<UnixStream, TokioRustls>;

    async fn dial(&self, request: &ClientRequest) -> Result<Self::Stream, DialError> {
        let unreachable = |error: io::Error| {
            let text = format!("{}: {error}", self.path.display());
            let cause = ConnectCause::Io(io::Error::new(error.kind(), text));
            ConnectError::new(Stage::Dial, cause)
        };
        let socket = UnixStream::connect(&self.path).await.map_err(unreachable)?;
        let stream = MaybeTls::from(socket);
        match &self.tls {
            Some(tls) if request.is_secure() => {
                Ok(tls.connect(request.server_name(), stream).await?.into())
            }
            _ => Ok(stream),
        }
    }
}
