//! Extensions in the opening handshake (RFC 6455 §9): permessage-deflate, where it is compiled in.

use wskit_handshake::{Accept, BuildError, ClientRequest, ExtensionList, RequestError};
use wskit_proto::Connection;
#[cfg(feature = "deflate")]
use wskit_proto::deflate;

use crate::error::OpenError;

/// The extensions that this end is set to use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extensions {
    #[cfg(feature = "deflate")]
    pub(crate) deflate: Option<deflate::Config>,
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
    /// Adds the client's offers, best first (RFC 7692 §5).
    pub(crate) fn offer(&self, mut request: ClientRequest) -> Result<ClientRequest, RequestError> {
        for offer in self.deflate.iter().flat_map(deflate::Config::offers) {
            request = request.extension(offer.name(), offer.params())?;
        }
        Ok(request)
    }

    /// Checks the server's answer. §7: a client fails the connection over an answer that it did not offer.
    pub(crate) fn confirm(&self, answer: &ExtensionList<'_>) -> Result<Agreed, OpenError> {
        let Some(config) = &self.deflate else {
            return Ok(Agreed::default());
        };
        let answer = answer
            .iter()
            .map(|element| (element.name(), element.params()));
        let deflate = config.confirm(answer).map_err(OpenError::Deflate)?;
        Ok(Agreed { deflate })
    }

    /// Answers the first of the client's offers that can be accepted.
    pub(crate) fn answer(&self, accept: Accept) -> Result<(Accept, Agreed), BuildError> {
        let Some(config) = &self.deflate else {
            return Ok((accept, Agreed::default()));
        };
        let offers = accept.request().offered_extensions();
        let offers = offers.map(|element| (element.name(), element.params()));
        let Some(answer) = config.accept(offers) else {
            return Ok((accept, Agreed::default()));
        };
        let accept = accept.extension(answer.name(), answer.params())?;
        let deflate = Some(answer.agreed());
        Ok((accept, Agreed { deflate }))
    }

    /// Applies the agreed extensions to a connection.
    pub(crate) fn apply(&self, agreed: Agreed, connection: Connection) -> Connection {
        match (&self.deflate, agreed.deflate) {
            (Some(config), Some(params)) => connection.with_deflate(params, config),
            _ => connection,
        }
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
