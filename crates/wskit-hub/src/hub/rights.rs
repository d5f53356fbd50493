use std::sync::Arc;

use crate::peer::Grant;

/// What a peer may do, and where it is present. Most peers have none of it.
#[derive(Debug, Default)]
pub(super) struct Rights(Option<Box<Lists>>);

#[derive(Debug, Default)]
struct Lists {
    grants: Vec<(Arc<str>, Grant)>,
    /// The topics that it is present in, and as whom.
    entered: Vec<(Arc<str>, Arc<str>)>,
}

impl Rights {
    /// Returns what is granted for a topic.
    pub(super) fn granted(&self, topic: &str) -> Grant {
        let mut grants = self.0.iter().flat_map(|lists| &lists.grants);
        let grant = grants.find(|(name, _)| **name == *topic);
        grant.map_or(Grant::new(), |(_, grant)| *grant)
    }

    /// Grants this for a topic, instead of what was granted before.
    pub(super) fn grant(&mut self, topic: &str, grant: Grant) {
        let grants = &mut self.0.get_or_insert_default().grants;
        grants.retain(|(name, _)| **name != *topic);
        if grant != Grant::new() {
            grants.push((topic.into(), grant));
        }
        self.forget_empty();
    }

    /// Returns in how many topics it is present.
    pub(super) fn entered(&self) -> usize {
        self.0.as_ref().map_or(0, |lists| lists.entered.len())
    }

    /// Whether it is present in a topic.
    pub(super) fn is_in(&self, topic: &str) -> bool {
        let mut entered = self.0.iter().flat_map(|lists| &lists.entered);
        entered.any(|(name, _)| **name == *topic)
    }

    /// It is present in a topic as somebody. Returns as whom it was there before.
    pub(super) fn enter(&mut self, topic: &str, identity: Arc<str>) -> Option<Arc<str>> {
        let before = self.leave(topic);
        let lists = self.0.get_or_insert_default();
        lists.entered.push((topic.into(), identity));
        before
    }

    /// It is no longer present in a topic. Returns as whom it was there.
    pub(super) fn leave(&mut self, topic: &str) -> Option<Arc<str>> {
        let entered = &mut self.0.as_mut()?.entered;
        let i = entered.iter().position(|(name, _)| **name == *topic)?;
        let (_, identity) = entered.swap_remove(i);
        self.forget_empty();
        Some(identity)
    }

    /// It is no longer present anywhere. Returns where it was, and as whom.
    pub(super) fn leave_all(&mut self) -> Vec<(Arc<str>, Arc<str>)> {
        let entered = self.0.as_mut().map(|lists| &mut lists.entered);
        let entered = entered.map(std::mem::take).unwrap_or_default();
        self.forget_empty();
        entered
    }

    fn forget_empty(&mut self) {
        self.0
            .take_if(|lists| lists.grants.is_empty() && lists.entered.is_empty());
    }

    /// Returns about how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        let Some(lists) = &self.0 else {
            return 0;
        };
        let grants = lists.grants.iter().map(|(name, _)| name.len() + 16);
        let entered = lists
            .entered
            .iter()
            .map(|(name, identity)| name.len() + identity.len() + 32);
        size_of::<Lists>()
            + lists.grants.capacity() * size_of::<(Arc<str>, Grant)>()
            + lists.entered.capacity() * size_of::<(Arc<str>, Arc<str>)>()
            + grants.chain(entered).sum::<usize>()
    }
}
