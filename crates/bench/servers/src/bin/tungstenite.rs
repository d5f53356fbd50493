//! tokio-tungstenite. Settings: the defaults, which its documentation recommends for high load
//! (buffers of 128 KiB).

wskit_bench_servers::tungstenite_server!(tokio_tungstenite);
