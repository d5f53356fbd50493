use super::call::Call;
use super::inner::Inner;
use crate::core::Answer;
use crate::error::Error;
use crate::member::Present;
use crate::position::{Position, Since};
use crate::publication::{Publication, Published};

/// The longest name of a publication, in bytes.
const MAX_ID: usize = 255;

/// The calls that an engine may have to answer.
impl Inner {
    pub(super) async fn publish(
        &self,
        topic: &str,
        publication: Publication,
    ) -> Result<Position, Error> {
        let (len, limit) = (publication.payload().len(), self.limits.payload);
        if len > limit {
            return Err(Error::TooLarge { len, limit });
        }
        let id = publication.get_id().map_or(0, str::len);
        if id > MAX_ID {
            return Err(Error::TooLarge {
                len: id,
                limit: MAX_ID,
            });
        }
        self.until_not_crowded().await;
        // It is kept as it is, and as it looks on each wire.
        let wires = self.wires.iter().filter(|wire| wire.get().is_some());
        self.make_room(len + id + 512 + wires.count() * (len + 600))?;
        let publication = publication.into_own();
        let mut call = None;
        let published = self.with_topic(topic, |directory, topic, now, out| {
            let call = || call.insert(Call::new()).clone();
            directory.publish(topic, publication, call, now, out)
        })?;
        let position = match (published, call) {
            (Some(position), _) => position,
            (None, Some(call)) => match call.wait().await {
                Answer::Published(position) => position?,
                _ => return Err(Error::Closed),
            },
            (None, None) => return Err(Error::Closed),
        };
        self.counts.published(len);
        Ok(position)
    }

    pub(super) async fn history(
        &self,
        topic: &str,
        since: Since,
        limit: usize,
    ) -> Result<(Vec<Published>, Position), Error> {
        let mut call = None;
        let page = self.with_topic(topic, |directory, topic, now, out| {
            let call = || call.insert(Call::new()).clone();
            directory.history(topic, since, limit, call, now, out)
        })?;
        match (page, call) {
            (Some(page), _) => Ok(page),
            (None, Some(call)) => match call.wait().await {
                Answer::History(page) => page,
                _ => Err(Error::Closed),
            },
            (None, None) => Err(Error::Closed),
        }
    }

    pub(super) async fn present(&self, topic: &str) -> Result<Present, Error> {
        let mut call = None;
        let present = self.with_topic(topic, |directory, topic, now, out| {
            let call = || call.insert(Call::new()).clone();
            directory.present(topic, call, now, out)
        })?;
        match (present, call) {
            (Some(present), _) => Ok(present),
            (None, Some(call)) => match call.wait().await {
                Answer::Present(present) => present,
                _ => Err(Error::Closed),
            },
            (None, None) => Err(Error::Closed),
        }
    }

    /// Counts what was refused.
    pub(super) fn counted<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        result.inspect_err(|error| self.counts.refused(error))
    }
}
