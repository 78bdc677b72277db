//! The msgsrouter server: who may connect, who is who, and what goes to whom.
//!
//! [`switch`] routes between connections, [`delivery`] keeps what waits for devices, [`store`] remembers peers over a
//! restart, [`keys`] what peers with keys have signed. None of them knows HTTP or TLS: those are the outside of the
//! server, which hands each accepted connection to the switch.
//!
//! A connection goes through [`listener`] (accepted, counted by [`admission`], TLS), [`http`] (pages, `/healthz`,
//! `/origin`) and, when it is a WebSocket of an allowed [`origin`], on to [`switch`]. [`server`] puts it all together:
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use msr_server::{config::Config, server::Server};
//!
//! let server = Server::bind(Config { port: 0, ..Config::default() }).await?;
//! println!("listening on {}", server.url());
//! server.run(std::future::pending()).await?;
//! # Ok(())
//! # }
//! ```

pub mod admission;
mod answer;
mod assets;
mod clock;
pub mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod delivery;
pub mod geoip;
pub mod http;
pub mod keys;
pub mod limits;
pub mod listener;
pub mod log;
pub mod open_files;
pub mod origin;
mod overload;
pub mod own_hosts;
pub mod phase;
pub mod server;
pub mod signals;
pub mod store;
pub mod stream;
pub mod switch;
pub mod tls;
mod websocket;
