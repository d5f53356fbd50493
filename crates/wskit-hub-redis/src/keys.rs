use std::fmt::Write;

/// The names of keys and channels.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    prefix: String,
}

/// How many parts a cluster divides its keys into.
pub(crate) const SLOTS: usize = 16384;

impl Keys {
    pub(crate) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
        }
    }

    /// All keys of a topic have the same hash tag, so that they are on one node of a cluster.
    fn of(&self, class: char, topic: &str) -> Vec<u8> {
        let mut key = format!("{}:{class}:{{", self.prefix);
        for char in topic.chars() {
            match char {
                // It would end the hash tag.
                '}' => key.push_str("%7D"),
                '%' => key.push_str("%25"),
                _ => key.push(char),
            }
        }
        key.push('}');
        key.into_bytes()
    }

    /// A hash of the epoch, the newest offset, and how long messages are kept.
    pub(crate) fn meta(&self, topic: &str) -> Vec<u8> {
        self.of('m', topic)
    }

    /// A list or stream of messages.
    pub(crate) fn log(&self, topic: &str) -> Vec<u8> {
        self.of('l', topic)
    }

    /// A sorted set of the ids of messages, by offset.
    pub(crate) fn ids(&self, topic: &str) -> Vec<u8> {
        self.of('i', topic)
    }

    /// The epoch and the offset of the message of an id, for a while. The id has its sign before it.
    pub(crate) fn named(&self, topic: &str, id: &str) -> Vec<u8> {
        let mut key = self.ids(topic);
        key.extend(id.as_bytes());
        key
    }

    /// A hash of members.
    pub(crate) fn members(&self, topic: &str) -> Vec<u8> {
        self.of('p', topic)
    }

    /// The channel of a topic.
    pub(crate) fn channel(&self, topic: &str) -> Vec<u8> {
        self.of('c', topic)
    }

    /// The sorted set of nodes by the end of their lease, and the channel that tells which are gone.
    pub(crate) fn nodes(&self) -> Vec<u8> {
        format!("{}:nodes", self.prefix).into_bytes()
    }

    /// A channel of the node's own, in a slot that is among those that `takes` accepts.
    pub(crate) fn probe(&self, node: u64, takes: impl Fn(usize) -> bool) -> Vec<u8> {
        let mut channel = String::new();
        for number in 0..u32::MAX {
            channel.clear();
            let _ = write!(channel, "{}:probe:{{{node:x}-{number}}}", self.prefix);
            if takes(slot(channel.as_bytes())) {
                break;
            }
        }
        channel.into_bytes()
    }
}

/// Returns the part of a cluster that a key is in.
pub(crate) fn slot(key: &[u8]) -> usize {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|start| {
        let rest = key.get(start + 1..)?;
        let end = rest.iter().position(|byte| *byte == b'}')?;
        rest.get(..end).filter(|tag| !tag.is_empty())
    });
    usize::from(crc16(tag.unwrap_or(key))) % SLOTS
}

/// CRC-16 of the kind XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 {
                crc << 1
            } else {
                (crc << 1) ^ 0x1021
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        // By `CLUSTER KEYSLOT`.
        for (key, expected) in [
            ("foo", 12182),
            ("{foo}bar", 12182),
            ("a{foo}b{bar}", 12182),
            ("foo{}{bar}", 8363),
            ("", 0),
        ] {
            assert_eq!(slot(key.as_bytes()), expected, "{key}");
        }
    }

    proptest! {
        #[test]
        fn all_keys_of_a_topic_are_in_one_slot_and_no_two_topics_share_them(
            topic in "[{}%a:é]{1,6}", other in "[{}%a:é]{1,6}",
        ) {
            let keys = Keys::new("hub");
            let of = |topic: &str| {
                [keys.meta(topic), keys.log(topic), keys.ids(topic), keys.members(topic), keys.channel(topic),
                 keys.named(topic, "={}")]
            };
            let own = of(&topic);
            for key in &own {
                prop_assert_eq!(slot(key), slot(&own[0]));
            }
            if topic != other {
                prop_assert!(own.iter().all(|key| !of(&other).contains(key)));
            }
        }
    }
}
