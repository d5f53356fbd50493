//! The load generator's parts. It is meant to be much cheaper than any server it drives: it prepares
//! its frames once, waits on epoll, and looks at the headers of all replies but at the content of
//! few.

pub mod accept;
pub mod affinity;
pub mod arguments;
pub mod connect;
pub mod deflate;
pub mod echo;
pub mod fanout;
pub mod histogram;
pub mod idle;
pub mod link;
pub mod peer;
pub mod poll;
pub mod process;
pub mod publish;
pub mod quiet;
pub mod reader;
pub mod tls;
pub mod tls_accept;
pub mod traffic;
