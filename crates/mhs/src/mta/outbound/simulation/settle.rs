//! The end of attempts in a run: the real decisions, and the real rows, with the notices as letters in the queue.

use std::sync::Arc;

use envelope::{Outcome, ReversePath};
use message::dsn::Action;
use queue::{Settled, Settlement, Verdict};

use super::super::settle::{End, Ended, decide};
use super::office::{Letter, Office, accept, key};
use super::post::Item;
use super::virtual_now;

impl Office {
    /// What has ended is written down, each with the notice about it in one transaction.
    pub(super) async fn settle(&mut self) {
        self.node().settles = false;
        let now = virtual_now();
        let mut plain = Vec::new();
        for ended in std::mem::take(&mut self.node().ended) {
            let decision = decide(&self.settings.backoff, now.wall, &ended.job.claim, &ended);
            match decision.notice {
                None => plain.push((ended, decision.verdict)),
                Some((action, _)) => self.settle_one(&ended, &decision.verdict, Some(action)).await,
            }
        }
        self.settle_plain(plain).await;
    }

    /// Those without a notice, in one transaction.
    async fn settle_plain(&mut self, plain: Vec<(Ended, Verdict)>) {
        if plain.is_empty() {
            return;
        }
        let end = |(ended, verdict): &(Ended, Verdict)| {
            let (mail, number) = key(&ended.job);
            Settlement { mail, number, fence: ended.job.fence(), verdict: verdict.clone() }
        };
        let ends: Vec<Settlement> = plain.iter().map(end).collect();
        let came = self.queue().settle(ends.clone()).await.unwrap();
        for (((ended, verdict), end), came) in plain.iter().zip(ends).zip(came) {
            match came {
                Settled::Written => {
                    ended.job.settled(end.fence);
                    self.note(ended, verdict, None);
                }
                Settled::Obeyed => ended.job.settled(end.fence),
                Settled::Lost => self.settle_one(ended, verdict, None).await,
            }
        }
    }

    /// A row that we claimed once more ourselves is settled under its new fence.
    async fn settle_one(&mut self, ended: &Ended, verdict: &Verdict, notice: Option<Action>) {
        let claim = &ended.job.claim;
        let told = claim.mail.reverse_path.address().filter(|_| notice.is_some()).cloned();
        let bounce = match told {
            Some(to) => Some((self.chance.id(), to, self.stage().await)),
            None => None,
        };
        for _ in 0..3 {
            let fence = ended.job.fence();
            let end = Settlement { mail: claim.mail.id, number: claim.number, fence, verdict: verdict.clone() };
            let (queue, bounce_too, now) = (self.queue(), bounce.clone(), virtual_now().wall);
            let prepared = match &bounce {
                Some((_, to, _)) => Some(Arc::new(self.prepare(&ReversePath::Null, std::slice::from_ref(to)).await)),
                None => None,
            };
            let ready = prepared.clone();
            let write = self.store.write(move |tx| {
                let came = queue.settle_in(tx, std::slice::from_ref(&end))?.first().copied().unwrap_or(Settled::Lost);
                if let (Settled::Written, Some((mail, to, staged)), Some(ready)) = (came, &bounce_too, &ready) {
                    let letter = Letter { mail: *mail, from: ReversePath::Null, to: vec![to.clone()] };
                    accept(tx, &queue, ready, &letter, staged, now)?;
                }
                Ok(came)
            });
            let came = write.await.unwrap().0;
            if came != Settled::Lost {
                ended.job.settled(fence);
            }
            if came == Settled::Obeyed {
                return;
            }
            if came == Settled::Written {
                if let (Some(prepared), Some((mail, to, _))) = (prepared, bounce) {
                    let item = Item { to: to.to_string(), is_notice: true, ..Item::default() };
                    self.post.items.insert((mail, 0), item);
                    prepared.hand_over();
                }
                return self.note(ended, verdict, notice);
            }
            if ended.job.fence() == fence {
                // Somebody else has it now.
                return;
            }
        }
    }

    fn note(&mut self, ended: &Ended, verdict: &Verdict, notice: Option<Action>) {
        let item = self.post.item(&key(&ended.job));
        let delivered = matches!(&ended.end, End::Outcome(Outcome::Delivered(_)));
        assert!(!delivered || item.delivered > 0, "we believe that {} has it: {item:?}", item.to);
        item.late += u32::from(notice == Some(Action::Delayed));
        if matches!(verdict, Verdict::GivenUp { .. }) {
            item.failed += 1;
            self.double_bounces += usize::from(item.is_notice);
        }
    }
}
