//! Extensions in the opening handshake (RFC 6455 §9): permessage-deflate, where it is compiled in.

#[cfg(feature = "deflate")]
use std::{fmt, sync::Arc};

use wskit_handshake::{Accept, BuildError, ClientRequest, ExtensionList, RequestError};
use wskit_proto::Connection;
#[cfg(feature = "deflate")]
use wskit_proto::deflate;

use crate::error::OpenError;

/// The extensions that this end is set to use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extensions {
    #[cfg(feature = "deflate")]
    deflate: Option<Arc<dyn Negotiate>>,
}

/// The extensions that both ends have agreed on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Agreed {
    #[cfg(feature = "deflate")]
    pub(crate) deflate: Option<deflate::Params>,
}

impl Agreed {
    #[cfg_attr(
        not(feature = "deflate"),
        allow(
            clippy::unused_self,
            reason = "without the feature there is nothing to read"
        )
    )]
    pub(crate) fn is_compressed(self) -> bool {
        #[cfg(feature = "deflate")]
        return self.deflate.is_some();
        #[cfg(not(feature = "deflate"))]
        false
    }
}

#[cfg(feature = "deflate")]
impl Extensions {
    /// Sets permessage-deflate (RFC 7692).
    pub(crate) fn set_deflate(&mut self, config: deflate::Config) {
        self.deflate = Some(Arc::new(config));
    }

    /// Adds the client's offers, best first (RFC 7692 §5).
    pub(crate) fn offer(&self, request: ClientRequest) -> Result<ClientRequest, RequestError> {
        match &self.deflate {
            Some(deflate) => deflate.offer(request),
            None => Ok(request),
        }
    }

    /// Checks the server's answer. §7: a client fails the connection over an answer that it did not offer.
    pub(crate) fn confirm(&self, answer: &ExtensionList<'_>) -> Result<Agreed, OpenError> {
        match &self.deflate {
            Some(deflate) => deflate.confirm(answer),
            None => Ok(Agreed::default()),
        }
    }

    /// Answers the first of the client's offers that can be accepted.
    pub(crate) fn answer(&self, accept: Accept) -> Result<(Accept, Agreed), BuildError> {
        match &self.deflate {
            Some(deflate) => deflate.answer(accept),
            None => Ok((accept, Agreed::default())),
        }
    }

    /// Applies the agreed extensions to a connection.
    pub(crate) fn apply(&self, agreed: Agreed, connection: Connection) -> Connection {
        match (&self.deflate, agreed.deflate) {
            (Some(deflate), Some(params)) => deflate.apply(params, connection),
            _ => connection,
        }
    }
}

/// What permessage-deflate does in a handshake. It is behind a pointer that only
/// [`set_deflate`](Extensions::set_deflate) makes, so that it is not linked into a program that never asks
/// for compression.
#[cfg(feature = "deflate")]
pub(crate) trait Negotiate: fmt::Debug + Send + Sync {
    fn offer(&self, request: ClientRequest) -> Result<ClientRequest, RequestError>;
    fn confirm(&self, answer: &ExtensionList<'_>) -> Result<Agreed, OpenError>;
    fn answer(&self, accept: Accept) -> Result<(Accept, Agreed), BuildError>;
    fn apply(&self, params: deflate::Params, connection: Connection) -> Connection;
}

#[cfg(feature = "deflate")]
impl Negotiate for deflate::Config {
    fn offer(&self, mut request: ClientRequest) -> Result<ClientRequest, RequestError> {
        for offer in self.offers() {
            request = request.extension(offer.name(), offer.params())?;
        }
        Ok(request)
    }

    fn confirm(&self, answer: &ExtensionList<'_>) -> Result<Agreed, OpenError> {
        let answer = answer
            .iter()
            .map(|element| (element.name(), element.params()));
        let deflate = self.confirm(answer).map_err(OpenError::Deflate)?;
        Ok(Agreed { deflate })
    }

    fn answer(&self, accept: Accept) -> Result<(Accept, Agreed), BuildError> {
        let offers = accept.request().offered_extensions();
        let offers = offers.map(|element| (element.name(), element.params()));
        let Some(answer) = self.accept(offers) else {
            return Ok((accept, Agreed::default()));
        };
        let accept = accept.extension(answer.name(), answer.params())?;
        let deflate = Some(answer.agreed());
        Ok((accept, Agreed { deflate }))
    }

    fn apply(&self, params: deflate::Params, connection: Connection) -> Connection {
        connection.with_deflate(params, self)
    }
}

#[cfg(not(feature = "deflate"))]
#[allow(
    clippy::unused_self,
    clippy::unnecessary_wraps,
    reason = "as with the feature"
)]
impl Extensions {
    pub(crate) fn offer(&self, request: ClientRequest) -> Result<ClientRequest, RequestError> {
        Ok(request)
    }

    pub(crate) fn confirm(&self, _: &ExtensionList<'_>) -> Result<Agreed, OpenError> {
        Ok(Agreed::default())
    }

    pub(crate) fn answer(&self, accept: Accept) -> Result<(Accept, Agreed), BuildError> {
        Ok((accept, Agreed::default()))
    }

    pub(crate) fn apply(&self, _: Agreed, connection: Connection) -> Connection {
        connection
    }
}
