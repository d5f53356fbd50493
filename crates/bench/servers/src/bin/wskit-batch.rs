//! `WeakWriter::batch` alone: the writers of all connections in as many lists as there are threads, and a
//! task for each list that gives each writer all messages at once. Settings: the defaults.

use std::sync::{Arc, Mutex};

use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use wskit::{PreparedMessage, WeakWriter};
use wskit_bench_servers::fanout::{self, Subscribers};
use wskit_bench_servers::{options::Options, serve::serve, wskit_server};

type Writers = Arc<Mutex<Vec<WeakWriter<TcpStream>>>>;
type Messages = Arc<[PreparedMessage]>;

fn main() {
    let options: &'static Options = Box::leak(Box::new(Options::parse()));
    let server = wskit_server::server(options);
    let (lists, receivers): (Vec<_>, Vec<_>) = (0..options.threads.max(1))
        .map(|_| {
            let (sender, receiver) = unbounded_channel();
            let writers = Writers::default();
            ((writers.clone(), sender), (writers, receiver))
        })
        .unzip();
    let lists: Arc<[(Writers, UnboundedSender<Messages>)]> = lists.into();
    let subscribers = Subscribers::new(options);
    let accepted = Mutex::new((0, receivers));
    serve(options, move |stream| {
        let mut accepted = accepted.lock().expect("no panic while it is held");
        for (writers, receiver) in accepted.1.drain(..) {
            // Within the runtime.
            tokio::spawn(tokio::task::unconstrained(deliver(writers, receiver)));
        }
        accepted.0 += 1;
        let list = accepted.0 % lists.len();
        let (server, lists, subscribers) = (server.clone(), lists.clone(), subscribers.clone());
        let subscribes = subscribers.arrive();
        async move {
            let (mut reader, writer) = server.accept(stream).await?.split();
            if subscribes {
                let writers = &lists[list].0;
                writers.lock().expect("no panic").push(writer.downgrade());
                subscribers.joined();
            }
            while let Some(message) = reader.recv().await? {
                let asked = subscribers.asked(message.as_bytes()).await?;
                let messages: Messages = (0..asked)
                    .map(|_| PreparedMessage::text(fanout::payload()))
                    .collect();
                for (_, sender) in &*lists {
                    sender.send(messages.clone())?;
                }
            }
            drop(writer);
            Ok(())
        }
    });
}

async fn deliver(writers: Writers, mut receiver: UnboundedReceiver<Messages>) {
    while let Some(messages) = receiver.recv().await {
        let messages: Vec<&PreparedMessage> = messages.iter().collect();
        let writers = writers.lock().expect("no panic").clone();
        for (index, writer) in writers.iter().enumerate() {
            let done = writer.batch(&messages);
            let all = done.is_ok_and(|done| done.accepted == messages.len());
            assert!(
                all,
                "every subscriber has room: the load reads all that it asked for"
            );
            // Other tasks are to run too.
            if index % 256 == 255 {
                tokio::task::yield_now().await;
            }
        }
    }
}
