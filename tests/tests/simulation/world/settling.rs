//! The end of a run: nothing fails any more, until nothing is left to do.

use super::World;

impl World {
    /// Everybody comes back, nothing fails any more, until nothing is left to do.
    pub(crate) fn settle(&mut self) {
        self.is_rough = false;
        self.start_server();
        for place in 0..self.devices.len() {
            self.start_client(place);
        }
        self.quiet("at the end");
        if let Some(server) = &self.server {
            self.offered.extend(server.offered.clone());
            self.counts += server.counts;
        }
    }

    pub(super) fn quiet(&mut self, when: &str) {
        for _ in 0..20_000 {
            let mut busy = false;
            for place in 0..self.devices.len() {
                busy |= self.open(place);
                busy |= self.up(place);
                busy |= self.down(place);
                busy |= self.disk(place);
                busy |= self.handler(place);
            }
            busy |= self.ghosts();
            busy |= self.fetch();
            busy |= self.piece();
            busy |= self.commit_with(Ok(()));
            if busy {
                continue;
            }
            if self.is_done() {
                return;
            }
            let deadlines = self
                .devices
                .iter()
                .filter_map(|device| Some(device.session.as_ref()?.poll_timeout()?.max(0.0).ceil() as i64 + device.born_ms));
            let deadlines = deadlines.chain(self.devices.iter().filter_map(|device| device.keys_due_ms()));
            let next_ms = deadlines.chain(self.server.as_ref().and_then(|server| server.exchange.next_expiry_ms())).min();
            self.now_ms = next_ms.unwrap_or(self.now_ms).max(self.now_ms + 1);
            self.time_passes();
        }
        let tail = self.trace[self.trace.len().saturating_sub(60)..].join("\n");
        for device in &self.devices {
            println!("{} {:?} {:?} jobs {:?}", device.place, device.link, device.session.as_ref().map(|s| s.status()), device.jobs.len());
        }
        panic!(
            "seed {}: never quiet {when}; waiting at the server {}\n{tail}",
            self.seed,
            self.server.as_ref().unwrap().exchange.waiting()
        );
    }

    /// Whether everybody is registered and nothing waits anywhere.
    pub(super) fn is_done(&self) -> bool {
        let waiting = self.server.as_ref().map_or(0, |server| server.exchange.waiting());
        waiting == 0
            && self.devices.iter().all(|device| {
                let status = device.session.as_ref().map(|session| session.status());
                let life = device.life;
                let open = device.history.tickets.iter().filter(|((of, _), _)| *of == life).any(|(_, ticketed)| !ticketed.is_settled());
                status.is_some_and(|status| status.state == msr_client::State::Registered && status.waiting == 0) && !open
            })
    }
}
