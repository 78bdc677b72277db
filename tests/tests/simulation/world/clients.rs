//! What happens to the devices, their disks, handlers and clocks.

use super::*;

impl World {
    pub(super) fn start_client(&mut self, place: usize) {
        if self.devices[place].session.is_none() {
            let seed = self.random.u64(..);
            self.devices[place].start(seed, self.now_ms);
            self.carry(place);
            self.note(format!("{place} starts"));
        }
    }

    pub(super) fn crash_client(&mut self, place: usize) {
        if self.faults == Faults::All && self.devices[place].session.is_some() {
            let with_last_write = self.random.bool();
            self.devices[place].crash(with_last_write);
            self.note(format!("{place} dies {with_last_write}"));
        }
    }

    pub(super) fn disk(&mut self, place: usize) -> bool {
        let fails = self.is_rough && self.random.u32(0..20) == 0;
        let entropy = self.random.u64(1..);
        let done = self.devices[place].disk_job(fails, entropy, self.now_ms);
        self.carry(place);
        if done {
            self.note(format!("{place} disk {fails}"));
        }
        done
    }

    pub(super) fn handler(&mut self, place: usize) -> bool {
        self.answer(place);
        let at = if self.random.bool() { 0 } else { self.random.usize(..) };
        let done = self.devices[place].handler_done(at, self.now_ms);
        self.carry(place);
        done
    }

    pub(super) fn answer(&mut self, place: usize) {
        for request in std::mem::take(&mut self.devices[place].to_answer) {
            let from = request.message.from.as_str().trim_matches('"').parse().unwrap();
            let sent = Sent { recipients: vec![from], expires: false, is_request: false, bytes: 0, id: None };
            let draft = Draft { reply_to: request.id, ..Draft::new(to(&[from]), JsonText::string("s"), JsonText::null()) };
            self.send_new(place, sent, draft);
        }
    }

    pub(super) fn wake(&mut self, place: usize) {
        self.give(place, Input::Wake);
    }

    pub(super) fn set_a_clock(&mut self, place: usize) {
        let skew_ms = [-DAY_MS, 0, DAY_MS][self.random.usize(0..3)];
        self.note(format!("a clock is set {skew_ms}"));
        if self.random.bool() { self.devices[place].skew_ms = skew_ms } else { self.server_skew_ms = skew_ms }
    }
}
