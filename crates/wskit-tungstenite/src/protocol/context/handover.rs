use bytes::{Bytes, BytesMut};

use super::WebSocketContext;
#[cfg(feature = "deflate")]
use crate::protocol::Agreed;
use crate::protocol::Role;

/// What a connection goes on with elsewhere.
pub(crate) struct Handover {
    pub(crate) role: Role,
    /// What was read and not used.
    pub(crate) read: Bytes,
    pub(crate) config: wskit_proto::Config,
    #[cfg(feature = "deflate")]
    pub(crate) agreed: Option<Box<Agreed>>,
}

impl WebSocketContext {
    /// Takes the connection apart; itself, if that is not possible now.
    pub(crate) fn into_handover(mut self) -> Result<Handover, Box<Self>> {
        let idle = self.state.is_active() && self.pong.is_none() && self.outbound.is_empty();
        if !idle || (self.is_compressed() && self.used) {
            return Err(Box::new(self));
        }
        let Some(read) = self.inbound.take_unparsed() else {
            return Err(Box::new(self));
        };
        let defaults = wskit_proto::Config::new();
        let config = self
            .config
            .to_proto()
            .auto_pong(true)
            .write_high_water(defaults.get_write_high_water())
            .write_queue_limit(defaults.get_write_queue_limit());
        let mut all = BytesMut::from(read.as_slice());
        all.extend_from_slice(&self.part);
        Ok(Handover {
            role: self.role,
            read: all.freeze(),
            config,
            #[cfg(feature = "deflate")]
            agreed: self.agreed,
        })
    }
}
