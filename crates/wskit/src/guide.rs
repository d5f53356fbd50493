//! The guide, page by page. It exists in the documentation only.
#![doc = ""]
#![doc = include_str!("../guide/links.txt")]
#![doc = include_str!("../guide/README.md")]

/// One module for each page. The links between pages lead to modules here, and to files elsewhere: what is
/// defined first counts.
macro_rules! pages {
    ($($name:ident)*) => {$(
        #[doc = include_str!("../guide/links.txt")]
        #[doc = include_str!(concat!("../guide/", stringify!($name), ".md"))]
        pub mod $name {}
    )*};
}

pages!(
    authenticate blocking cluster collaborate connect errors games json migrate observe
    reconnect rooms runtime scale send serve shutdown streaming test tune tungstenite tunnel
    types
);
