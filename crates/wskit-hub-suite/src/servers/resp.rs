//! A client of Redis for tests: commands and answers, one after the other.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer of Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A status, such as `OK`.
    Status(String),
    /// An error.
    Error(String),
    /// A number.
    Int(i64),
    /// Bytes.
    Bulk(Vec<u8>),
    /// Nothing.
    Nil,
    /// Several answers.
    Array(Vec<Value>),
}

impl Value {
    /// Returns a status, an error or bytes as text, and "" for anything else.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Status(text) | Self::Error(text) => text.clone(),
            Self::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        }
    }

    /// Returns the number, if it is one.
    #[must_use]
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns the parts of an array; of anything else there are none.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match self {
            Self::Array(items) => items,
            _ => &[],
        }
    }

    /// Returns what follows a name in an array of names and values, as `SENTINEL MASTER` and `HGETALL` answer.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Self> {
        let mut pairs = self.items().chunks_exact(2);
        pairs.find_map(|pair| (pair[0].text() == name).then_some(&pair[1]))
    }
}

/// A connection to Redis.
#[derive(Debug)]
pub struct Resp(BufReader<TcpStream>);

impl Resp {
    /// Connects. An answer may take five seconds.
    ///
    /// # Errors
    /// As connecting has them.
    pub fn connect(to: SocketAddr) -> io::Result<Self> {
        let timeout = Duration::from_secs(5);
        let stream = TcpStream::connect_timeout(&to, timeout)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a command, and reads the answer. Errors of Redis are [`Value::Error`].
    ///
    /// # Errors
    /// As the connection has them.
    pub fn command<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> io::Result<Value> {
        let mut command = format!("*{}\r\n", arguments.len()).into_bytes();
        for argument in arguments {
            let argument = argument.as_ref();
            command.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
            command.extend_from_slice(argument);
            command.extend_from_slice(b"\r\n");
        }
        self.0.get_mut().write_all(&command)?;
        self.read()
    }

    fn read(&mut self) -> io::Result<Value> {
        let nonsense = |_| io::Error::from(io::ErrorKind::InvalidData);
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end();
        let (kind, rest) = line.split_at(line.len().min(1));
        let number = || rest.parse::<i64>().map_err(nonsense);
        Ok(match kind {
            "+" => Value::Status(rest.into()),
            "-" => Value::Error(rest.into()),
            ":" => Value::Int(number()?),
            "$" => match usize::try_from(number()?) {
                Ok(len) => {
                    let mut bytes = vec![0; len + 2];
                    self.0.read_exact(&mut bytes)?;
                    bytes.truncate(len);
                    Value::Bulk(bytes)
                }
                Err(_) => Value::Nil,
            },
            "*" => match number()? {
                -1 => Value::Nil,
                len => Value::Array((0..len).map(|_| self.read()).collect::<Result<_, _>>()?),
            },
            _ => return Err(io::ErrorKind::InvalidData.into()),
        })
    }
}
