//! What a session of version 2 says to its server, its disk and its page, case by case.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod connecting;
mod inputs;
mod keyed;
mod large;
mod opening;
mod proving;
mod receiving;
mod sealing;
mod sealing_world;
mod sending;
mod stage;
