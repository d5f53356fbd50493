use std::fmt;
use std::sync::Weak;

use wskit_proto::State;

use super::any_writer::AnyWeakWriter;
use super::core::Shared;
use super::writer::Writer;
use crate::sync::Arc;
use crate::transport::{SendTransport, Transport};

/// A handle to a connection that does not keep it open, from [`Writer::downgrade`].
///
/// For lists of connections, such as the members of a chat room, that must not keep ended ones.
pub struct WeakWriter<T: Transport> {
    shared: Weak<Shared<T>>,
}

impl<T: Transport> WeakWriter<T> {
    pub(super) fn new(shared: &Arc<Shared<T>>) -> Self {
        Self {
            shared: Arc::downgrade(shared),
        }
    }

    /// Returns a writer, or `None` if the connection is over, or its reader and all writers were dropped.
    #[must_use]
    pub fn upgrade(&self) -> Option<Writer<T>> {
        let shared = self.shared.upgrade()?;
        let is_open = shared.state() != State::Closed && shared.try_add_owner();
        is_open.then(|| Writer::counted(shared))
    }

    /// Returns a handle that does not name the transport; see [`Writer::erase`].
    #[must_use]
    pub fn erase(self) -> AnyWeakWriter
    where
        T: SendTransport,
    {
        AnyWeakWriter::new(self.shared)
    }
}

impl<T: Transport> Clone for WeakWriter<T> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl<T: Transport> fmt::Debug for WeakWriter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakWriter")
    }
}
