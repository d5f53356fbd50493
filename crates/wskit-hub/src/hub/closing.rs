use std::future::Future;
use std::time::Duration;

use wskit_proto::CloseCode;

use super::Hub;
use super::inner::Inner;
use super::telemetry;
use crate::core::{DIRECTORIES, Input, ShardId, Slot};
use crate::sync::Ordering;

/// The shortest time between two groups of connections that are closed.
const STEP: Duration = Duration::from_millis(10);

impl Hub {
    /// Closes the connections of all peers with a code and a reason, evenly spread over `window`, then the
    /// hub: its drivers end.
    ///
    /// Clients that come back at once do so over the same time, instead of all in the same moment. From the
    /// first poll on [`attach`](Hub::attach) fails with [`Error::Closed`](crate::Error::Closed), from the end
    /// on everything else does; in between, the peers that are left are served. `sleep` is what waits, such
    /// as `tokio::time::sleep`.
    ///
    /// The reader of each connection completes its closing handshake. `Shutdown::finish` of the binding waits
    /// for that. Call it afterwards: it tells all connections that it tracks at once.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use wskit_hub::{CloseCode, Hub};
    /// # async fn doc(hub: Hub, shutdown: wskit_tokio::Shutdown) -> Result<(), Box<dyn std::error::Error>> {
    /// let window = Duration::from_secs(20);
    /// hub.close(CloseCode::SERVICE_RESTART, "restarting", window, tokio::time::sleep).await;
    /// let report = shutdown.finish(Duration::from_secs(10)).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// Connections that were closed already are left as they are. A reason longer than 123 bytes is cut.
    ///
    /// # Cancel safety
    /// Connections that were not closed yet stay open, and [`attach`](Hub::attach) still fails. Another call
    /// begins again with those that are left.
    pub async fn close<S, F>(
        &self,
        code: CloseCode,
        reason: &'static str,
        window: Duration,
        sleep: S,
    ) where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        let inner = &self.inner;
        inner.is_closing.store(true, Ordering::Release);
        let (mut seats, count) = inner.seats();
        let most = window.as_nanos() / STEP.as_nanos();
        let steps = most.clamp(1, u128::from(count.max(1)));
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        let (each, rest) = (count / steps, count % steps);
        for step in 0..steps {
            if step > 0 {
                sleep(window / steps).await;
            }
            let group = each + u32::from(step < rest);
            for (shard, slot) in seats.by_ref().take(group as usize) {
                inner.send(shard, Input::Close { slot, code, reason });
            }
        }
        telemetry::closed(count);
        inner.close();
        // Those whose `attach` had begun before.
        for (shard, slot) in inner.seats().0 {
            inner.send(shard, Input::Close { slot, code, reason });
        }
    }
}

impl Inner {
    /// Returns the places of peers in all shards, by turns, and how many they are. Some may be free.
    fn seats(&self) -> (impl Iterator<Item = (ShardId, Slot)> + use<>, u32) {
        let ends: Vec<_> = (0u16..).zip(self.ends()).collect();
        let count = ends.iter().map(|(_, end)| end).sum();
        let most = ends.iter().map(|(_, end)| *end).max();
        let seats = (0..most.unwrap_or(0)).flat_map(move |slot| {
            let shards = ends.iter().filter(|(_, end)| slot < *end);
            let shards: Vec<_> = shards.map(|(shard, _)| ShardId(*shard)).collect();
            shards.into_iter().map(move |shard| (shard, Slot(slot)))
        });
        (seats, count)
    }

    /// Refuses everything from now on, answers what waits, and ends the drivers.
    pub(super) fn close(&self) {
        self.is_closing.store(true, Ordering::Release);
        self.is_closed.store(true, Ordering::Release);
        for number in 0..DIRECTORIES {
            self.with(number, |directory, _, out| directory.close(out));
        }
        self.schedule.wake_all();
    }
}
