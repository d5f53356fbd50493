//! Many connections that do nothing, or one thing, while the server's memory is measured. It is driven over
//! standard input and output: each line read starts a phase, each line printed ends it.

use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::connect;
use crate::link::Link;
use crate::poll::{self, Poll};
use crate::process;
use crate::reader::Reader;
use crate::tls;
use crate::traffic::{Kind, Traffic};

/// Runs it: `echo SIZE COUNT` (one message each on the first COUNT connections, at most 50 at a
/// time), `halves SIZE COUNT` (the first half of a message, and nothing more), `finish` (the other
/// halves, and their answers), `unread SIZE COUNT` (a message whose answer is not read), `drain` (it
/// is), `end`.
///
/// # Errors
/// The command line, the sockets, a wrong reply.
pub fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let address: SocketAddr = arguments.needed("address")?.parse()?;
    let wanted: usize = arguments.value("connections", 10_000)?;
    let files = process::lift_open_files() as usize;
    let count = wanted.min(files.saturating_sub(100));
    let offer = arguments.text("offer");
    let tls = tls::asked(arguments)?;
    let mut crowd = Crowd {
        sockets: Vec::with_capacity(count),
        offer: offer.map(str::to_owned),
        extensions: None,
        pending: None,
        raw: arguments.flag("raw"),
    };
    for _ in 0..count {
        // With so small a receive buffer that the server soon notices a client that does not read.
        let socket = poll::connect_narrow(address, 8 << 10)?;
        let opened = connect::upgrade_link(socket, address, offer, tls.as_ref())?;
        crowd.extensions = opened.extensions;
        crowd.sockets.push(opened.socket);
    }
    say(&format!("open {count}"))?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split(' ');
        let phase = words.next().unwrap_or("");
        let mut number = || {
            words
                .next()
                .and_then(|word| word.parse::<usize>().ok())
                .unwrap_or(0)
        };
        let (size, count) = (number(), number());
        match phase {
            "echo" => crowd.echo(size, count)?,
            "halves" | "unread" => crowd.begin(size, count, phase == "halves")?,
            "finish" | "drain" => crowd.finish()?,
            "end" => break,
            _ => return Err(format!("{line}: no phase").into()),
        }
        say(&format!("done {phase}"))?;
    }
    Ok(())
}

struct Crowd {
    sockets: Vec<Link>,
    offer: Option<String>,
    extensions: Option<String>,
    /// Messages that were begun: their traffic, how many bytes have been sent on each connection.
    pending: Option<(Traffic, Vec<usize>)>,
    raw: bool,
}

impl Crowd {
    fn traffic(&self, size: usize) -> Traffic {
        let agreed = self.offer.as_ref().and(self.extensions.as_deref());
        match agreed.and_then(crate::deflate::Agreed::parse) {
            Some(agreed) => Traffic::compressed(Kind::Json, size, 1, agreed),
            None => Traffic::plain(Kind::Binary, size, 1, self.raw),
        }
    }

    fn echo(&mut self, size: usize, count: usize) -> io::Result<()> {
        let traffic = self.traffic(size);
        let count = count.min(self.sockets.len());
        for first in (0..count).step_by(50) {
            let group = first..(first + 50).min(count);
            exchange(
                &mut self.sockets[group.clone()],
                &traffic,
                &vec![0; group.len()],
            )?;
        }
        Ok(())
    }

    fn begin(&mut self, size: usize, count: usize, half: bool) -> io::Result<()> {
        let traffic = self.traffic(size);
        let window = &traffic.windows[0];
        let end = if half { window.len() / 2 } else { window.len() };
        let (mut sent, mut spare) = (vec![0; count.min(self.sockets.len())], Vec::new());
        // What the server's socket does not take within a second stays unsent.
        let until = Instant::now() + Duration::from_secs(1);
        while sent.iter().any(|&n| n < end) && Instant::now() < until {
            for (link, sent) in self.sockets.iter_mut().zip(&mut sent) {
                if *sent < end {
                    *sent += link.send(&window[*sent..end], &mut spare)?.unwrap_or(0);
                }
            }
        }
        self.pending = Some((traffic, sent));
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        match self.pending.take() {
            Some((traffic, sent)) => exchange(&mut self.sockets[..sent.len()], &traffic, &sent),
            None => Ok(()),
        }
    }
}

/// Sends what is left of a message on each connection and reads the answers.
fn exchange(sockets: &mut [Link], traffic: &Traffic, sent: &[usize]) -> io::Result<()> {
    let window = &traffic.windows[0];
    let mut poll = Poll::new()?;
    let mut states: Vec<(usize, Reader)> = sent
        .iter()
        .map(|&sent| (sent, Reader::midway(traffic)))
        .collect();
    for (token, link) in sockets.iter().enumerate() {
        poll.add(&link.socket, token)?;
        poll.writable(&link.socket, token, true)?;
    }
    let (mut buffer, mut spare) = (vec![0; 256 << 10], Vec::new());
    let mut left = sockets.len();
    let until = Instant::now() + Duration::from_secs(60);
    while left > 0 {
        if Instant::now() > until {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let ready = poll.wait(Duration::from_millis(100))?;
        for index in 0..ready {
            let (token, input, room) = poll.event(index);
            let (link, (sent, reader)) = (&mut sockets[token], &mut states[token]);
            if room {
                *sent += link.send(&window[*sent..], &mut spare)?.unwrap_or(0);
                if *sent == window.len() {
                    poll.writable(&link.socket, token, false)?;
                }
            }
            if input {
                link.receive(&mut buffer, &mut |bytes| {
                    left -= reader.take(bytes, traffic)?.1;
                    Ok(())
                })?;
            }
        }
    }
    Ok(())
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
