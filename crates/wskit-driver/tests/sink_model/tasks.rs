use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;

use futures_util::{SinkExt, StreamExt};
use wskit_test::{cut, pause};

use crate::End;
use crate::apart::Receiving;
use crate::dice::Dice;
use crate::watched::Watched;
use crate::world::World;

/// Runs a sink in a task of its own.
pub(crate) async fn operate(world: Rc<World>, mut sink: Watched, closes: bool, mut dice: Dice) {
    let steps = 1 + dice.below(20);
    let close_at = dice.below(steps);
    for step in 0..steps {
        if closes && step == close_at {
            for _ in 0..dice.below(3) {
                cut(sink.close(), 1).await;
            }
            sink.close().await.unwrap();
        }
        sink.step(&mut dice).await;
        for _ in 0..dice.below(4) {
            pause().await;
        }
    }
    if matches!(world.plan.end, End::Peers | End::Gone) && dice.below(2) == 0 {
        let closed = sink.close().await;
        world.may_fail(closed);
    }
    let account = sink.account(&world);
    drop(sink);
    account.done.set(true);
    world.changed();
}

pub(crate) async fn receive(world: Rc<World>, mut stream: Receiving) {
    while let Some(received) = stream.next().await {
        world.received(received);
    }
    world.received_end();
    // A stream that has ended is kept: its end need not wake the sinks.
    pending::<()>().await;
}

/// One task that sends, checks whether something came, and sends more.
pub(crate) async fn alone(
    world: Rc<World>,
    mut stream: Receiving,
    mut sink: Watched,
    mut dice: Dice,
) {
    let mut over = false;
    for _ in 0..=dice.below(20) {
        sink.step(&mut dice).await;
        for _ in 0..dice.below(4) {
            match cut(stream.next(), 1).await {
                Some(Some(received)) => world.received(received),
                Some(None) => over = true,
                None => pause().await,
            }
        }
    }
    let closes = match world.plan.end {
        End::None => false,
        End::Ours => true,
        End::Peers | End::Gone => dice.below(2) == 0,
    };
    let mut sink = Some(sink);
    if !closes {
        sink = None;
        world.sinks[0].done.set(true);
        world.changed();
    }
    poll_fn(|cx| {
        // One task closes and receives: each has to be polled for the other to make progress.
        if let Some(closing) = &mut sink {
            if let Poll::Ready(closed) = closing.poll_close_unpin(cx) {
                world.may_fail(closed);
                world.sinks[0].done.set(true);
                sink = None;
            }
        }
        while !over {
            match stream.poll_next_unpin(cx) {
                Poll::Ready(Some(received)) => world.received(received),
                Poll::Ready(None) => {
                    over = true;
                    // The sink may wait for what came with it.
                    cx.waker().wake_by_ref();
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        if sink.is_some() {
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
    world.received_end();
    pending::<()>().await;
}
