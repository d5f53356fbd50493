use std::sync::Arc;

use bytes::Bytes;

/// Somebody who is present in a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    identity: Arc<str>,
    info: Bytes,
}

impl Member {
    /// Creates a member of an identity, such as the name or number of a user. Several connections of one
    /// identity are one member.
    #[must_use]
    pub fn new(identity: impl Into<Arc<str>>) -> Self {
        Self {
            identity: identity.into(),
            info: Bytes::new(),
        }
    }

    /// Sets what else is told of the member, in a form of the application's.
    #[must_use]
    pub fn info(mut self, info: impl Into<Bytes>) -> Self {
        self.info = info.into();
        self
    }

    /// Returns the identity.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Returns what else is told of the member.
    #[must_use]
    pub fn get_info(&self) -> &Bytes {
        &self.info
    }

    /// Copies what is told of it; see [`Publication::into_own`](crate::publication::Publication::into_own).
    pub(crate) fn into_own(self) -> Self {
        let info = Bytes::copy_from_slice(&self.info);
        Self { info, ..self }
    }

    pub(crate) fn shared_identity(&self) -> &Arc<str> {
        &self.identity
    }
}

/// Who is present in a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Present {
    /// How many members there are.
    pub count: usize,
    /// The members, sorted by identity; the first of them if there are more than `Limits::members_listed`.
    pub members: Vec<Member>,
}
