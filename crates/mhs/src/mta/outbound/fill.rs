//! From the store into the window.

use std::sync::Arc;

use net::clock;

use super::Outbound;
use super::desk::now;
use crate::limits::{OUTBOUND_CLAIM_MAX, OUTBOUND_LEASE, OUTBOUND_WINDOW_EACH};

/// What the loop remembers of it.
#[derive(Debug, Default)]
pub(super) struct Fetching {}

impl Fetching {
    pub(super) fn ring(&mut self) {}
}

impl Outbound {
    pub(super) async fn fill(&self, _fetching: &mut Fetching) {
        loop {
            let (room, full) = {
                let mut book = self.desk.book();
                (book.backlog_room(now()), book.full(now()))
            };
            let count_max = room.min(OUTBOUND_CLAIM_MAX);
            if count_max < OUTBOUND_CLAIM_MAX {
                return;
            }
            let claimed = self
                .context
                .queue
                .claim(clock::now(), count_max, OUTBOUND_WINDOW_EACH, OUTBOUND_LEASE, Arc::new(full))
                .await;
            let claims = match claimed {
                Ok(claims) => claims,
                Err(error) => {
                    self.context.fault(None, None, "queue", &error);
                    return tokio::time::sleep(std::time::Duration::from_millis(500)).await;
                }
            };
            let count = claims.len();
            let refused = self.desk.book().add(claims, now());
            self.pass_over(refused).await;
            if count < count_max {
                return;
            }
        }
    }

    pub(super) async fn restore(&self) {}

    pub(super) async fn awake(&self, destination: &str) {
        if let Err(error) = self.context.queue.awake(destination).await {
            self.context.fault(None, None, "queue", &error);
        }
    }

    pub(super) async fn write_rest(&self, destination: &str, rest: &super::book::Rest) {
        let (until, queue) = (rest.until_at(now()), &self.context.queue);
        if let Err(error) = queue.rest(destination, clock::now(), until, rest.failures, &rest.reply).await {
            self.context.fault(None, None, "queue", &error);
        }
    }
}
