//! The drop box of a running office: begun and ended apart from the doors, and anew at a reload.

use std::sync::Arc;

use net::Shutdown;
use tokio::task::JoinHandle;

use super::services::{Parts, transfer};
use crate::dropbox::Clerk;

/// Whoever takes what users of this machine drop; nobody, where the operator wants none.
pub(super) struct DropBox {
    shutdown: Shutdown,
    working: Option<JoinHandle<()>>,
}

impl DropBox {
    /// Begins to take letters, once `before` has ended.
    pub(super) fn start(parts: &Parts<'_>, before: Option<Self>) -> Self {
        let shutdown = Shutdown::new();
        let context = transfer(parts.settings, parts.ground, None, Arc::clone(parts.journal), shutdown.clone());
        let clerk = Clerk::new(context, parts.settings);
        let working = tokio::spawn(async move {
            if let Some(before) = before {
                before.stop().await;
            }
            if let Some(clerk) = clerk {
                clerk.run().await;
            }
        });
        Self { shutdown, working: Some(working) }
    }

    /// What was begun is finished; what is not, waits in the folder.
    pub(super) async fn stop(mut self) {
        self.shutdown.begin();
        if let Some(working) = self.working.take() {
            let _ = working.await;
        }
    }
}
