//! The signals that end a program.

/// Waits for Ctrl-C, or for SIGTERM, which service managers send.
pub(crate) async fn interrupt() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};

        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        // No signal can be waited for: the system's own handler ends the program.
        std::future::pending::<()>().await;
    }
}
