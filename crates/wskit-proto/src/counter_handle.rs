#[cfg(feature = "metrics")]
use core::time::Duration;
#[cfg(feature = "metrics")]
use std::sync::Arc;

#[cfg(feature = "metrics")]
use crate::counters::Counters;

/// Counts what goes through a connection. Without the feature `metrics` it is empty and does nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct CounterHandle {
    #[cfg(feature = "metrics")]
    counters: Arc<Counters>,
}

/// Defines methods whose bodies are empty without the feature.
macro_rules! counts {
    ($($(#[$attr:meta])* $name:ident($($arg:ident),*) $counters:ident => $body:expr;)*) => {
        #[allow(
            unused_variables,
            clippy::unused_self,
            reason = "arguments are used only with the feature `metrics`"
        )]
        impl CounterHandle {
            $(
                $(#[$attr])*
                #[inline(always)]
                pub(crate) fn $name(&self $(, $arg: usize)*) {
                    #[cfg(feature = "metrics")]
                    {
                        let $counters = &*self.counters;
                        $body;
                    }
                }
            )*
        }
    };
}

counts! {
    /// A whole message in one frame.
    received_whole(len) counters => { counters.received.frame(); counters.received.message(len) };
    received_frame() counters => counters.received.frame();
    received_message(len) counters => counters.received.message(len);
    received_part(len) counters => counters.received.part(len);
    received_bytes(n) counters => counters.received.wire(n);
    sent_whole(len) counters => { counters.sent.frame(); counters.sent.message(len) };
    sent_frame() counters => counters.sent.frame();
    sent_message(len) counters => counters.sent.message(len);
    sent_part(len) counters => counters.sent.part(len);
    sent_bytes(n) counters => counters.sent.wire(n);
    queued(n) counters => counters.queued(n);
}

#[cfg(feature = "deflate")]
counts! {
    inflated(inflated, deflated) counters => counters.received.compression(inflated, deflated);
    deflated(inflated, deflated) counters => counters.sent.compression(inflated, deflated);
}

#[cfg(feature = "metrics")]
impl CounterHandle {
    pub(crate) fn round_trip(&self, time: Option<Duration>) {
        self.counters.round_trip(time);
    }

    pub(crate) fn get(&self) -> &Arc<Counters> {
        &self.counters
    }
}
