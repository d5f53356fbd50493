//! wskit-tungstenite: the program of tokio-tungstenite, on the crate with its API. Settings: the defaults.

wskit_bench_servers::tungstenite_server!(wskit_tungstenite);
